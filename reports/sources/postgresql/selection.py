"""The query as it is sent: with casts by the server where ADBC would lose a part of a value, and checks of arrays.

ADBC returns the elements of an array as a flat list, whatever its dimensions and bounds, and types that it doesn't know
as raw bytes. A list is right for an array of one dimension that starts at 1, the common kind. So each such column is
followed, after the last one, by a check that is true for any other kind; then the column is read as the server's text.
Until then, NULL takes the place of such arrays, because ADBC refuses some of them.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from reports.sources.placeholders import identifier
from reports.sources.postgresql.column_types import type_name

#: Numeric as text from the server takes a third of the CPU time that ADBC needs to convert its binary digits. ADBC
#: reads an oid as a signed number, and a vector as an array that starts at 1, but it starts at 0.
_CASTS = {"numeric": "text", "money": "numeric::text", "oid": "bigint", "regproc": "text", "int2vector": "text"}
#: An empty array has neither dimensions nor bounds, so this is NULL.
_IS_OTHER_ARRAY = "array_ndims({0}) > 1 or array_lower({0}, 1) <> 1"
#: The arrays of integers that are what ADBC takes them for. Others are of types that it stores as integers: oid, money,
#: and domains over them.
_INTEGER_ARRAYS = ("_int2", "_int4", "_int8")


def selection(sql: str, schema: pa.Schema, as_text: Collection[int]) -> str:
    """The query, with a cast for each column that needs one or is in `as_text`, followed by the checks of arrays."""
    casts = ["text" if number in as_text else _cast_for(field) for number, field in enumerate(schema)]
    arrays = checked_columns(schema, as_text)
    if not any(casts) and not arrays:
        return sql
    columns = [f"c{number}" for number in range(len(casts))]
    values = [f"{column}::{cast}" if cast else column for column, cast in zip(columns, casts, strict=True)]
    checks = [_IS_OTHER_ARRAY.format(columns[number]) for number in arrays]
    for number, check in zip(arrays, checks, strict=True):
        values[number] = f"case when {check} then null else {columns[number]} end"
    selected = [f"{value} as {identifier(field.name)}" for value, field in zip(values, schema, strict=True)] + checks
    return f"select {', '.join(selected)} from ({sql}\n) as q({', '.join(columns)})"  # noqa: S608 -- only names are inserted


def checked_columns(schema: pa.Schema, as_text: Collection[int]) -> list[int]:
    """The columns of arrays that arrive as lists, in the order of their checks."""
    return [
        number
        for number, field in enumerate(schema)
        if pa.types.is_list(field.type) and number not in as_text and _cast_for(field) is None
    ]


def other_arrays(batch: pa.RecordBatch, checked: list[int]) -> set[int]:
    """The columns in which this batch has an array of several dimensions, or one that doesn't start at 1."""
    checks = batch.columns[batch.num_columns - len(checked) :]
    return {number for number, check in zip(checked, checks, strict=True) if pc.any(check).as_py()}


def _cast_for(field: pa.Field) -> str | None:
    name = type_name(field)
    if name in _CASTS:
        return _CASTS[name]
    return "text" if _is_unsupported(field.type, name) else None


def _is_unsupported(type: pa.DataType, name: str) -> bool:
    if pa.types.is_list(type):
        if pa.types.is_integer(type.value_type):
            return name not in _INTEGER_ARRAYS
        return _is_unsupported(type.value_type, name)
    if isinstance(type, (pa.UuidType, pa.OpaqueType)):
        return True
    return bool(pa.types.is_struct(type) or pa.types.is_list(type) or pa.types.is_interval(type))
