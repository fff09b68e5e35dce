"""The tabs of the edit form: which fields each of them has, how many errors are in it, and which one is open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

#: By id: the title, and the fields. The fields of no tab are limits, or lay out files.
_TABS: dict[str, tuple[StrPromise, tuple[str, ...]]] = {
    "general": (_("General"), ("name", "slug", "description")),
    "query": (_("Query"), ("data_source", "query", "sections")),
    "parameters": (_("Parameters"), ("parameters", "rules", "time_zone")),
    "presentation": (_("Presentation"), ("columns", "totals", "chart", "locale")),
    "files": (_("Files and limits"), ("formats", "csv")),
    "sharing": (_("Delivery and access"), ("deliver", "delivery", "grants")),
}
_OF_OTHERS = "files"
_OF_FIELD = {field: tab for tab, (_title, fields) in _TABS.items() for field in fields}


class Tab(NamedTuple):
    """A tab with the number of fields in it that have errors."""

    id: str
    title: StrPromise
    errors: int
    is_open: bool


def tab_of(field: str) -> str:
    """Return the id of the tab with this field of a report."""
    return _OF_FIELD.get(field, _OF_OTHERS)


def tabs(fields_with_errors: Iterable[str], focused: str, requested: str) -> list[Tab]:
    """Return all tabs. The first one with errors is open, or else that of the focused field, or the requested one."""
    numbers = dict.fromkeys(_TABS, 0)
    for field in fields_with_errors:
        numbers[tab_of(field)] += 1
    wrong = [tab for tab, number in numbers.items() if number]
    opened = wrong[0] if wrong else tab_of(focused) if focused else requested
    if opened not in _TABS:
        opened = next(iter(_TABS))
    return [Tab(tab, title, numbers[tab], tab == opened) for tab, (title, _fields) in _TABS.items()]
