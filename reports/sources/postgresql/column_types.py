"""PostgreSQL's numeric, which Arrow doesn't have: decimals that are wide enough, or else its digits as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import pyarrow as pa

from common.api.numbers import DECIMAL_DIGITS
from reports.sources.decimal_types import decimal_type

#: By column number: a decimal type, or NUMERIC_TEXT if that can't hold the digits or a value is NaN or infinite.
NumericTypes = Mapping[int, pa.DataType]

NUMERIC_TEXT = pa.opaque(pa.string(), "numeric", "PostgreSQL")
_NUMERIC_NAMES = ("numeric", "money")


def logical_schema(original: pa.Schema, arriving: pa.Schema) -> pa.Schema:
    """The schema of the arriving batches, with numeric columns, which arrive as text, described as in the original."""
    # Checks of arrays follow after the last column.
    pairs = zip(original, arriving, strict=False)
    return pa.schema([before if _is_numeric(before) else after for before, after in pairs])


def schema_with(numeric_types: NumericTypes, schema: pa.Schema) -> pa.Schema:
    fields = [field.with_type(numeric_types.get(number, field.type)) for number, field in enumerate(schema)]
    return pa.schema([field.remove_metadata() for field in fields])


def convert_numeric(
    columns: Sequence[pa.Array], schema: pa.Schema, numeric_types: NumericTypes
) -> pa.RecordBatch | None:
    """The batch of these columns, with numeric ones of the types in `schema`; None if a value does not fit."""
    try:
        arrays = [
            array.cast(schema.field(number).type) if number in numeric_types else array
            for number, array in enumerate(columns)
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
        return NUMERIC_TEXT  # NaN or infinite
    scale = max((len(text.partition(".")[2]) for text in texts), default=0)
    whole_digits = max((len(text.lstrip("-").partition(".")[0]) for text in texts), default=1)
    if type is not None:
        scale = max(scale, type.scale)
    return pa.decimal128(DECIMAL_DIGITS, scale) if whole_digits + scale <= DECIMAL_DIGITS else NUMERIC_TEXT


def _declared_type(field: pa.Field) -> pa.DataType | None:
    """The type of a numeric(p,s), whatever its values. None for one without a scale, such as every sum and average.

    The modifier holds the precision in its upper 16 bits and the scale, a signed number of 11 bits, in its lower ones;
    4 is added to both (PostgreSQL source, numeric.c: make_numeric_typmod).
    """
    modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1"))
    if modifier < 4:
        return None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024
    if scale < 0:
        precision, scale = precision - scale, 0
    return decimal_type(max(precision, scale), scale) or NUMERIC_TEXT


def _is_numeric(field: pa.Field) -> bool:
    return type_name(field) in _NUMERIC_NAMES


def type_name(field: pa.Field) -> str:
    """PostgreSQL's name of the column's type. That of an array begins with an underscore."""
    name: bytes = (field.metadata or {}).get(b"POSTGRESQL:type", b"")
    return name.decode()
