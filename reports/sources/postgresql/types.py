"""PostgreSQL's types that Arrow has no place for: numeric, and those that ADBC hands over as raw bytes."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from reports.sources.placeholders import identifier

#: Per column number: the decimal type, or text where 38 digits are not enough or a value is NaN or infinite.
Decimals = Mapping[int, pa.DataType]

_MAX_DIGITS = 38
#: A numeric comes as text from the server in a third of the processor time that ADBC takes to make one of its digits.
_CASTS = {"numeric": "text", "money": "numeric::text", "oid": "bigint"}
_NUMERIC = ("numeric", "money")


def readable(sql: str, schema: pa.Schema) -> str:
    """The query, with columns that would arrive as raw bytes or wrong numbers cast by the server, which knows them."""
    casts = [_cast(field) for field in schema]
    if not any(casts):
        return sql
    columns = [f"c{number}" for number in range(len(casts))]
    selected = ", ".join(
        f"{column}{f'::{cast}' if cast else ''} as {identifier(field.name)}"
        for column, cast, field in zip(columns, casts, schema, strict=True)
    )
    return f"select {selected} from ({sql}\n) as q({', '.join(columns)})"  # noqa: S608 -- no value is in these names


def logical(described: pa.Schema, arriving: pa.Schema) -> pa.Schema:
    """The columns that arrive, with those that are numbers written out as text described as what they are."""
    pairs = zip(described, arriving, strict=True)
    return pa.schema([before if _is_numeric(before) else after for before, after in pairs])


def decimal_schema(schema: pa.Schema, decimals: Decimals) -> pa.Schema:
    fields = [field.with_type(decimals.get(at, field.type)) for at, field in enumerate(schema)]
    return pa.schema([field.remove_metadata() for field in fields])


def to_decimals(batch: pa.RecordBatch, schema: pa.Schema, decimals: Decimals) -> pa.RecordBatch | None:
    """The batch with its numeric columns as `schema` has them; None when a value does not fit."""
    try:
        arrays = [
            array.cast(schema.field(at).type) if at in decimals else array for at, array in enumerate(batch.columns)
        ]
    except pa.ArrowInvalid:
        return None
    return pa.record_batch(arrays, schema=schema)


def widened(schema: pa.Schema, known: Decimals, batch: pa.RecordBatch | None) -> Decimals:
    """The types of the numeric columns: declared, or wide enough for what was known and what is in the batch."""
    found: dict[int, pa.DataType] = {}
    for at, field in enumerate(schema):
        if _is_numeric(field):
            declared = known.get(at) or _declared(field)
            values = batch.column(at) if batch is not None else pa.array([], pa.string())
            found[at] = _holding(declared, values)
    return found


def _holding(type: pa.DataType | None, values: pa.Array) -> pa.DataType:
    if type is not None and (pa.types.is_string(type) or _fits(values, type)):
        return type
    texts = values.drop_null().to_pylist()
    if any(not text.lstrip("-").replace(".", "", 1).isdigit() for text in texts):
        return pa.string()
    scale = max((len(text.partition(".")[2]) for text in texts), default=0)
    whole = max((len(text.lstrip("-").partition(".")[0]) for text in texts), default=1)
    if type is not None:
        scale = max(scale, type.scale)
    return pa.decimal128(_MAX_DIGITS, scale) if whole + scale <= _MAX_DIGITS else pa.string()


def _fits(values: pa.Array, type: pa.DataType) -> bool:
    try:
        values.cast(type)
    except pa.ArrowInvalid:
        return False
    return True


def _declared(field: pa.Field) -> pa.DataType | None:
    """numeric(12,2) as the server describes it; None for a numeric without a scale, as every sum or average has."""
    modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1"))
    if modifier < 4:
        return None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024
    if scale < 0:
        precision, scale = precision - scale, 0
    return pa.decimal128(max(precision, scale), scale) if max(precision, scale) <= _MAX_DIGITS else None


def _cast(field: pa.Field) -> str | None:
    name = _name(field)
    if name in _CASTS:
        return _CASTS[name]
    return "text" if _is_unreadable(field.type) else None


def _is_unreadable(type: pa.DataType) -> bool:
    if pa.types.is_list(type):
        return isinstance(type.value_type, pa.BaseExtensionType) or _is_unreadable(type.value_type)
    if isinstance(type, pa.UuidType):
        return True
    return bool(isinstance(type, pa.OpaqueType) or pa.types.is_struct(type) or pa.types.is_interval(type))


def _is_numeric(field: pa.Field) -> bool:
    return _name(field) in _NUMERIC


def _name(field: pa.Field) -> str:
    name: bytes = (field.metadata or {}).get(b"POSTGRESQL:type", b"")
    return name.decode()
