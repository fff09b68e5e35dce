"""Dates, times and durations as Excel counts them: a number of days whose fraction is the time.

Excel and LibreOffice show at most milliseconds, and round to them. So 23:59:59.9996 would be shown as the next day.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import ColumnKind

#: Excel's serial number of 1970-01-01. Excel counts a 29 February 1900, so its days before 1900-03-01 are wrong by one.
_EPOCH = 25_569
#: Days that Excel can show: 1900-03-01 to 9999-12-31; times and durations from 0.
_FIRST_DAY, _LAST_DAY = 61, 2_958_465
_SECONDS_PER_DAY = 86_400
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
#: A fraction of a second from here on is rounded up to the next second, in microseconds.
_ROUNDED_UP = 999_500
#: From this day on (in 2079), a double doesn't distinguish microseconds.
_MICROSECONDS_END = 65_536
#: LibreOffice counts the days from 1970, and this near to it cuts a time whose double is a bit too small.
_NEAR_EPOCH = 1_200.0
#: The distance of the doubles there: 0.3 microseconds.
_ONE_BIT = 2.0**-38


class SerialNumbers(NamedTuple):
    """A column of moments or durations in days, the values that a cell holds exactly and shows within their second,
    and those that have a fraction of a second."""

    days: pa.Array
    fits: pa.Array
    has_fraction: pa.Array


def serial_numbers(kind: ColumnKind, values: pa.Array) -> SerialNumbers:
    """The values of a column of dates, timestamps, times or durations. NULL stays NULL."""
    if kind is ColumnKind.DATE:
        days = pc.add(values.cast(pa.int32()).cast(pa.int64()), _EPOCH)
        return SerialNumbers(days, _between(days, _FIRST_DAY, _LAST_DAY + 1), pa.repeat(False, len(days)))
    unit = values.type.unit
    ticks = values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64()).cast(pa.int64())
    is_exact: pa.Array | None = None
    if unit == "ns":
        microseconds = _floor_divide(ticks, 1_000)
        is_exact = pc.equal(pc.multiply(microseconds, 1_000), ticks)
        ticks, unit = microseconds, "us"
    per_second = _PER_SECOND[unit]
    per_day = per_second * _SECONDS_PER_DAY
    if kind is ColumnKind.TIMESTAMP:
        # Before the division, so that the days are rounded only once.
        ticks = pc.add(ticks, _EPOCH * per_day)
    days = pc.divide(ticks.cast(pa.float64(), safe=False), float(per_day))
    fits = _between(days, *_limits(kind))
    fraction = pc.subtract(ticks, pc.multiply(_floor_divide(ticks, per_second), per_second))
    if kind is ColumnKind.TIMESTAMP:
        days = pc.if_else(_is_shown_short(days, fraction), pc.add(days, _ONE_BIT), days)
    if unit == "us":
        whole_milliseconds = pc.equal(pc.multiply(pc.divide(fraction, 1_000), 1_000), fraction)
        shown_right = pc.and_(pc.less(fraction, _ROUNDED_UP), pc.less(days, _MICROSECONDS_END))
        fits = pc.and_(fits, pc.or_(whole_milliseconds, shown_right))
    return SerialNumbers(days, fits if is_exact is None else pc.and_(fits, is_exact), pc.not_equal(fraction, 0))


def _limits(kind: ColumnKind) -> tuple[int, int]:
    if kind is ColumnKind.TIMESTAMP:
        return _FIRST_DAY, _LAST_DAY + 1
    # Excel has no negative durations.
    return 0, 1 if kind is ColumnKind.TIME else _LAST_DAY + 1


def _is_shown_short(days: pa.Array, fraction: pa.Array) -> pa.Array:
    """Whole seconds near 1970, of which LibreOffice would show the second before."""
    is_near = pc.less(pc.abs(pc.subtract(days, float(_EPOCH))), _NEAR_EPOCH)
    is_time = pc.not_equal(days, pc.floor(days))
    return pc.and_(is_near, pc.and_(is_time, pc.equal(fraction, 0)))


def _floor_divide(numbers: pa.Array, divisor: int) -> pa.Array:
    """Arrow rounds towards zero."""
    rounded_down = pc.subtract(numbers, pc.if_else(pc.less(numbers, 0), divisor - 1, 0))
    return pc.divide(rounded_down, divisor)


def _between(days: pa.Array, first: int, end: int) -> pa.Array:
    return pc.and_(pc.greater_equal(days, first), pc.less(days, end))
