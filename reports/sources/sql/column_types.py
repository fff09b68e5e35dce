"""Arrow columns for the Python values of a driver.

A column has its declared type as long as all values are of it, and otherwise a type that holds everything seen so far.
No value is ever converted to fit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from common.api.numbers import DECIMAL_DIGITS, LONG_DECIMAL_DIGITS

_MAX_EXACT_IN_DOUBLE = 2**53
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_BYTES = (bytes, bytearray, memoryview)


class Trait(Enum):
    """Traits of a column's values, besides their Python type."""

    #: A datetime with a time zone.
    ZONED = auto()
    #: A time that no clock shows: negative, or 24 hours and more.
    OFF_CLOCK = auto()
    #: A decimal that is NaN or infinite.
    NOT_FINITE = auto()


@dataclass(frozen=True)
class ColumnProfile:
    """The profile of one column: the type that the server declares, and the values seen so far.

    `seen` has Python types and traits. `whole_digits` and `scale` are the digits before and after the decimal point.
    """

    declared: pa.DataType | None = None
    seen: frozenset[object] = frozenset()
    whole_digits: int = 0
    scale: int = 0
    lowest: int = 0
    highest: int = 0

    @property
    def type(self) -> pa.DataType:
        if self.declared is not None and self._fits(self.declared):
            return self.declared
        return self._type_for_values()

    def with_values(self, values: Sequence[Any]) -> ColumnProfile:
        """The profile after these values."""
        python_types = set(map(type, values)) - {type(None)}
        added: set[object] = {bytes if python_type in _BYTES else python_type for python_type in python_types}
        profile = self
        if int in python_types:
            integers = [value for value in values if type(value) is int]
            lowest, highest = min(self.lowest, *integers, 0), max(self.highest, *integers, 0)
            profile = replace(profile, lowest=lowest, highest=highest)
        if Decimal in python_types:
            decimals = [value for value in values if isinstance(value, Decimal)]
            finite = [value for value in decimals if value.is_finite()]
            whole_digits = max((value.adjusted() + 1 for value in finite if value), default=1)
            scale = max((-int(value.as_tuple().exponent) for value in finite), default=0)
            profile = replace(
                profile,
                whole_digits=max(profile.whole_digits, whole_digits, 1),
                scale=max(profile.scale, scale),
            )
            if len(finite) < len(decimals):
                added.add(Trait.NOT_FINITE)
        if self.declared is not None and timedelta in python_types:
            times = (value for value in values if isinstance(value, timedelta))
            if not all(timedelta() <= value < _DAY for value in times):
                added.add(Trait.OFF_CLOCK)
        if datetime in python_types and any(v.tzinfo is not None for v in values if isinstance(v, datetime)):
            added.add(Trait.ZONED)
        return replace(profile, seen=profile.seen | added)

    def _fits(self, declared: pa.DataType) -> bool:
        """True if all values seen are of the declared type."""
        if pt.is_integer(declared):
            low, high = (0, 2**64) if pt.is_unsigned_integer(declared) else (-(2**63), 2**63)
            return self.seen <= {int} and self.lowest >= low and self.highest < high
        if pt.is_decimal(declared):
            fits_whole = self.whole_digits <= declared.precision - declared.scale
            return self.seen <= {Decimal} and self.scale <= declared.scale and fits_whole
        # The Python types in which drivers return values of the declared type.
        if pt.is_floating(declared):
            return self.seen <= {float}
        if pt.is_date(declared):
            return self.seen <= {date}
        if pt.is_timestamp(declared):
            return self.seen <= {datetime}
        if pt.is_time(declared):
            return self.seen <= {timedelta, time}
        return self.seen <= ({bytes} if pt.is_binary(declared) else {str})

    def _type_for_values(self) -> pa.DataType:
        """A type for everything seen: a number as long as that is exact, and text where no other type holds it all."""
        seen = self.seen
        if not seen:
            return self.declared or pa.string()
        if seen <= {int, Decimal}:
            return self._exact_number()
        if seen <= {int, float} and self.lowest >= -_MAX_EXACT_IN_DOUBLE and self.highest <= _MAX_EXACT_IN_DOUBLE:
            return pa.float64()
        if seen == {datetime, Trait.ZONED}:
            return pa.timestamp("us", "UTC")
        return _TYPE_OF.get(next(iter(seen)), pa.string()) if len(seen) == 1 else pa.string()

    def _exact_number(self) -> pa.DataType:
        if Decimal not in self.seen:
            if self.lowest >= -(2**63) and self.highest < 2**63:
                return pa.int64()
            if self.lowest >= 0 and self.highest < 2**64:
                return pa.uint64()
        whole_digits = max(self.whole_digits, len(str(max(abs(self.lowest), self.highest))))
        if whole_digits + self.scale <= DECIMAL_DIGITS:
            return pa.decimal128(DECIMAL_DIGITS, self.scale)
        if whole_digits + self.scale <= LONG_DECIMAL_DIGITS:
            return pa.decimal256(LONG_DECIMAL_DIGITS, self.scale)
        return pa.string()


#: The type of a column whose values are all of one Python type. Without a declared type, a timedelta is a duration.
_TYPE_OF: dict[object, pa.DataType] = {
    bool: pa.bool_(),
    bytes: pa.binary(),
    date: pa.date32(),
    datetime: pa.timestamp("us"),
    time: pa.time64("us"),
    timedelta: pa.duration("us"),
}


# ---- arrays


def to_array(values: list[Any], type: pa.DataType) -> pa.Array:
    """Convert exactly. Raises if the type can't hold one of the values."""
    if pt.is_string(type) or isinstance(type, pa.JsonType):
        return pa.array([None if value is None else _text(value) for value in values], type)
    if pt.is_decimal(type):
        return pa.array([Decimal(value) if isinstance(value, int) else value for value in values], type)
    if pt.is_floating(type):
        return pa.array([None if value is None else float(value) for value in values], type)
    if pt.is_timestamp(type):
        return pa.array(values, pa.timestamp("us", type.tz)).cast(type)
    if pt.is_time(type):
        return pa.array([_microseconds(value) for value in values], pa.int64()).cast(pa.time64("us")).cast(type)
    if pt.is_binary(type):
        return pa.array([bytes(v) if isinstance(v, (bytearray, memoryview)) else v for v in values], type)
    return pa.array(values, type)


def _microseconds(value: timedelta | time | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    return value // _MICROSECOND


def _text(value: Any) -> str:
    if isinstance(value, timedelta):
        return _clock_text(value)
    if isinstance(value, _BYTES):
        return f"X'{bytes(value).hex().upper()}'"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, (date, time)):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) and value.is_finite() else str(value)


def _clock_text(value: timedelta) -> str:
    """A time as MySQL writes it: the hours may be negative and more than 24, as in -838:59:59."""
    seconds, microseconds = divmod(abs(value) // _MICROSECOND, 1_000_000)
    fraction = f".{microseconds:06d}" if microseconds else ""
    sign = "-" if value < timedelta() else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
