"""Relative dates computed the slow way, for comparison with reports.parameters.date_math.

Nothing is shared with it: months are found by stepping from day to day, and local times by looking through the instants
around them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: The first months of each unit's periods.
_FIRST_MONTHS = {"M": range(1, 13), "Q": (1, 4, 7, 10), "y": (1,)}


def evaluate(steps: list[tuple[str, int | None]], instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the local time after the steps: a unit with a count to add, or with None to round down to."""
    local = instant.astimezone(zone)
    for unit, count in steps:
        if count is None:
            local = first_instant(start_of(unit, local.replace(tzinfo=None)), zone)
        elif unit in "hm":
            local = (local.astimezone(UTC) + count * (HOUR if unit == "h" else MINUTE)).astimezone(zone)
        else:
            local = first_instant(moved(unit, count, local.replace(tzinfo=None)), zone)
    return local


def start_of(unit: str, naive: datetime) -> datetime:
    if unit == "m":
        return datetime(*naive.timetuple()[:5])
    if unit == "h":
        return datetime(*naive.timetuple()[:4])
    day = naive.date()
    while not starts(unit, day):
        day -= DAY
    return datetime(day.year, day.month, day.day)


def starts(unit: str, day: date) -> bool:
    if unit == "d":
        return True
    if unit == "w":
        return day.isocalendar().weekday == 1
    return day.day == 1 and day.month in _FIRST_MONTHS[unit]


def moved(unit: str, count: int, naive: datetime) -> datetime:
    day = naive.date()
    if unit in "dw":
        for _ in range(abs(count) * (7 if unit == "w" else 1)):
            day += DAY if count > 0 else -DAY
    else:
        for _ in range(abs(count) * {"M": 1, "Q": 3, "y": 12}[unit]):
            day = next_month(day) if count > 0 else previous_month(day)
        while day.day < naive.day and (day + DAY).month == day.month:
            day += DAY
    return datetime.combine(day, naive.time())


def next_month(day: date) -> date:
    """Return the first day of the next month."""
    month = day.month
    while day.month == month:
        day += DAY
    return day


def previous_month(day: date) -> date:
    """Return the first day of the month before."""
    day = day.replace(day=1) - DAY
    return day.replace(day=1)


def first_instant(naive: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant whose local time is this one; if there is none, the first with a later local time.

    Offsets change on whole minutes in all zones that the tests use.
    """
    seconds = timedelta(seconds=naive.second, microseconds=naive.microsecond)
    instant = naive.replace(tzinfo=UTC) - seconds - 30 * HOUR
    while not (local := instant.astimezone(zone).replace(tzinfo=None) + seconds) >= naive:
        ahead = naive - local
        # Never over the place searched for, not even if the clocks are changed by a day on the way.
        instant += max(MINUTE, min(ahead - 26 * HOUR, ahead))
    return instant.astimezone(zone) + seconds if local == naive else instant.astimezone(zone)
