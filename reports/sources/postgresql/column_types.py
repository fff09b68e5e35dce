"""PostgreSQL types that have no counterpart in Arrow: numeric, and those that ADBC returns as raw bytes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa

from reports.sources.placeholders import identifier

#: By column number: a decimal type, or text if 38 digits are not enough or a value is NaN or infinite.
NumericTypes = Mapping[int, pa.DataType]

_MAX_DIGITS = 38
#: Numeric as text from the server takes a third of the CPU time that ADBC needs to convert its binary digits.
_CASTS = {"numeric": "text", "money": "numeric::text", "oid": "bigint"}
_NUMERIC_TYPES = ("numeric", "money")


def cast_unsupported(sql: str, schema: pa.Schema) -> str:
    """The query, with a cast by the server for each column that would arrive as raw bytes or wrong numbers."""
    casts = [_CASTS.get(_type_name(field)) or ("text" if _is_unsupported(field.type) else None) for field in schema]
    if not any(casts):
        return sql
    columns = [f"c{number}" for number in range(len(casts))]
    selected = ", ".join(
        f"{column}{f'::{cast}' if cast else ''} as {identifier(field.name)}"
        for column, cast, field in zip(columns, casts, schema, strict=True)
    )
    return f"select {selected} from ({sql}\n) as q({', '.join(columns)})"  # noqa: S608 -- no value is in these names


def _is_unsupported(type: pa.DataType) -> bool:
    if pa.types.is_list(type):
        return isinstance(type.value_type, pa.BaseExtensionType) or _is_unsupported(type.value_type)
    if isinstance(type, (pa.UuidType, pa.OpaqueType)):
        return True
    return bool(pa.types.is_struct(type) or pa.types.is_interval(type))


def logical_schema(original: pa.Schema, arriving: pa.Schema) -> pa.Schema:
    """The schema of the arriving batches, with numeric columns, which arrive as text, described as in the original."""
    pairs = zip(original, arriving, strict=True)
    return pa.schema([before if _is_numeric(before) else after for before, after in pairs])


def schema_with(numeric_types: NumericTypes, schema: pa.Schema) -> pa.Schema:
    fields = [field.with_type(numeric_types.get(number, field.type)) for number, field in enumerate(schema)]
    return pa.schema([field.remove_metadata() for field in fields])


def convert_numeric(batch: pa.RecordBatch, schema: pa.Schema, numeric_types: NumericTypes) -> pa.RecordBatch | None:
    """The batch with numeric columns of the types in `schema`; None if a value does not fit."""
    try:
        arrays = [
            array.cast(schema.field(number).type) if number in numeric_types else array
            for number, array in enumerate(batch.columns)
        ]
    except pa.ArrowInvalid:
        return None
    return pa.record_batch(arrays, schema=schema)


def numeric_types_for(schema: pa.Schema, known: NumericTypes, batch: pa.RecordBatch | None) -> NumericTypes:
    """Types for the numeric columns: the declared ones, or wide enough for `known` and the values in the batch."""
    types: dict[int, pa.DataType] = {}
    for number, field in enumerate(schema):
        if _is_numeric(field):
            values = batch.column(number) if batch is not None else pa.array([], pa.string())
            types[number] = _type_holding(known.get(number) or _declared_type(field), values)
    return types


def _type_holding(type: pa.DataType | None, values: pa.Array) -> pa.DataType:
    if type is not None:
        # The values are texts, so text holds any of them.
        with suppress(pa.ArrowInvalid):
            values.cast(type)
            return type
    texts = values.drop_null().to_pylist()
    if any(not text.lstrip("-").replace(".", "", 1).isdigit() for text in texts):
        return pa.string()  # NaN or infinite
    scale = max((len(text.partition(".")[2]) for text in texts), default=0)
    whole_digits = max((len(text.lstrip("-").partition(".")[0]) for text in texts), default=1)
    if type is not None:
        scale = max(scale, type.scale)
    return pa.decimal128(_MAX_DIGITS, scale) if whole_digits + scale <= _MAX_DIGITS else pa.string()


def _declared_type(field: pa.Field) -> pa.DataType | None:
    """The type of a numeric(p,s). None for a numeric without a scale, such as every sum and average.

    The modifier holds the precision in its upper 16 bits and the scale, a signed number of 11 bits, in its lower ones;
    4 is added to both (PostgreSQL source, numeric.c: make_numeric_typmod).
    """
    modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1"))
    if modifier < 4:
        return None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024
    if scale < 0:
        precision, scale = precision - scale, 0
    return pa.decimal128(max(precision, scale), scale) if max(precision, scale) <= _MAX_DIGITS else None


def _is_numeric(field: pa.Field) -> bool:
    return _type_name(field) in _NUMERIC_TYPES


def _type_name(field: pa.Field) -> str:
    name: bytes = (field.metadata or {}).get(b"POSTGRESQL:type", b"")
    return name.decode()
