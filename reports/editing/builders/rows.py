"""Commands that add, remove or move a row anywhere in the form: "add sections[0].columns", "up rules 1"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from reports.definitions import ReportDefinition
from reports.editing.builders.named_rows import NamedRows
from reports.editing.field_kinds import FieldKind, built_kind_of, choices_of, fields_of_model, model_in, without_none

_STEP = re.compile(r"([a-z_]+)|\[(\d{1,4})\]|\.")


class _Rows(NamedTuple):
    """The rows at a path, and what a new one is."""

    rows: list[Any]
    empty: Any


def change(entry: dict[str, Any], command: str) -> str | None:
    """Change the rows of the entry. Return the path of the row, or of the rows, to look at; None for no command."""
    verb, path, number = [*command.split(" "), "", "", ""][:3]
    found = _find(entry, path) if verb in ("add", "remove", "up") else None
    if found is None:
        return None
    rows, row = found.rows, int(number) if number.isascii() and number.isdigit() else -1
    if verb == "add":
        rows.append(found.empty)
        return f"{path}[{len(rows) - 1}]"
    if verb == "remove" and 0 <= row < len(rows):
        del rows[row]
    elif verb == "up" and 0 < row < len(rows):
        rows[row - 1], rows[row] = rows[row], rows[row - 1]
        return f"{path}[{row - 1}]"
    return path


def _find(entry: dict[str, Any], path: str) -> _Rows | None:
    """Walk along the path through the entry and, beside it, through the types of its fields."""
    value: Any = entry
    fields, annotation = fields_of_model(ReportDefinition), None
    rows: list[Any] | None = None
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            return None
        position, name, number = step.end(), step[1], step[2]
        if name:
            if name not in fields or not isinstance(value, dict):
                return None
            annotation = fields[name].annotation
            value, rows = _container(value, name, annotation)
        elif number:
            if rows is None or int(number) >= len(rows):
                return None
            value, rows = (rows[int(number)][1] if isinstance(rows, NamedRows) else rows[int(number)]), None
        model = model_in(annotation)
        fields = fields_of_model(model) if model else {}
    return None if rows is None else _Rows(rows, _empty(annotation))


def _container(entry: dict[str, Any], name: str, annotation: Any) -> tuple[Any, list[Any] | None]:
    """Return the field's value, and its rows if it has such. An absent field gets an empty value."""
    kind = built_kind_of(annotation)
    if kind is FieldKind.NAMED:
        entry[name] = NamedRows.of(entry.get(name))
    elif kind is FieldKind.ROWS:
        entry[name] = entry[name] if isinstance(entry.get(name), list) else []
    elif isinstance(entry.get(name), Mapping) or kind in (FieldKind.GROUP, FieldKind.OPTIONAL):
        entry[name] = entry[name] if isinstance(entry.get(name), dict) else {}
        return entry[name], None
    else:
        return None, None
    return entry[name], entry[name]


def _empty(annotation: Any) -> Any:
    if built_kind_of(annotation) is not FieldKind.NAMED:
        return {}
    value_type = get_args(without_none(annotation))[-1]
    return ["", {} if model_in(value_type) else choices_of(value_type)[0]]
