"""Checks of a report's chart: a Vega-Lite specification that brings no data of its own and loads nothing.

The rows of the query are its data. Three independent measures keep a chart from loading anything: addresses are refused
here, the drawing process has no access to them, and only shapes and text of its drawing are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

import pyarrow as pa

from reports.exceptions import DesignMismatch
from reports.rendering.column_lookup import column_names

MAX_CHARACTERS = 50_000
#: Of any width, height or step: charts are for a page.
MAX_PIXELS = 4_000
_MAX_DEPTH = 40
#: A specification has one of these at its top.
_VIEWS = ("mark", "layer", "facet", "hconcat", "vconcat", "concat", "repeat")
_REFUSED_KEYS = {
    "data": "Must be left out: the data of a chart is the rows of the report's query.",
    "datasets": "Must be left out: the data of a chart is the rows of the report's query.",
    "url": "Must be left out: a chart can't load anything.",
    "href": "Must be left out: a chart can't have links.",
    "usermeta": "Must be left out: it has no effect here.",
}
#: The names that transforms give to their results if they have no `as`.
_DEFAULT_RESULTS = {"fold": ("key", "value"), "density": ("value", "density"), "quantile": ("prob", "value")}
#: The first part of a field's path. In it, a backslash escapes dots and brackets of the name itself.
_FIRST_PART = re.compile(r"(?:\\.|[^\\.\[\]'\"])+")
#: Quotes and backslashes are written in another way within JSON.
_UNQUOTED = dict.fromkeys(map(ord, "\\\"'"))


class _Entry(NamedTuple):
    """One key of a mapping anywhere in a specification."""

    path: str
    key: str
    value: Any


def errors(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """The errors of a specification that can be found without the columns, by path."""
    try:
        if len(json.dumps(spec, allow_nan=False)) > MAX_CHARACTERS:
            return {"": [f"Must have at most {MAX_CHARACTERS:,} characters."]}
        found: dict[str, list[str]] = {}
        for entry in _entries(spec):
            error = _entry_error(entry)
            # Anything inside of an entry that must be left out needs no error.
            if error and not any(entry.path.startswith((f"{path}.", f"{path}[")) for path in found):
                found[entry.path] = [error]
    except (ValueError, TypeError):
        return {"": ["Must consist of texts, finite numbers, true, false, null, lists and mappings."]}
    except RecursionError:
        return {"": [f"Must be nested at most {_MAX_DEPTH} levels deep."]}
    if not any(view in spec for view in _VIEWS):
        found[""] = [f"Must be a Vega-Lite specification: a mapping with one of {', '.join(_VIEWS)}."]
    return found


def check_columns(spec: Mapping[str, Any], schema: pa.Schema) -> None:
    """Raise DesignMismatch if the specification names a field that is neither a column nor computed by itself."""
    if any(entry.key == "pivot" for entry in _entries(spec)):
        # A pivot names its results after the values that it finds.
        return
    known = {*schema.names, *_computed_fields(spec)}
    for path, field in _fields(spec):
        name = _field_name(field)
        if name in known:
            continue
        if field in known:
            escaped = re.sub(r"([.\[\]])", r"\\\1", field)
            raise DesignMismatch(f"chart.{path}: Vega-Lite reads {field} as a path. Write {escaped} for the column.")
        raise DesignMismatch(f"chart.{path}: The query has no column {name}. It has {column_names(schema)}.")


def columns_used(spec: Mapping[str, Any], schema: pa.Schema) -> list[int]:
    """The columns that the chart may use: those whose name occurs anywhere in it, even within an expression.

    At least one, because a chart may only count rows.
    """
    text = json.dumps(spec, ensure_ascii=False).translate(_UNQUOTED)
    used = [at for at, name in enumerate(schema.names) if name.translate(_UNQUOTED) in text]
    return used or list(range(len(schema)))[:1]


def _entries(value: Any, path: str = "", depth: int = 0) -> Iterator[_Entry]:
    """Every key of every mapping in the value."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if isinstance(value, Mapping):
        for key, inner in value.items():
            inner_path = f"{path}.{key}" if path else str(key)
            yield _Entry(inner_path, str(key), inner)
            yield from _entries(inner, inner_path, depth + 1)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _entries(item, f"{path}[{at}]", depth + 1)


def _entry_error(entry: _Entry) -> str | None:
    path, key, value = entry
    if key in _REFUSED_KEYS:
        return _REFUSED_KEYS[key]
    if value == "image" and (key == "mark" or path.endswith("mark.type")):
        return "Must not be image: a chart can't load anything."
    if key in ("width", "height", "step") and isinstance(value, (int, float)) and not 0 < value <= MAX_PIXELS:
        return f"Must be more than 0 and at most {MAX_PIXELS:,} pixels."
    if "\0" in key or (isinstance(value, str) and "\0" in value) or (isinstance(value, float) and not isfinite(value)):
        return "Must not contain NUL characters or infinite numbers."
    return None


def _computed_fields(spec: Mapping[str, Any]) -> Iterator[str]:
    """The names that the specification gives to what it computes."""
    for _, key, value in _entries(spec):
        if key == "as":
            yield from (value if isinstance(value, list) else [str(value)])
        elif key in _DEFAULT_RESULTS:
            yield from _DEFAULT_RESULTS[key]


def _fields(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and field of every place where the specification names one, `repeat` included."""
    for path, key, value in _entries(spec):
        if key == "field" and isinstance(value, str):
            yield path, value
        elif key in ("groupby", "fold", "flatten") and isinstance(value, list):
            yield from ((f"{path}[{at}]", name) for at, name in enumerate(value) if isinstance(name, str))
        elif key == "repeat":
            lists = value.values() if isinstance(value, Mapping) else [value]
            for names in lists:
                if isinstance(names, list):
                    yield from ((path, name) for name in names if isinstance(name, str))


def _field_name(field: str) -> str:
    """The name of the column that a field's path starts with, without escapes."""
    if bracketed := re.match(r"\[(['\"])(.*?)\1\]", field):
        return bracketed.group(2)
    first = _FIRST_PART.match(field)
    return re.sub(r"\\(.)", r"\1", first.group()) if first else field
