"""Parquet files written by hand, for types that no library writes: one column of required values, one page."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

#: Types of Thrift's compact protocol.
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_ENCODING_PLAIN = 0
_PHYSICAL = {"int32": 1, "int64": 2, "double": 5, "bytes": 6, "fixed": 7}


@dataclass(frozen=True)
class Column:
    """A column: its physical type, and how the footer annotates it.

    `logical`: the number of the type in the union LogicalType. `converted`: that of the older ConvertedType.
    """

    physical: str
    values: Sequence[int | float | bytes]
    logical: int | None = None
    converted: int | None = None


def parquet(column: Column) -> bytes:
    values = b"".join(_plain(column.physical, value) for value in column.values)
    count, width = len(column.values), _width(column)
    page_header = _struct(
        {
            1: (_I32, 0),
            2: (_I32, len(values)),
            3: (_I32, len(values)),
            5: (_STRUCT, {1: (_I32, count), 2: (_I32, _ENCODING_PLAIN), 3: (_I32, 3), 4: (_I32, 3)}),
        }
    )
    page = page_header + values
    element = {1: (_I32, _PHYSICAL[column.physical]), 3: (_I32, 0), 4: (_BINARY, b"v")}
    if column.physical == "fixed":
        element[2] = (_I32, width)
    if column.converted is not None:
        element[6] = (_I32, column.converted)
    if column.logical is not None:
        element[10] = (_STRUCT, {column.logical: (_STRUCT, {})})
    metadata = {
        1: (_I32, _PHYSICAL[column.physical]),
        2: (_LIST, (_I32, [_ENCODING_PLAIN])),
        3: (_LIST, (_BINARY, [b"v"])),
        4: (_I32, 0),
        5: (_I64, count),
        6: (_I64, len(page)),
        7: (_I64, len(page)),
        9: (_I64, 4),
    }
    row_group = {
        1: (_LIST, (_STRUCT, [{2: (_I64, 4), 3: (_STRUCT, metadata)}])),
        2: (_I64, len(page)),
        3: (_I64, count),
    }
    footer = _struct(
        {
            1: (_I32, 1),
            2: (_LIST, (_STRUCT, [{4: (_BINARY, b"schema"), 5: (_I32, 1)}, element])),
            3: (_I64, count),
            4: (_LIST, (_STRUCT, [row_group])),
        }
    )
    return b"PAR1" + page + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _width(column: Column) -> int:
    first = column.values[0]
    return len(first) if isinstance(first, bytes) else 0


def _plain(physical: str, value: int | float | bytes) -> bytes:
    if isinstance(value, bytes):
        return value if physical == "fixed" else struct.pack("<I", len(value)) + value
    return struct.pack({"int32": "<i", "int64": "<q", "double": "<d"}[physical], value)


# ---- Thrift's compact protocol


def _struct(fields: dict[int, tuple[int, object]]) -> bytes:
    out, last = b"", 0
    for number, (type, value) in sorted(fields.items()):
        header = (
            bytes([(number - last) << 4 | type]) if number - last < 16 else bytes([type]) + _varint(_zigzag(number))
        )
        out, last = out + header + _value(type, value), number
    return out + b"\0"


def _value(type: int, value: object) -> bytes:
    if isinstance(value, int):
        return _varint(_zigzag(value))
    if isinstance(value, bytes):
        return _varint(len(value)) + value
    if isinstance(value, dict):
        return _struct(value)
    assert type == _LIST and isinstance(value, tuple)
    inner, items = value
    return bytes([len(items) << 4 | inner]) + b"".join(_value(inner, item) for item in items)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else -(number << 1) - 1


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])
