"""Dates, times, timestamps, durations and intervals as ISO 8601 text.

Arrow's cast is fast but limited: outside of years 1 to 9999 and of a day's 24 hours, it writes an error message as the
value. Such values, and the infinite ones, take a slow path in Python.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.infinity import counts, infinite_text, infinity
from reports.rendering.text_arrays import TEXT, concat

_TICKS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FRACTION_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_SECONDS_PER_DAY = 86_400
#: Days from 1970-01-01 to 0001-01-01 and to 9999-12-31.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896


def date_text(array: pa.Array) -> pa.Array:
    """`2024-01-31`, `infinity` or `-infinity`. Years outside 0 to 9999 have a sign, as ISO 8601 requires."""

    def slow(day: int) -> str:
        return infinite_text(day, array.type) or _any_date(day)

    return _text(array, _FIRST_DAY, _LAST_DAY, lambda dates: dates.cast(TEXT), slow)


def timestamp_text(array: pa.Array) -> pa.Array:
    """`2024-01-31T23:59:59.123456`, in UTC and with a Z if the column has a time zone. Digits follow the unit.

    Infinite timestamps are `infinity` and `-infinity`.
    """
    unit, suffix, limit = array.type.unit, "Z" if array.type.tz else "", infinity(array.type)
    ticks_per_day = _TICKS_PER_SECOND[unit] * _SECONDS_PER_DAY

    def fast(timestamps: pa.Array) -> pa.Array:
        # The zone is dropped before the cast: with it, Arrow asks the zone database for each value and takes 30 times
        # as long. The views avoid casts between text and binary, which would check every byte for valid UTF-8 again.
        texts = timestamps.cast(pa.timestamp(unit)).cast(TEXT).view(pa.large_binary())
        texts = pc.binary_replace_slice(texts, 10, 11, b"T").view(TEXT)
        return concat(texts, suffix) if suffix else texts

    def slow(tick: int) -> str:
        return infinite_text(tick, array.type) or _any_timestamp(tick, unit) + suffix

    first, last = _FIRST_DAY * ticks_per_day, (_LAST_DAY + 1) * ticks_per_day - 1
    # In nanoseconds, infinity is in the year 2262.
    return _text(array, max(first, 1 - limit), min(last, limit - 1), fast, slow)


def time_text(array: pa.Array) -> pa.Array:
    """`23:59:59.123456`, or `24:00:00`, which PostgreSQL allows. Digits follow the unit."""
    unit = array.type.unit
    last = _SECONDS_PER_DAY * _TICKS_PER_SECOND[unit] - 1
    return _text(array, 0, last, lambda times: times.cast(TEXT), lambda tick: _any_time(tick, unit))


def _text(
    array: pa.Array, first: int, last: int, fast: Callable[[pa.Array], pa.Array], slow: Callable[[int], str]
) -> pa.Array:
    """The values by `fast`, but those below `first` and above `last` by `slow`."""
    numbers = counts(array)
    if _is_within(numbers, first, last):
        return fast(array)
    is_rare = pc.fill_null(pc.or_(pc.less(numbers, first), pc.greater(numbers, last)), False)
    rare = pa.array([slow(number) for number in numbers.filter(is_rare).to_pylist()], TEXT)
    return pc.replace_with_mask(fast(pc.if_else(is_rare, pa.scalar(None, array.type), array)), is_rare, rare)


def duration_text(array: pa.Array) -> pa.Array:
    """`PT3661.5S`: seconds, without trailing zeros of the fraction."""
    ticks_per_second, digits = _TICKS_PER_SECOND[array.type.unit], _FRACTION_DIGITS[array.type.unit]
    ticks = array.cast(pa.int64()).to_pylist()
    return pa.array([None if tick is None else f"PT{_seconds(tick, ticks_per_second, digits)}" for tick in ticks], TEXT)


def interval_text(array: pa.Array) -> pa.Array:
    """`P14M3DT4.5S`: months, days and seconds as the source counted them, because none converts into another."""
    return pa.array([None if value is None else _interval(value) for value in array.to_pylist()], TEXT)


def _is_within(numbers: pa.Array, low: int, high: int) -> bool:
    extremes = pc.min_max(numbers)
    smallest, largest = extremes["min"].as_py(), extremes["max"].as_py()
    return smallest is None or (smallest >= low and largest <= high)


def _any_date(day: int) -> str:
    """Any day of the proleptic Gregorian calendar, counted from 1970-01-01.

    The algorithm is `civil_from_days` of Howard Hinnant, https://howardhinnant.github.io/date_algorithms.html.
    """
    era, day_of_era = divmod(day + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    # Years and months are counted from March, so a leap day is the last day of its year.
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    months_since_march = (5 * day_of_year + 2) // 153
    month = months_since_march + 3 if months_since_march < 10 else months_since_march - 9
    day_of_month = day_of_year - (153 * months_since_march + 2) // 5 + 1
    year = year_of_era + era * 400 + (month <= 2)
    sign = "" if 0 <= year <= 9999 else ("-" if year < 0 else "+")
    return f"{sign}{abs(year):04d}-{month:02d}-{day_of_month:02d}"


def _any_timestamp(tick: int, unit: str) -> str:
    day, tick_of_day = divmod(tick, _SECONDS_PER_DAY * _TICKS_PER_SECOND[unit])
    return f"{_any_date(day)}T{_any_time(tick_of_day, unit)}"


def _any_time(tick: int, unit: str) -> str:
    seconds, fraction = divmod(abs(tick), _TICKS_PER_SECOND[unit])
    digits = _FRACTION_DIGITS[unit]
    hours, minutes = seconds // 3600, seconds // 60 % 60
    sign, tail = "-" if tick < 0 else "", f".{fraction:0{digits}d}" if digits else ""
    return f"{sign}{hours:02d}:{minutes:02d}:{seconds % 60:02d}{tail}"


def _interval(value: pa.MonthDayNano) -> str:
    months = f"{value.months}M" if value.months else ""
    days = f"{value.days}D" if value.days else ""
    # ISO 8601 requires at least one part.
    seconds = f"T{_seconds(value.nanoseconds, 1_000_000_000, 9)}" if value.nanoseconds or not months + days else ""
    return f"P{months}{days}{seconds}"


def _seconds(tick: int, ticks_per_second: int, digits: int) -> str:
    """`-4.5S`. Used after the PT of a duration: a spreadsheet would take a text with a leading minus for a formula."""
    whole, fraction = divmod(abs(tick), ticks_per_second)
    tail = f".{fraction:0{digits}d}".rstrip("0").rstrip(".") if digits else ""
    return f"{'-' if tick < 0 else ''}{whole}{tail}S"
