"""Normalization of the columns of all sources: unique names, and types that every format supports."""

from __future__ import annotations

import pyarrow as pa

from reports.rendering.column_kinds import ColumnKind, kind_of

#: Kinds that a format tells from their storage, which is text.
_MARKED_KINDS = (ColumnKind.JSON, ColumnKind.NUMERIC_TEXT)


def normalized_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of the batches that `normalize` returns."""
    fields = zip(unique_names(schema.names), schema.types, strict=True)
    return pa.schema([pa.field(name, _plain_type(type)) for name, type in fields])


def normalize(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with this schema."""
    arrays = []
    for array, field in zip(batch.columns, schema, strict=True):
        if isinstance(array, pa.ExtensionArray) and not isinstance(field.type, pa.BaseExtensionType):
            array = array.storage
        arrays.append(array if array.type.equals(field.type) else array.cast(field.type))
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
    if isinstance(type, pa.BaseExtensionType) and kind_of(type) not in _MARKED_KINDS:
        type = type.storage_type
    if pa.types.is_dictionary(type):
        type = type.value_type
    if pa.types.is_null(type) or pa.types.is_string_view(type):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(type) else type
