"""Arrow columns for Python values of a driver: of the declared type while the values are of it, else of one that holds
all that was met. No value is bent to fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

_MOST_DIGITS, _MOST_DIGITS_OF_ALL = 38, 76
_EXACT_IN_FLOAT = 2**53
_DAY = timedelta(days=1)
_BYTES = (bytes, bytearray, memoryview)


@dataclass(frozen=True)
class Column:
    """What is known of one column: its declared type, and the values met.

    `met` has Python types, and "zoned" for moments with a zone, "long" for a time that no clock shows, and "odd" for
    NaN and infinite decimals. `whole` and `scale` are digits before and behind the point.
    """

    declared: pa.DataType | None = None
    met: frozenset[object] = frozenset()
    whole: int = 0
    scale: int = 0
    lowest: int = 0
    highest: int = 0

    @property
    def type(self) -> pa.DataType:
        if self.declared is not None and self._is_as_declared(self.declared):
            return self.declared
        return _holding(self)

    def with_values(self, values: Sequence[Any]) -> Column:
        met = set(map(type, values)) - {type(None)}
        marked: set[object] = {bytes if kind in _BYTES else kind for kind in met}
        grown = self
        if int in met:
            numbers = [value for value in values if type(value) is int]
            grown = replace(grown, lowest=min(grown.lowest, *numbers, 0), highest=max(grown.highest, *numbers, 0))
        if Decimal in met:
            grown, odd = _with_decimals(grown, [value for value in values if isinstance(value, Decimal)])
            marked |= odd
        if self.declared is not None and timedelta in met and not all(map(_is_on_a_clock, values)):
            marked.add("long")
        if datetime in met and any(v.tzinfo is not None for v in values if isinstance(v, datetime)):
            marked.add("zoned")
        return replace(grown, met=grown.met | marked)

    def _is_as_declared(self, declared: pa.DataType) -> bool:
        met = self.met
        if pt.is_integer(declared):
            low, high = (0, 2**64) if pt.is_unsigned_integer(declared) else (-(2**63), 2**63)
            return met <= {int} and self.lowest >= low and self.highest < high
        if pt.is_decimal(declared):
            return met <= {Decimal} and self.scale <= declared.scale and (
                self.whole <= declared.precision - declared.scale
            )  # fmt: skip
        return met <= _PLAIN_OF[_family(declared)]


_PLAIN_OF: dict[str, frozenset[object]] = {
    "float": frozenset({float}),
    "date": frozenset({date}),
    "timestamp": frozenset({datetime}),
    "time": frozenset({timedelta, time}),
    "text": frozenset({str}),
    "binary": frozenset({bytes}),
}


def _is_on_a_clock(value: Any) -> bool:
    return not isinstance(value, timedelta) or timedelta() <= value < _DAY


def _family(declared: pa.DataType) -> str:
    tests = {"float": pt.is_floating, "date": pt.is_date, "timestamp": pt.is_timestamp, "time": pt.is_time}
    found = next((family for family, matches in tests.items() if matches(declared)), None)
    return found or ("binary" if pt.is_binary(declared) else "text")


def _with_decimals(known: Column, values: list[Decimal]) -> tuple[Column, set[object]]:
    finite = [value for value in values if value.is_finite()]
    whole = max((value.adjusted() + 1 for value in finite if value), default=1)
    scale = max((-int(value.as_tuple().exponent) for value in finite), default=0)
    grown = replace(known, whole=max(known.whole, whole, 1), scale=max(known.scale, scale))
    return grown, {"odd"} if len(finite) < len(values) else set()


def _holding(column: Column) -> pa.DataType:
    """A type for everything met: a number while that is exact, text where nothing else holds it all."""
    met = column.met
    if not met:
        return column.declared or pa.string()
    if met <= {int, Decimal}:
        return _number(column)
    if met <= {int, float} and column.lowest >= -_EXACT_IN_FLOAT and column.highest <= _EXACT_IN_FLOAT:
        return pa.float64()
    if met == {datetime, "zoned"}:
        return pa.timestamp("us", "UTC")
    return _SIMPLE.get(next(iter(met)), pa.string()) if len(met) == 1 else pa.string()


def _number(column: Column) -> pa.DataType:
    if Decimal not in column.met:
        if column.lowest >= -(2**63) and column.highest < 2**63:
            return pa.int64()
        if column.lowest >= 0 and column.highest < 2**64:
            return pa.uint64()
    whole = max(column.whole, len(str(max(abs(column.lowest), column.highest))))
    if whole + column.scale <= _MOST_DIGITS:
        return pa.decimal128(_MOST_DIGITS, column.scale)
    fits = whole + column.scale <= _MOST_DIGITS_OF_ALL
    return pa.decimal256(_MOST_DIGITS_OF_ALL, column.scale) if fits else pa.string()


_SIMPLE: dict[object, pa.DataType] = {
    bool: pa.bool_(),
    bytes: pa.binary(),
    date: pa.date32(),
    datetime: pa.timestamp("us"),
    time: pa.time64("us"),
    timedelta: pa.duration("us"),
}


# ---- arrays


def column(values: list[Any], type: pa.DataType) -> pa.Array:
    """Exact: a type that cannot hold one of the values raises."""
    if pt.is_string(type):
        return pa.array([None if v is None else _text(v) for v in values], type)
    if pt.is_decimal(type):
        return pa.array([Decimal(v) if isinstance(v, int) else v for v in values], type)
    if pt.is_floating(type):
        return pa.array([None if v is None else float(v) for v in values], type)
    if pt.is_timestamp(type):
        return pa.array(values, pa.timestamp("us", type.tz)).cast(type)
    if pt.is_time(type):
        return pa.array([_microseconds(v) for v in values], pa.int64()).cast(pa.time64("us")).cast(type)
    if pt.is_binary(type):
        return pa.array([bytes(v) if isinstance(v, (bytearray, memoryview)) else v for v in values], type)
    return pa.array(values, type)


def _microseconds(value: timedelta | time | None) -> int | None:
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    return None if value is None else value // timedelta(microseconds=1)


def _text(value: Any) -> str:
    if isinstance(value, timedelta):
        return _clock(value)
    if isinstance(value, _BYTES):
        return f"X'{bytes(value).hex().upper()}'"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, (date, time)):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value)


def _clock(value: timedelta) -> str:
    """As MySQL writes a time, whose hours may be hundreds and negative: -838:59:59."""
    seconds, fraction = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    tail = f".{fraction:06d}" if fraction else ""
    sign = "-" if value < timedelta() else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{tail}"
