"""Arrow columns for SQLite's values. In SQLite, values have types and columns don't."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

#: The types seen in a column: Python types, and WIDE for an integer that a double would round.
TypesSeen = frozenset[object]

WIDE = "wide"
_MAX_EXACT_IN_DOUBLE = 2**53


def types_in(values: Sequence[Any]) -> TypesSeen:
    seen: set[object] = set(map(type, values))
    seen.discard(type(None))
    if int in seen:
        integers = [value for value in values if type(value) is int]
        # Recorded even without a double beside it: that may come in a later batch.
        if max(integers) > _MAX_EXACT_IN_DOUBLE or min(integers) < -_MAX_EXACT_IN_DOUBLE:
            seen.add(WIDE)
    return frozenset(seen)


def schema_for(names: list[str], seen_by_column: Sequence[TypesSeen]) -> pa.Schema:
    return pa.schema([pa.field(name, _type_for(seen)) for name, seen in zip(names, seen_by_column, strict=True)])


def _type_for(seen: TypesSeen) -> pa.DataType:
    """Integers and doubles together are doubles where that is exact. Any other mixture is text."""
    types = seen - {WIDE}
    if types == {int}:
        return pa.int64()
    if types == {float} or (types == {int, float} and WIDE not in seen):
        return pa.float64()
    return pa.binary() if types == {bytes} else pa.string()


def to_array(values: Sequence[Any], type: pa.DataType) -> pa.Array:
    """Convert exactly. Raises if the type can't hold one of the values."""
    if pa.types.is_string(type):
        return pa.array([None if value is None else _text(value) for value in values], type)
    if pa.types.is_floating(type):
        return pa.array([None if value is None else float(value) for value in values], type)
    return pa.array(values, type)


def _text(value: object) -> str:
    """Bytes among text are written as in SQL: X'00FF'."""
    return f"X'{value.hex().upper()}'" if isinstance(value, bytes) else str(value)
