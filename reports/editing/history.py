"""The versions of a report, what each one changed, and how any two differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from common.paging import paginate
from reports.definitions.from_database import version_entry
from reports.editing.differences import Difference, differences, names
from reports.models import ReportConfiguration, ReportVersion

_MOST_NAMED = 6


@dataclass(frozen=True)
class Change:
    """A version, and the fields in which it is not like the one before it."""

    version: ReportVersion
    fields: list[str]
    more: int


def shown(request: HttpRequest, report: ReportConfiguration) -> dict[str, Any]:
    """What the page of the versions shows: a page of them, and the comparison that the query string asks for."""
    rows = report.versions.select_related("data_source").prefetch_related("delivery_targets")
    page = paginate(request, rows, "-number", "id")
    new = _chosen(request, "to", report.version.number)
    old = _chosen(request, "from", max(new - 1, 1))
    known = {version.number: version for version in page.rows}
    others = {old, new, *(version.number - 1 for version in page.rows[-1:])} - known.keys()
    known |= {version.number: version for version in rows.filter(number__in=others)}
    changes = [_change(version, known.get(version.number - 1)) for version in page.rows]
    compared = _compared(known.get(old), known.get(new)) if old != new else None
    return {"page": page, "changes": changes, "old": old, "new": new, "compared": compared}


def _change(version: ReportVersion, before: ReportVersion | None) -> Change:
    fields = names(_compared(before, version) or [])
    return Change(version, fields[:_MOST_NAMED], len(fields[_MOST_NAMED:]))


def _compared(before: ReportVersion | None, after: ReportVersion | None) -> list[Difference] | None:
    """None when either version is missing."""
    return differences(version_entry(before), version_entry(after)) if before and after else None


def _chosen(request: HttpRequest, name: str, otherwise: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise
