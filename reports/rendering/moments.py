"""Dates, times, timestamps, durations and intervals as ISO 8601 text."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_DAY = 86_400
#: Days from 1970-01-01 to the first day of year 1 and to the last day of year 9999: four-digit years, no sign.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896


def date_text(array: pa.Array) -> pa.Array:
    """`2024-01-31`. Years outside 1-9999 get a sign, as ISO 8601 asks; Arrow would print a complaint as the value."""
    days = array.cast(pa.int32())
    if _within(days, _FIRST_DAY, _LAST_DAY):
        return array.cast(TEXT)
    return pa.array([None if day is None else _far_date(day) for day in days.to_pylist()], TEXT)


def timestamp_text(array: pa.Array) -> pa.Array:
    """`2024-01-31T23:59:59.123456`, with Z where the column has a zone: always UTC then. Digits follow the unit."""
    unit, zone = array.type.unit, "Z" if array.type.tz else ""
    ticks = array.cast(pa.int64())
    per_day = _PER_SECOND[unit] * _DAY
    if not _within(ticks, _FIRST_DAY * per_day, (_LAST_DAY + 1) * per_day - 1):
        return pa.array([None if tick is None else _far_moment(tick, unit) + zone for tick in ticks.to_pylist()], TEXT)
    # Casting a zoned column formats each value by the zone database, thirty times slower: drop the zone first.
    # A view, as a cast would look through every byte again for what is no UTF-8.
    text = array.cast(pa.timestamp(unit)).cast(TEXT).view(pa.large_binary())
    iso = pc.binary_replace_slice(text, 10, 11, b"T").view(TEXT)
    return pc.binary_join_element_wise(iso, pa.scalar(zone, TEXT), pa.scalar("", TEXT)) if zone else iso


def time_text(array: pa.Array) -> pa.Array:
    """`23:59:59.123456`; digits follow the unit. PostgreSQL's 24:00:00 is a time, too; Arrow would complain in it."""
    unit = array.type.unit
    ticks = array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64()).cast(pa.int64())
    if _within(ticks, 0, _DAY * _PER_SECOND[unit] - 1):
        return array.cast(TEXT)
    return pa.array([None if tick is None else _clock(tick, unit) for tick in ticks.to_pylist()], TEXT)


def duration_text(array: pa.Array) -> pa.Array:
    """`PT3661.5S`: seconds, with the fraction's zeros cut."""
    per_second, digits = _PER_SECOND[array.type.unit], _DIGITS[array.type.unit]
    ticks = array.cast(pa.int64()).to_pylist()
    return pa.array([None if tick is None else _seconds(tick, per_second, digits) for tick in ticks], TEXT)


def interval_text(array: pa.Array) -> pa.Array:
    """`P14M3DT4.5S`: months, days and seconds as they were counted, as none converts exactly into another."""
    return pa.array([None if value is None else _interval(value) for value in array.to_pylist()], TEXT)


def _within(numbers: pa.Array, low: int, high: int) -> bool:
    span = pc.min_max(numbers)
    smallest, largest = span["min"].as_py(), span["max"].as_py()
    return smallest is None or (smallest >= low and largest <= high)


def _far_moment(tick: int, unit: str) -> str:
    day, of_day = divmod(tick, _DAY * _PER_SECOND[unit])
    return f"{_far_date(day)}T{_clock(of_day, unit)}"


def _clock(tick: int, unit: str) -> str:
    seconds, fraction = divmod(abs(tick), _PER_SECOND[unit])
    tail = f".{fraction:0{_DIGITS[unit]}d}" if _DIGITS[unit] else ""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{'-' if tick < 0 else ''}{hours:02d}:{minutes:02d}:{seconds % 60:02d}{tail}"


def _far_date(day: int) -> str:
    """Any day of the proleptic Gregorian calendar; Python's and Arrow's calendars end earlier."""
    era, of_era = divmod(day + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    sign = "" if 0 <= year <= 9999 else ("-" if year < 0 else "+")
    return f"{sign}{abs(year):04d}-{month:02d}-{of_year - (153 * shifted + 2) // 5 + 1:02d}"


def _seconds(tick: int, per_second: int, digits: int) -> str:
    whole, fraction = divmod(abs(tick), per_second)
    tail = f".{fraction:0{digits}d}".rstrip("0").rstrip(".") if digits else ""
    # The sign stands inside: a cell that starts with a minus is a formula to a spreadsheet.
    return f"PT{'-' if tick < 0 else ''}{whole}{tail}S"


def _interval(value: pa.MonthDayNano) -> str:
    clock = _seconds(value.nanoseconds, 1_000_000_000, 9)[1:]
    parts = f"{value.months}M" * bool(value.months) + f"{value.days}D" * bool(value.days)
    return f"P{parts}{clock}" if value.nanoseconds or not parts else f"P{parts}"
