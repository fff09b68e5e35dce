"""What the account of a data source may do beyond reading, on MySQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reports.sources.rights import Excess

#: "GRANT SELECT (`a`), INSERT ON `db`.`t` TO …". A grant of a role or of PROXY names no privileges.
_GRANT = re.compile(r"GRANT (.+?) ON ", re.IGNORECASE | re.DOTALL)
_COLUMNS = re.compile(r"\([^)]*\)")
_WRITING = {
    "INSERT", "UPDATE", "DELETE", "DELETE HISTORY", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER", "EVENT",
    "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE TABLESPACE",
}  # fmt: skip
_KINDS = {
    "ALL PRIVILEGES": Excess.SUPERUSER,
    "SUPER": Excess.SUPERUSER,
    "FILE": Excess.FILES,
    "CREATE USER": Excess.ACCOUNTS,
    "CREATE ROLE": Excess.ACCOUNTS,
    "SET USER": Excess.ACCOUNTS,
} | dict.fromkeys(_WRITING, Excess.WRITE)


def excesses(grants: Iterable[str]) -> list[Excess]:
    """What the answer to `show grants` says. All privileges on one database only are the right to write."""
    found: set[Excess | None] = set()
    for grant, match in ((grant, _GRANT.match(grant)) for grant in grants):
        is_global = " ON *.* " in grant
        for privilege in _COLUMNS.sub("", match[1]).upper().split(",") if match else []:
            excess = _KINDS.get(privilege.strip())
            found.add(Excess.WRITE if excess is Excess.SUPERUSER and not is_global else excess)
    return [Excess.SUPERUSER] if Excess.SUPERUSER in found else [excess for excess in Excess if excess in found]
