"""Sections of the definitions file that belong to apps above this one. They register when Django starts.

An entry has the fields `slug`, unique in the tenant, and `tenant`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from accounts.models import Tenant, User
    from audit.actions import PendingEntry
    from reports.definitions.accounts_and_sources import Sync
    from reports.definitions.base import Definition


class VariableNames:
    """Names of environment variables, each used once: users "a.b" and "a-b" must not share a password."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def name(self, slug: str, suffix: str) -> str:
        """Return a name for this slug or user name: "crm" and "URL" give CRM_URL."""
        base = re.sub(r"[^A-Z0-9]", "_", slug.upper())
        base = f"_{base}" if base[0].isdigit() else base
        name, number = f"{base}_{suffix}", 1
        while name in self._used:
            number += 1
            name = f"{base}_{number}_{suffix}"
        self._used.add(name)
        return name


class FileSection(Protocol):
    """A section. All calls but `export` are in the transaction of one run of `apply`, in the order listed here unless
    `prunes_last`.

    Audit entries are returned, to be written after all rows have been changed.
    """

    @property
    def name(self) -> str: ...

    @property
    def definition(self) -> type[Definition]:
        """The type of an entry."""

    @property
    def prunes_last(self) -> bool:
        """Whether it is pruned once all sections match the file, since other entries refer to it until then."""

    def lock(self, tenants: Collection[str]) -> None:
        """Lock what these tenants have, in a fixed order, until the transaction ends."""

    def prune(self, sync: Sync, tenants: Collection[str], kept: Sequence[Any]) -> list[PendingEntry]:
        """Delete what these tenants have and `kept` does not list."""

    def sync(self, sync: Sync, entries: Sequence[Any], actor: User | str) -> list[PendingEntry]:
        """Create what is missing and update what differs. Reports already match the file."""

    def export(self, tenants: Iterable[Tenant], variables: VariableNames) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the entries of these tenants, and warnings about what is left out. `variables`: for its secrets."""


_registered: dict[str, FileSection] = {}


def register(section: FileSection) -> None:
    _registered[section.name] = section


def file_sections() -> list[FileSection]:
    """Return the registered sections, in the order in which they depend on each other."""
    return list(_registered.values())
