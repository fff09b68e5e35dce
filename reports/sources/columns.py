"""What every source's columns have in common when they leave it: names once, and types that formats know."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import QueryFailed

_FIRST_DAY, _LAST_DAY = date(1, 1, 1), date(9999, 12, 31)


def leaving_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of the batches that `leaving` gives."""
    fields = zip(unique_names(schema.names), schema.types, strict=True)
    return pa.schema([pa.field(name, _leaving_type(type)) for name, type in fields])


def leaving(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch as formats take it. Raises QueryFailed for a date that no calendar has, such as 'infinity'."""
    arrays = []
    for array, field in zip(batch.columns, schema, strict=True):
        array = array.storage if isinstance(array, pa.ExtensionArray) else array
        array = array if array.type.equals(field.type) else array.cast(field.type)
        _check_calendar(array, field)
        arrays.append(array)
    return pa.record_batch(arrays, schema=schema)


def unique_names(names: list[str]) -> list[str]:
    """Each name once: a second `total` becomes `total_2`, an empty one `column_1`. JSON and Parquet would lose it."""
    taken: set[str] = set()
    unique = []
    for position, given in enumerate(names, start=1):
        name = base = given or f"column_{position}"
        count = 2
        while name in taken or (name != base and name in names):
            name, count = f"{base}_{count}", count + 1
        taken.add(name)
        unique.append(name)
    return unique


def _leaving_type(type: pa.DataType) -> pa.DataType:
    if isinstance(type, pa.BaseExtensionType):
        type = type.storage_type
    if pa.types.is_dictionary(type):
        type = type.value_type
    if pa.types.is_null(type) or pa.types.is_string_view(type):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(type) else type


def _check_calendar(array: pa.Array, field: pa.Field) -> None:
    """Arrow stores such a date as a number that overflows in Python and turns into another date in a file."""
    if not (pa.types.is_date(array.type) or pa.types.is_timestamp(array.type)):
        return
    extremes = pc.min_max(array.cast(_counted_as(array.type)))
    lowest, highest = extremes["min"].as_py(), extremes["max"].as_py()
    first, last = _bounds(array.type)
    if lowest is not None and (lowest < first or highest > last):
        raise QueryFailed(f"The column “{field.name}” holds a date outside of the years 1 to 9999, or infinity.")


def _counted_as(type: pa.DataType) -> pa.DataType:
    return pa.int32() if pa.types.is_date32(type) else pa.int64()


def _bounds(type: pa.DataType) -> tuple[int, int]:
    """The first and the last day that Python and most formats know, in the type's own unit since 1970."""
    epoch = date(1970, 1, 1)
    first, last = (_FIRST_DAY - epoch).days, (_LAST_DAY - epoch).days
    if pa.types.is_date32(type):
        return first, last
    per_day = 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[getattr(type, "unit", "ms")]
    return first * per_day, (last + 1) * per_day - 1
