"""Arrow columns for SQLite's values, which need not have one type in one column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

#: What is in a column: the Python types met, and "wide" for an integer that a float would round.
Kind = frozenset[object]

_WIDE = "wide"
_EXACT_IN_FLOAT = 2**53


def kind_of(values: Sequence[Any]) -> Kind:
    kinds: set[object] = set(map(type, values))
    kinds.discard(type(None))
    # Noted even without a float beside it: that one may come in a later batch.
    if int in kinds and _has_wide([value for value in values if type(value) is int]):
        kinds.add(_WIDE)
    return frozenset(kinds)


def _has_wide(integers: list[int]) -> bool:
    return max(integers) > _EXACT_IN_FLOAT or min(integers) < -_EXACT_IN_FLOAT


def kinds_schema(names: list[str], kinds: Sequence[Kind]) -> pa.Schema:
    return pa.schema([pa.field(name, _type(kind)) for name, kind in zip(names, kinds, strict=True)])


def column(values: Sequence[Any], type: pa.DataType) -> pa.Array:
    """Exact: a type that cannot hold one of the values raises."""
    if pa.types.is_string(type):
        return pa.array([None if v is None else _text(v) for v in values], type)
    if pa.types.is_floating(type):
        return pa.array([None if v is None else float(v) for v in values], type)
    return pa.array(values, type)


def _type(kind: Kind) -> pa.DataType:
    """Integers and floats meet in a float where that is exact; whatever else meets, meets in text."""
    met = kind - {_WIDE}
    if met == {int}:
        return pa.int64()
    if met == {float} or (met == {int, float} and _WIDE not in kind):
        return pa.float64()
    return pa.binary() if met == {bytes} else pa.string()


def _text(value: object) -> str:
    """Bytes beside text are written as SQL writes them, X'00FF'."""
    return f"X'{value.hex().upper()}'" if isinstance(value, bytes) else str(value)
