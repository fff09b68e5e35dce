"""Days and moments of any year as ISO 8601 text, by Python's calendar, which repeats every 400 years."""

from __future__ import annotations

import math
from datetime import date

_DAYS_OF_400_YEARS = 146_097
_DAY_2000 = date(2000, 1, 1).toordinal()
_EPOCH = date(1970, 1, 1).toordinal()


def civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of a day counted from 1970-01-01. Year 0 is 1 BC."""
    cycles, rest = divmod(day + _EPOCH - _DAY_2000, _DAYS_OF_400_YEARS)
    same = date.fromordinal(_DAY_2000 + rest)
    return same.year + 400 * cycles, same.month, same.day


def date_text(day: float) -> str:
    """`2024-01-31`; years outside 0 to 9999 have a sign; `infinity`."""
    if math.isinf(day):
        return "infinity" if day > 0 else "-infinity"
    year, month, day_of_month = civil(int(day))
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04d}-{month:02d}-{day_of_month:02d}"


def time_text(ticks: int, unit: int) -> str:
    """`23:59:59.123456`, with as many digits as the unit has, or `24:00:00`."""
    seconds, fraction = divmod(ticks, 10**unit)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{clock}.{fraction:0{unit}d}" if unit else clock


def timestamp_text(ticks: float, unit: int, *, zoned: bool = False, separator: str = "T") -> str:
    if math.isinf(ticks):
        return date_text(ticks)
    day, tick = divmod(int(ticks), 86_400 * 10**unit)
    return f"{date_text(day)}{separator}{time_text(tick, unit)}{'Z' if zoned else ''}"
