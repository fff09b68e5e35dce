"""Normalization of the columns of all sources: unique names, and types that every format supports."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import QueryFailed

_EPOCH = date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = (date(1, 1, 1) - _EPOCH).days, (date(9999, 12, 31) - _EPOCH).days
_UNITS_PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


def normalized_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of the batches that `normalize` returns."""
    fields = zip(unique_names(schema.names), schema.types, strict=True)
    return pa.schema([pa.field(name, _plain_type(type)) for name, type in fields])


def normalize(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with this schema. Raises QueryFailed for a date that no calendar has, such as 'infinity'."""
    arrays = []
    for array, field in zip(batch.columns, schema, strict=True):
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if not array.type.equals(field.type):
            array = array.cast(field.type)
        if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
            _check_calendar(array, field.name)
        arrays.append(array)
    return pa.record_batch(arrays, schema=schema)


def unique_names(names: list[str]) -> list[str]:
    """Rename duplicates, which JSON and Parquet would lose: a second `total` is `total_2`, an empty one `column_1`."""
    taken: set[str] = set()
    unique = []
    for position, original in enumerate(names, start=1):
        name = base = original or f"column_{position}"
        count = 2
        while name in taken or (name != base and name in names):
            name = f"{base}_{count}"
            count += 1
        taken.add(name)
        unique.append(name)
    return unique


def _plain_type(type: pa.DataType) -> pa.DataType:
    if isinstance(type, pa.BaseExtensionType):
        type = type.storage_type
    if pa.types.is_dictionary(type):
        type = type.value_type
    if pa.types.is_null(type) or pa.types.is_string_view(type):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(type) else type


def _check_calendar(array: pa.Array, name: str) -> None:
    """Raise for years that Python does not know: Arrow's number would become another date in a file."""
    if pa.types.is_date32(array.type):
        first, last, counted = _FIRST_DAY, _LAST_DAY, pa.int32()
    else:
        per_day = _UNITS_PER_DAY[getattr(array.type, "unit", "ms")]
        first, last, counted = _FIRST_DAY * per_day, (_LAST_DAY + 1) * per_day - 1, pa.int64()
    extremes = pc.min_max(array.cast(counted))
    lowest, highest = extremes["min"].as_py(), extremes["max"].as_py()
    if lowest is not None and (lowest < first or highest > last):
        raise QueryFailed(f"The column “{name}” contains a date outside the years 1 to 9999, or infinity.")
