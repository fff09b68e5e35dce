"""The versions of a report or a schedule: what each of them changed, and how any two of them differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from common.paging import paginate
from reports.editing.differences import Difference, changed_fields, differences

#: Fields of a change that are named; the rest are only counted.
_MAX_FIELDS = 6


@dataclass(frozen=True)
class Change:
    """A version, and the fields in which it differs from the one before."""

    version: Any
    fields: list[str]
    more: int


def version_history(
    request: HttpRequest, versions: QuerySet[Any], current: int, entry_of: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """Return a page of the versions, and the comparison that the query string requests (default: the newest change).

    `current` is the number of the version in force; `entry_of` returns a version as the definitions file writes it.
    `compared` is None if the compared versions are the same one, or one of them doesn't exist.
    """

    def compare(before: Any, after: Any) -> list[Difference] | None:
        return differences(entry_of(before), entry_of(after)) if before and after else None

    page = paginate(request, versions, "-number", "id")
    new = _requested_number(request, "to", current)
    old = _requested_number(request, "from", max(new - 1, 1))
    by_number = {version.number: version for version in page.rows}
    # The versions to compare, and the one before the last of the page.
    missing = {old, new, *(version.number - 1 for version in page.rows[-1:])} - by_number.keys()
    by_number |= {version.number: version for version in versions.filter(number__in=missing)}
    changes = []
    for version in page.rows:
        fields = changed_fields(compare(by_number.get(version.number - 1), version) or [])
        changes.append(Change(version, fields[:_MAX_FIELDS], len(fields[_MAX_FIELDS:])))
    compared = None if old == new else compare(by_number.get(old), by_number.get(new))
    return {"page": page, "changes": changes, "current": current, "old": old, "new": new, "compared": compared}


def _requested_number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
