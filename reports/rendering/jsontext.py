"""Columns as JSON text, exact and vectorised, nested types included."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from reports.rendering.cells import join, replace, text
from reports.rendering.kinds import Kind, kind_of, plain
from reports.rendering.moments import TEXT

#: The backslash first: the escapes that follow bring backslashes of their own.
_ESCAPES = {"\\": "\\\\", '"': '\\"'} | {chr(code): f"\\u{code:04x}" for code in range(32)}
_ESCAPES |= {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_NULL = pa.scalar("null", TEXT)


def json_text(array: pa.Array) -> pa.Array:
    """Each value as JSON, as large_string without NULLs: NULL is the text `null`."""
    kind = kind_of(array.type)
    texts = _BARE_OF[kind](plain(array)) if kind in _BARE_OF else _quoted(_unquoted(array, kind))
    return pc.fill_null(texts, _NULL)


def json_parts(array: pa.Array) -> tuple[str, pa.Array, str]:
    """The same, with the quotes apart where every value has them: they cost nothing as a part of what stands around,
    and as much as all the rest of a text where they are joined to it."""
    kind = kind_of(array.type)
    if kind in _BARE_OF or plain(array).null_count:
        return "", json_text(array), ""
    return '"', _unquoted(array, kind), '"'


def json_string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _quoted(texts: pa.Array) -> pa.Array:
    return join('"', texts, '"')


def _unquoted(array: pa.Array, kind: Kind) -> pa.Array:
    if kind is Kind.TEXT:
        return replace(plain(array), _ESCAPES)
    return _base64(plain(array)) if kind is Kind.BINARY else text(array)


def _float(array: pa.Array) -> pa.Array:
    """JSON has no NaN and no infinity: they become null, as in every browser."""
    return pc.if_else(pc.is_finite(array), array.cast(TEXT), _NULL)


def _numeric_text(array: pa.Array) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(array, _NUMBER), array, _NULL)


def _base64(array: pa.Array) -> pa.Array:
    values = [None if value is None else b64encode(value).decode() for value in array.to_pylist()]
    return pa.array(values, TEXT)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _embedded(value: str) -> str:
    """JSON stays JSON, on one line; what only claims to be JSON becomes a string."""
    try:
        json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return json_string(value)
    return value.replace("\n", " ").replace("\r", " ")


def _json(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else _embedded(value) for value in array.to_pylist()], TEXT)


def _nested(array: pa.Array) -> pa.Array:
    data_type = array.type
    if pt.is_struct(data_type):
        return _struct(array)
    if pt.is_map(data_type):
        return _map(array)
    if pt.is_list(data_type) or pt.is_large_list(data_type):
        return _list(array)
    values = [None if value is None else json.dumps(value, default=str) for value in array.to_pylist()]
    return pa.array(values, TEXT)


def _struct(array: pa.StructArray) -> pa.Array:
    if array.type.num_fields == 0:
        return pc.if_else(array.is_valid(), pa.scalar("{}", TEXT), pa.scalar(None, TEXT))
    parts: list[pa.Array | str] = []
    for index, field in enumerate(array.type):
        parts += [f"{',' if index else '{'}{json_string(field.name)}:", json_text(array.field(index))]
    # The fields of a NULL struct hold whatever was in memory: the struct's own validity decides.
    return pc.if_else(array.is_valid(), join(*parts, "}"), pa.scalar(None, TEXT))


def _list(array: pa.Array) -> pa.Array:
    start, length, offsets = _span(array)
    return _joined(array, offsets, json_text(array.values.slice(start, length)))


def _map(array: pa.MapArray) -> pa.Array:
    """An object where the keys are text, else a list of [key, value] pairs."""
    start, length, offsets = _span(array)
    keys, items = json_text(array.keys.slice(start, length)), json_text(array.items.slice(start, length))
    if kind_of(array.type.key_type) is Kind.TEXT:
        return _joined(array, offsets, join(keys, ":", items), "{", "}")
    return _joined(array, offsets, join("[", keys, ",", items, "]"))


def _span(array: pa.Array) -> tuple[int, int, pa.Array]:
    """Start and length of what a slice uses of its values, and its offsets from there: the values themselves are
    those of the whole batch, and converting all of them for each piece would take the square of the time."""
    offsets = array.offsets.cast(pa.int64())
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    return start, end - start, pc.subtract(offsets, start)


def _joined(array: pa.Array, offsets: pa.Array, items: pa.Array, opening: str = "[", closing: str = "]") -> pa.Array:
    lists = pa.LargeListArray.from_arrays(offsets, items)
    joined = join(opening, pc.binary_join(lists, pa.scalar(",", TEXT)), closing)
    return pc.if_else(array.is_valid(), joined, pa.scalar(None, TEXT))


#: What stands without quotes; all else has them.
_BARE_OF: Mapping[Kind, Callable[[pa.Array], pa.Array]] = {
    Kind.INTEGER: text,
    Kind.FLOAT: _float,
    Kind.DECIMAL: text,
    Kind.NUMERIC_TEXT: _numeric_text,
    Kind.BOOLEAN: text,
    Kind.JSON: _json,
    Kind.NESTED: _nested,
    Kind.NULL: text,
}
