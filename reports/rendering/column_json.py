"""Columns as exact JSON text, nested types included."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from reports.rendering.column_kinds import ColumnKind, kind_of, union_values, unwrapped
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import TEXT, concat, replace_characters

#: The backslash comes first, because all other escapes contain one.
_ESCAPES = {"\\": "\\\\", '"': '\\"'} | {chr(code): f"\\u{code:04x}" for code in range(32)}
_ESCAPES |= {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_NULL = pa.scalar("null", TEXT)
_NULL_TEXT = pa.scalar(None, TEXT)


def to_json(array: pa.Array) -> pa.Array:
    """Each value as JSON, as large_string without NULLs: NULL is the text `null`."""
    kind = kind_of(array.type)
    if kind in _UNQUOTED:
        return pc.fill_null(_UNQUOTED[kind](unwrapped(array)), _NULL)
    return pc.fill_null(concat('"', _string_content(array, kind), '"'), _NULL)


def json_string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def json_keys(schema: pa.Schema) -> list[str]:
    """The columns' names as the keys of JSON objects, each with its colon."""
    return [json_string(name) + ":" for name in schema.names]


def json_objects(keys: Sequence[str], batch: pa.RecordBatch, before: str, after: str) -> pa.Array:
    """One JSON object for each row, with text before and after it. `keys` come from `json_keys`."""
    parts: list[pa.Array | str] = []
    literal, quote = before + "{", ""
    for key, column in zip(keys, batch.columns, strict=True):
        kind = kind_of(column.type)
        if kind in _UNQUOTED or unwrapped(column).null_count:
            quote, values = "", to_json(column)
        else:
            # Part of the literals between columns, quotes cost nothing. Concatenated to each value, they take as long
            # as the rest of a text column.
            quote, values = '"', _string_content(column, kind)
        parts += [literal + key + quote, values]
        literal = quote + ","
    return concat(*parts, quote + "}" + after)


def _string_content(array: pa.Array, kind: ColumnKind) -> pa.Array:
    """The values of a kind that JSON has as strings, escaped and without quotes."""
    if kind is ColumnKind.TEXT:
        return replace_characters(unwrapped(array), _ESCAPES)
    if kind is ColumnKind.BINARY:
        values = unwrapped(array).to_pylist()
        return pa.array([None if value is None else b64encode(value).decode() for value in values], TEXT)
    return scalar_text(array)


def _float(array: pa.Array) -> pa.Array:
    """JSON has no NaN and no infinities. They become null, as in JavaScript's JSON.stringify."""
    return pc.if_else(pc.is_finite(array), array.cast(TEXT), _NULL)


def _numeric_text(array: pa.Array) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(array, _NUMBER), array, _NULL)


def _json_column(array: pa.Array) -> pa.Array:
    """Valid JSON stays as it is, on one line. Anything else becomes a string."""
    texts: list[str | None] = array.to_pylist()
    for at, value in enumerate(texts):
        if value is not None:
            try:
                # Numbers stay texts: as integers of Python, those of more than 4,300 digits would be refused.
                json.loads(value, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
                texts[at] = value.replace("\n", " ").replace("\r", " ")
            except (ValueError, RecursionError):
                texts[at] = json_string(value)
    return pa.array(texts, TEXT)


def _refuse_constant(name: str) -> NoReturn:
    """Python reads NaN, Infinity and -Infinity, which are not JSON."""
    raise ValueError(name)


def _nested(array: pa.Array) -> pa.Array:
    data_type = array.type
    if pt.is_struct(data_type):
        return _struct(array)
    if pt.is_map(data_type):
        return _map(array)
    if pt.is_list(data_type) or pt.is_large_list(data_type):
        start, length, offsets = _used_values(array)
        return _joined_lists(array, offsets, to_json(array.values.slice(start, length)))
    if pt.is_union(data_type):
        return union_values(array, to_json)
    values = [None if value is None else json.dumps(value, default=str) for value in array.to_pylist()]
    return pa.array(values, TEXT)


def _struct(array: pa.StructArray) -> pa.Array:
    parts: list[pa.Array | str] = []
    for index, field in enumerate(array.type):
        parts += [f"{',' if index else '{'}{json_string(field.name)}:", to_json(array.field(index))]
    objects = concat(*parts, "}") if parts else pa.scalar("{}", TEXT)
    # The fields of a NULL struct hold whatever was in memory, so only the struct's own validity counts.
    return pc.if_else(array.is_valid(), objects, _NULL_TEXT)


def _map(array: pa.MapArray) -> pa.Array:
    """An object if the keys are text, else a list of [key, value] pairs."""
    start, length, offsets = _used_values(array)
    keys, items = to_json(array.keys.slice(start, length)), to_json(array.items.slice(start, length))
    if kind_of(array.type.key_type) is ColumnKind.TEXT:
        return _joined_lists(array, offsets, concat(keys, ":", items), "{", "}")
    return _joined_lists(array, offsets, concat("[", keys, ",", items, "]"))


def _used_values(array: pa.Array) -> tuple[int, int, pa.Array]:
    """Start and length of the child values that a list or map array uses, and its offsets from that start.

    A sliced array still holds the children of the whole batch. Converting all of them for every slice would take
    quadratic time.
    """
    offsets = array.offsets.cast(pa.int64())
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    return start, end - start, pc.subtract(offsets, start)


def _joined_lists(
    array: pa.Array, offsets: pa.Array, items: pa.Array, opening: str = "[", closing: str = "]"
) -> pa.Array:
    lists = pa.LargeListArray.from_arrays(offsets, items)
    joined = concat(opening, pc.binary_join(lists, pa.scalar(",", TEXT)), closing)
    return pc.if_else(array.is_valid(), joined, _NULL_TEXT)


#: The kinds whose values have no quotes in JSON.
_UNQUOTED: Mapping[ColumnKind, Callable[[pa.Array], pa.Array]] = {
    ColumnKind.INTEGER: scalar_text,
    ColumnKind.FLOAT: _float,
    ColumnKind.DECIMAL: scalar_text,
    ColumnKind.NUMERIC_TEXT: _numeric_text,
    ColumnKind.BOOLEAN: scalar_text,
    ColumnKind.JSON: _json_column,
    ColumnKind.NESTED: _nested,
    ColumnKind.NULL: scalar_text,
}
