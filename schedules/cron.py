"""Times of cron expressions: five fields, with L, LW and # as in `cronsim`, in a time zone.

When clocks change, a fixed time that doesn't exist becomes the first one that does, and one that occurs twice counts
once. Where the field of minutes or hours starts with `*`, elapsed time counts: every 15 minutes stays every 15 minutes.
If day of month and day of week are both set, either matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MAX_LENGTH = 100
#: No time is before this one: in some zones, the day before is in the year 0.
FIRST = datetime(1, 1, 2, tzinfo=UTC)
#: How far ahead the first time must be at most.
HORIZON = timedelta(days=5 * 366)
#: The days of each month, in a year that is no leap year.
_SHORTEST_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS = 5
_NO_SUCH_DAY = ", or names a day that doesn't exist"


def error(expression: str, now: datetime) -> str | None:
    """Return why the expression can't be used, as a sentence; None if it can."""
    fields = expression.split()
    if expression.lstrip().startswith("@"):
        return "Names like @daily aren't supported. Use five fields: minute, hour, day, month, weekday."
    if len(fields) != _FIELDS:
        return f"Must have five fields (minute, hour, day, month, weekday), not {len(fields)}."
    if len(expression) > MAX_LENGTH or not expression.isascii():
        return f"Must have at most {MAX_LENGTH} characters, all of them ASCII."
    try:
        first = next(times(expression, ZoneInfo("UTC"), after=now), None)
    except CronSimError as refusal:
        field = str(refusal).removeprefix("Bad ")
        return f"The {field} field is not valid{_NO_SUCH_DAY if field == 'day-of-month' else ''}."
    return None if first is not None and first - now <= HORIZON else "There is no such time in the next five years."


def warning(expression: str) -> str | None:
    """Return a sentence about months that have none of the days of the month; None if there are none."""
    cron = CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC))
    # Otherwise the day of the week matches in every month. L and LW are negative numbers.
    first = min(cron.days) if cron.day_and else 1
    if all(first <= _SHORTEST_MONTHS[month - 1] for month in cron.months):
        return None
    return f"Months without day {first} are skipped. L is the last day of each month."


def times_within(
    expression: str, zone: ZoneInfo, *, after: datetime, first: str | None, last: str | None
) -> Iterator[datetime]:
    """Yield the times after this one, as `times`, from a first to a last day in the zone, such as "2026-12-31".

    Raises ValueError for what is no day.
    """
    if first:
        start = datetime.combine(datetime.fromisoformat(first), time(), zone)
        after = max(after, max(start, FIRST) - timedelta(seconds=1))
    for due in times(expression, zone, after=after):
        if last and str(due.astimezone(zone).date()) > last:
            return
        yield due


def times(expression: str, zone: ZoneInfo, *, after: datetime) -> Iterator[datetime]:
    """Yield the times after this one up to the year 9999, in UTC, the first one first. Raises CronSimError."""
    after = max(after, FIRST)
    try:
        for local in CronSim(expression, after.astimezone(zone)):
            due = local.astimezone(UTC)
            # A repeated local time is not told apart from the first by its fields.
            if due > after:
                yield due
                after = due
    except OverflowError:
        # The end of the year 9999.
        return
