"""Times of cron expressions, over whole years against a slow implementation, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from schedules import cron
from tests.reports.parameters.slow_calendar import first_instant

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def local_times(expression: str, zone: str, first: str, number: int) -> list[str]:
    """Return the first times at or after a local time."""
    in_zone = ZoneInfo(zone)
    after = datetime.fromisoformat(first).replace(tzinfo=in_zone) - timedelta(seconds=1)
    times = cron.times(expression, in_zone, after=after)
    return [next(times).astimezone(in_zone).isoformat() for _ in range(number)]


def year_of(expression: str, zone: str) -> list[datetime]:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    return list(takewhile(lambda time: time < end, cron.times(expression, ZoneInfo(zone), after=start)))


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize(("hour", "minute"), [(2, 30), (3, 0), (1, 15), (0, 0)])
def test_a_fixed_time_occurs_once_every_day_of_a_year(zone: str, hour: int, minute: int) -> None:
    """One that doesn't exist at the first that does, one that occurs twice at the earlier one."""
    naive = datetime(2025, 12, 31, hour, minute)
    days = [first_instant(naive + timedelta(days=day), ZoneInfo(zone)).astimezone(UTC) for day in range(367)]
    expected = [time for time in days if datetime(2026, 1, 1, tzinfo=UTC) < time < datetime(2027, 1, 1, tzinfo=UTC)]
    assert year_of(f"{minute} {hour} * * *", zone) == expected


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("*/30 * * * *", lambda local: local.minute % 30 == 0),
        ("30 * * * *", lambda local: local.minute == 30),
        ("*/20 2 * * *", lambda local: local.hour == 2 and local.minute % 20 == 0),
        # Of the two hours that are called 2, both count.
        ("0 */2 * * *", lambda local: local.hour % 2 == 0 and local.minute == 0),
        ("0 */6 * * *", lambda local: local.hour % 6 == 0 and local.minute == 0),
    ],
)
def test_with_a_star_elapsed_time_counts(zone: str, expression: str, matches: Callable[[datetime], bool]) -> None:
    """Every instant of the year whose local time matches is one of its times: none twice, none left out."""
    instants = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=10 * step) for step in range(1, 6 * 24 * 365))
    assert year_of(expression, zone) == [time for time in instants if matches(time.astimezone(ZoneInfo(zone)))]


def test_the_nights_on_which_clocks_change() -> None:
    assert local_times("30 2 * * *", BERLIN, "2027-03-28T00:00", 1) == ["2027-03-28T03:00:00+02:00"]
    assert local_times("30 2 * * *", BERLIN, "2026-10-25T00:00", 2) == [
        "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00",
    ]  # fmt: skip
    assert local_times("30 1 * * *", NEW_YORK, "2026-11-01T00:00", 2) == [
        "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00",
    ]  # fmt: skip
    assert local_times("0,30 2 * * *", BERLIN, "2027-03-28T00:00", 2) == [
        "2027-03-28T03:00:00+02:00", "2027-03-29T02:00:00+02:00",
    ]  # fmt: skip
    # From within the second half past two: the first one is over.
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert next(cron.times("30 2 * * *", ZoneInfo(BERLIN), after=second)) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 7 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 7 LW * *", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("0 7 * * MON#1", ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ("0 7 31 * *", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("0 7 1 * MON", ["2026-01-01", "2026-01-05", "2026-01-12"]),
        ("0 7 29 2 *", ["2028-02-29", "2032-02-29"]),
    ],
)
def test_days(expression: str, expected: list[str]) -> None:
    assert [time[:10] for time in local_times(expression, BERLIN, "2026-01-01T00:00", len(expected))] == expected


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("@daily", "Names like @daily aren't supported."),
        ("0 0 0 * * *", "Must have five fields (minute, hour, day, month, weekday), not 6."),
        ("0 0 * *", "not 4."),
        ("", "not 0."),
        ("60 * * * *", "The minute field is not valid."),
        ("0 24 * * *", "The hour field is not valid."),
        ("0 0 30 2 *", "The day-of-month field is not valid, or names a day that doesn't exist."),
        ("0 0 * * MON#6", "The day-of-week field is not valid."),
        ("x * * * *", "The minute field"),
        ("*/0 * * * *", "The minute field"),
        ("0 0 ٣ * *", "all of them ASCII"),
        ("0,0" + ",0" * 60 + " * * * *", "at most 100 characters"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(expression: str, words: str) -> None:
    assert words in (cron.error(expression, NOW) or "")


@pytest.mark.parametrize("zone", ["UTC", BERLIN, NEW_YORK, "Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize("expression", ["0 7 * * MON", "*/15 * * * *"])
def test_times_begin_and_end_with_the_calendar(zone: str, expression: str) -> None:
    first = next(cron.times(expression, ZoneInfo(zone), after=datetime.min.replace(tzinfo=UTC)))
    assert first.year == 1
    last = list(cron.times(expression, ZoneInfo(zone), after=datetime(9999, 12, 20, tzinfo=UTC)))
    assert last and all(time.year == 9999 for time in last)
    assert not list(cron.times(expression, ZoneInfo(zone), after=datetime.max.replace(tzinfo=UTC)))


def test_a_cron_without_a_time_in_five_years_is_refused() -> None:
    assert cron.error("0 0 29 2 *", NOW) is None
    # 2100 is no leap year.
    assert cron.error("0 0 29 2 *", datetime(2097, 1, 1, tzinfo=UTC)) == "There is no such time in the next five years."


@pytest.mark.parametrize(
    ("expression", "day"), [("0 7 31 * *", 31), ("0 7 29-31 2 *", 29), ("0 7 30 1,2 *", 30), ("0 7 28 * *", None),
                            ("0 7 31 1 *", None), ("0 7 L * *", None), ("0 7 * * *", None), ("0 7 */5 * *", None),
                            ("0 7 1-31 * *", None), ("0 7 1,31 * *", None), ("0 7 28-31 * *", None),
                            ("0 7 31 * MON", None), ("0 7 30-31 * *", 30), ("0 7 31,L * *", None)]
)  # fmt: skip
def test_months_without_the_day_are_warned_of(expression: str, day: int | None) -> None:
    assert cron.warning(expression) == (
        f"Months without day {day} are skipped. L is the last day of each month." if day else None
    )
