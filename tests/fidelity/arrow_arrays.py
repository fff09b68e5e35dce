"""Between the oracle's values and Arrow, by the numbers in the columns: Python's calendar ends in the year 9999."""

from __future__ import annotations

import math
import uuid
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tests.fidelity.tables import Kind, Table, Type

_UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
_DIGITS = {name: digits for digits, name in _UNITS.items()}
#: DuckDB's infinite dates and timestamps in Arrow.
_INFINITE_DAY, _INFINITE_TICK = 2**31 - 1, 2**63 - 1
_INTEGERS = {
    "tinyint": pa.int8(), "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(), "utinyint": pa.uint8(),
    "uinteger": pa.uint32(), "ubigint": pa.uint64(),
}  # fmt: skip


def arrow_table(table: Table) -> pa.Table:
    columns = {f"c{number}": [row[number] for row in table.rows] for number in range(len(table.types))}
    arrays = {name: to_array(type, columns[name]) for name, type in zip(columns, table.types, strict=True)}
    return pa.table({"n": pa.array(range(len(table.rows)), pa.int32()), **arrays})


def to_array(type: Type, values: list[Any]) -> pa.Array:
    if type.kind is Kind.LIST:
        items = to_array(type.parts[0], [item for value in values for item in value or ()])
        return pa.ListArray.from_arrays(_offsets(values), items, mask=_mask(values))
    if type.kind is Kind.STRUCT:
        parts = [
            to_array(part, [None if value is None else value[number] for value in values])
            for number, part in enumerate(type.parts)
        ]
        fields = [pa.field(name, part.type) for name, part in zip(type.names, parts, strict=True)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=_mask(values))
    if type.kind is Kind.MAP:
        pairs = [pair for value in values for pair in value or ()]
        keys, items = (to_array(part, [pair[n] for pair in pairs]) for n, part in enumerate(type.parts))
        return pa.MapArray.from_arrays(_offsets(values), keys, items, mask=_mask(values))
    if type.kind is Kind.DATE:
        return pa.array([_number(value, _INFINITE_DAY) for value in values], pa.int32()).cast(pa.date32())
    if type.kind is Kind.TIMESTAMP:
        numbers = pa.array([_number(value, _INFINITE_TICK) for value in values], pa.int64())
        return numbers.cast(pa.timestamp(_UNITS[type.unit], "UTC" if type.zoned else None))
    if type.kind is Kind.TIME:
        return pa.array(values, pa.int64()).cast(pa.time64(_UNITS[type.unit]))
    return pa.array(values, _scalar_type(type))


def _offsets(values: list[Any]) -> pa.Array:
    return pa.array(accumulate((len(value or ()) for value in values), initial=0), pa.int32())


def _mask(values: list[Any]) -> pa.Array:
    return pa.array([value is None for value in values], pa.bool_())


def _number(value: float | None, infinity: int) -> int | None:
    if value is None:
        return None
    return (infinity if value > 0 else -infinity) if math.isinf(value) else int(value)


def _scalar_type(type: Type) -> pa.DataType:
    if type.kind is Kind.FLOAT:
        return pa.float32() if type.single else pa.float64()
    if type.kind is Kind.DECIMAL:
        return pa.decimal128(type.digits, type.scale)
    others = {Kind.BOOLEAN: pa.bool_(), Kind.TEXT: pa.string(), Kind.BINARY: pa.binary()}
    return others.get(type.kind) or _INTEGERS[type.sql]


def from_array(array: pa.Array) -> list[Any]:
    """The values of a column of a Parquet file. Moments are ('timestamp', nanoseconds), dates and times alike."""
    if isinstance(array, pa.ChunkedArray):
        return [value for chunk in array.chunks for value in from_array(chunk)]
    if isinstance(array, pa.ExtensionArray):
        is_uuid, values = isinstance(array.type, pa.UuidType), from_array(array.storage)
        return [str(uuid.UUID(bytes=value)) if is_uuid and value is not None else value for value in values]
    if pt.is_dictionary(array.type):
        return from_array(array.dictionary_decode())
    if pt.is_struct(array.type):
        parts = [from_array(array.field(number)) for number in range(array.type.num_fields)]
        names = [array.type.field(number).name for number in range(array.type.num_fields)]
        rows = zip(*parts, strict=True) if parts else [()] * len(array)
        valid = array.is_valid().to_pylist()
        return [
            dict(zip(names, row, strict=True)) if is_valid else None for row, is_valid in zip(rows, valid, strict=True)
        ]
    if pt.is_map(array.type):
        return _split(array, list(zip(from_array(array.keys), from_array(array.items), strict=True)))
    if pt.is_list(array.type) or pt.is_large_list(array.type):
        return _split(array, from_array(array.values))
    if pt.is_date32(array.type):
        return _tagged("date", array.cast(pa.int32()), 1)
    if pt.is_timestamp(array.type):
        return _tagged("timestamp", array.cast(pa.int64()), 10 ** (9 - _DIGITS[array.type.unit]))
    if pt.is_time(array.type):
        bits = pa.int32() if array.type.bit_width == 32 else pa.int64()
        return _tagged("time", array.cast(bits), 10 ** (9 - _DIGITS[array.type.unit]))
    return array.to_pylist()


def _split(array: pa.Array, items: list[Any]) -> list[Any]:
    offsets, valid = array.offsets.to_pylist(), array.is_valid().to_pylist()
    return [items[offsets[n] : offsets[n + 1]] if is_valid else None for n, is_valid in enumerate(valid)]


def _tagged(name: str, numbers: pa.Array, factor: int) -> list[Any]:
    return [None if number is None else (name, number * factor) for number in pc.cast(numbers, pa.int64()).to_pylist()]
