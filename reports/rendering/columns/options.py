"""What a report says about the presentation of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """Values that meet the condition `when` look `style`: good, bad or warning."""

    when: str
    style: str


@dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """One column. An empty or missing option means what docs/formats.md says."""

    label: str = ""
    #: A number or date pattern of CLDR.
    format: str = ""
    #: ISO 4217.
    currency: str = ""
    #: In characters.
    width: int | None = None
    #: left, center or right.
    align: str | None = None
    hidden: bool = False
    highlight: tuple[Highlight, ...] = ()


def column_options(options: Mapping[str, Any]) -> dict[str, ColumnOptions]:
    """The columns in a version's options, or in a definition, by name."""
    return {name: _column_options(entry) for name, entry in options.get("columns", {}).items()}


def _column_options(entry: Mapping[str, Any]) -> ColumnOptions:
    highlight = tuple(Highlight(when=rule["when"], style=rule["as"]) for rule in entry.get("highlight", ()))
    return ColumnOptions(**{**entry, "highlight": highlight})


def humanized(name: str) -> str:
    """`mean_arr_delay` as `Mean arr delay`. What isn't written like a variable stays as it is."""
    if not name.isidentifier():
        return name
    words = name.replace("_", " ").strip()
    return f"{words[:1].upper()}{words[1:]}" or name
