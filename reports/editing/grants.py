"""The access table of the edit form: one row for each role or user with rights on the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reports.definitions import GrantsDefinition
from reports.editing.submission import Submission

RIGHTS = tuple(GrantsDefinition.model_fields)


@dataclass
class Grant:
    """A row of the table. `holder`: a role, or "user:" and a user name."""

    holder: str
    rights: list[str]
    errors: list[str] = field(default_factory=list)


def grants_of(entry: Mapping[str, list[str]]) -> list[Grant]:
    """Return the rows for the `grants` of a definition."""
    holders = dict.fromkeys(holder for right in RIGHTS for holder in entry.get(right, []))
    return [Grant(holder, [right for right in RIGHTS if holder in entry.get(right, [])]) for holder in holders]


def submitted_grants(submission: Submission) -> list[Grant]:
    """Return the submitted rows. One without a holder or a right is left out: that is how a grant is revoked."""
    grants = []
    for path in submission.rows("grants"):
        holder = submission.data.get(f"{path}.holder", "").strip()
        rights = [right for right in RIGHTS if f"{path}.{right}" in submission.data]
        if holder and rights:
            grants.append(Grant(holder, rights))
    return grants


def grants_entry(grants: Iterable[Grant]) -> dict[str, list[str]]:
    """Return the `grants` of a definition for these rows."""
    rows = list(grants)
    return {right: [grant.holder for grant in rows if right in grant.rights] for right in RIGHTS}


def row_of(path: str, grants: Iterable[Grant]) -> int | None:
    """Return the row that an error path is about: "grants.view[2]" is the third row with the right to view.

    None for the table as a whole.
    """
    right, _, number = path.removeprefix("grants").strip(".").rstrip("]").partition("[")
    rows = [row for row, grant in enumerate(grants) if right in grant.rights]
    return rows[int(number)] if number.isdigit() and int(number) < len(rows) else None
