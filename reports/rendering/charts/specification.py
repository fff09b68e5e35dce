"""What a report's chart may say: a Vega-Lite specification that brings no data of its own and loads nothing.

The rows of the query are its data. Addresses are refused here, the process that draws is told to load nothing, and what
it draws keeps only shapes and text: each of the three alone keeps a chart from reaching outside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import pyarrow as pa

from reports.exceptions import DesignMismatch
from reports.rendering.column_lookup import column_names

MAX_CHARACTERS = 50_000
#: Of any width, height or step: charts are for a page.
MAX_PIXELS = 4_000
_MAX_DEPTH = 40
_VIEWS = ("mark", "layer", "facet", "hconcat", "vconcat", "concat", "repeat")
_REFUSED = {
    "data": "Must be left out: a chart draws the rows of the report's own query.",
    "datasets": "Must be left out: a chart draws the rows of the report's own query.",
    "url": "Must be left out: a chart loads nothing.",
    "href": "Must be left out: a chart has no links.",
    "usermeta": "Must be left out: it has no meaning here.",
}
_NO_IMAGES = "Must not be image: a chart loads nothing."
#: What transforms call their results where they have no `as`.
_UNNAMED = {"fold": ("key", "value"), "density": ("value", "density"), "quantile": ("prob", "value")}
#: The first part of a field's path, in which \\ stands before a dot or bracket of the name itself.
_HEAD = re.compile(r"(?:\\.|[^\\.\[\]'\"])+")

#: Quotes and what escapes them are written in another way within JSON.
_UNQUOTED = dict.fromkeys(map(ord, "\\\"'"))

#: Where something is in the specification, and what it is.
_Part = tuple[str, str, Any]


def errors(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with a specification, by path below it; without knowing the columns."""
    try:
        if len(json.dumps(spec, allow_nan=False)) > MAX_CHARACTERS:
            return {"": [f"Must have at most {MAX_CHARACTERS:,} characters."]}
        found: dict[str, list[str]] = {}
        for path, sentences in map(_refused, _parts(spec)):
            # What is below something that has to go needs no sentence of its own.
            if sentences and not any(path.startswith((f"{above}.", f"{above}[")) for above in found):
                found[path] = sentences
    except (ValueError, TypeError):
        return {"": ["Must be made of texts, numbers, true, false, null, lists and mappings; numbers must be finite."]}
    except RecursionError:
        return {"": [f"Must not be nested deeper than {_MAX_DEPTH} levels."]}
    if not any(view in spec for view in _VIEWS):
        found[""] = [f"Must be a Vega-Lite specification: a mapping with one of {', '.join(_VIEWS)}."]
    return found


def check_columns(spec: Mapping[str, Any], schema: pa.Schema) -> None:
    """Raises DesignMismatch if the specification names a field that is neither a column nor one of its own results."""
    if any(key == "pivot" for _, key, _ in _parts(spec)):
        # Its results are called as the values that it finds.
        return
    known = {*schema.names, *_results(spec)}
    for path, name in _fields(spec):
        head = _head(name)
        if head in known:
            continue
        if name in known:
            escaped = re.sub(r"([.\[\]])", r"\\\1", name)
            raise DesignMismatch(f"chart.{path}: Vega-Lite reads {name} as a path. Write {escaped} for the column.")
        raise DesignMismatch(f"chart.{path}: The query has no column {head}. It has {column_names(schema)}.")


def columns_used(spec: Mapping[str, Any], schema: pa.Schema) -> list[int]:
    """Columns that the specification may use: those whose name is anywhere in it, also within an expression.

    At least one, as a chart may also count rows.
    """
    text = json.dumps(spec, ensure_ascii=False).translate(_UNQUOTED)
    names = enumerate(schema.names)
    return [at for at, name in names if name.translate(_UNQUOTED) in text] or list(range(len(schema)))[:1]


def _parts(value: Any, path: str = "", depth: int = 0) -> Iterator[_Part]:
    """Every key of every mapping, with its path."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if isinstance(value, Mapping):
        for key, below in value.items():
            here = f"{path}.{key}" if path else str(key)
            yield here, str(key), below
            yield from _parts(below, here, depth + 1)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _parts(item, f"{path}[{at}]", depth + 1)


def _refused(part: _Part) -> tuple[str, list[str]]:
    path, key, value = part
    if key in _REFUSED:
        return path, [_REFUSED[key]]
    if value == "image" and (key == "mark" or path.endswith("mark.type")):
        return path, [_NO_IMAGES]
    if key in ("width", "height", "step") and isinstance(value, (int, float)) and not 0 < value <= MAX_PIXELS:
        return path, [f"Must be more than 0 and at most {MAX_PIXELS:,} pixels."]
    if "\0" in key or (isinstance(value, str) and "\0" in value) or (isinstance(value, float) and not isfinite(value)):
        return path, ["Must be without NUL characters and infinite numbers."]
    return path, []


def _results(spec: Mapping[str, Any]) -> Iterator[str]:
    """Names that the specification itself gives to what it computes."""
    for _, key, value in _parts(spec):
        if key == "as":
            yield from (value if isinstance(value, list) else [str(value)])
        elif key in _UNNAMED:
            yield from _UNNAMED[key]


def _fields(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where the specification names a field, and which; one that `repeat` fills in is named there."""
    for path, key, value in _parts(spec):
        if key == "field" and isinstance(value, str):
            yield path, value
        elif key in ("groupby", "fold", "flatten") and isinstance(value, list):
            yield from ((f"{path}[{at}]", name) for at, name in enumerate(value) if isinstance(name, str))
        elif key == "repeat":
            repeated = value if isinstance(value, Mapping) else {"": value}
            for names in repeated.values():
                yield from ((path, name) for name in names if isinstance(names, list) and isinstance(name, str))


def _head(name: str) -> str:
    bracket = re.match(r"\[(['\"])(.*?)\1\]", name)
    if bracket:
        return bracket.group(2)
    found = _HEAD.match(name)
    return re.sub(r"\\(.)", r"\1", found.group()) if found else name
