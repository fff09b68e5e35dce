"""Relative dates: single cases from the contract, and all of them against a slow implementation of its own."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reports.parameters.date_math import PATTERN, Moment, check, is_relative, resolve
from reports.parameters.scalars import InvalidValue
from tests.reports.parameters import slow_calendar

#: Zones with odd offsets, with changes of the clock by half an hour, at midnight and by a whole day.
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/Sao_Paulo", "Pacific/Apia", "Asia/Tehran", "Africa/Casablanca", "America/Havana",
]  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("yQM"), st.integers(-15, 15)),
        st.tuples(st.sampled_from("wd"), st.integers(-60, 60)),
        st.tuples(st.sampled_from("hm"), st.integers(-5000, 5000)),
        st.tuples(st.sampled_from("yQMwdhm"), st.none()),
    ),
    max_size=5,
)


def text_of(steps: list[tuple[str, int | None]]) -> str:
    return "now" + "".join(f"/{unit}" if count is None else f"{count:+d}{unit}" for unit, count in steps)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def day(text: str, at: str = "2026-11-29T12:00+00:00", zone: str = "UTC") -> str:
    return str(resolve("date", text, Moment.of(instant(at), zone)))


def time(text: str, at: str, zone: str) -> str:
    moment = Moment.of(instant(at), zone)
    value = resolve("datetime", text, moment)
    assert isinstance(value, datetime) and value.tzinfo is UTC
    return value.astimezone(moment.zone).isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-29"), ("today", "2026-11-29"), ("today-1d", "2026-11-28"), ("now-1M/M", "2026-10-01"),
        ("now/M-1d", "2026-10-31"), ("now/w", "2026-11-23"), ("now-1w/w", "2026-11-16"), ("now/w-1d", "2026-11-22"),
        ("now/Q", "2026-10-01"), ("now-1Q/Q", "2026-07-01"), ("now/y", "2026-01-01"), ("now-1y/y", "2025-01-01"),
        (" now-1M+3d/M ", "2026-11-01"), ("now+8h/d", "2026-11-29"), ("now+12h", "2026-11-30"),
        ("now/M+30d-1M", "2026-11-01"), ("now+1Q", "2027-02-28"), ("now-2025y/y", "0001-01-01"),
        ("now+7973y", "9999-11-29"),
    ],
)  # fmt: skip
def test_a_relative_date_is_the_local_date(text, expected):
    assert day(text) == expected


def test_the_zone_decides_which_day_it_is():
    assert day("today", "2026-11-29T23:30+00:00", "Europe/Berlin") == "2026-11-30"
    assert day("today", "2026-11-30T03:30+00:00", "America/New_York") == "2026-11-29"
    assert time("now-1d/d", "2026-11-29T23:30+00:00", "Europe/Berlin") == "2026-11-29T00:00:00+01:00"


def test_months_clip():
    assert day("now+1M", "2026-01-31T12:00+00:00") == "2026-02-28"
    assert day("now+1M", "2028-01-31T12:00+00:00") == "2028-02-29"
    assert day("now+1y", "2028-02-29T12:00+00:00") == "2029-02-28"
    assert day("now+1M+1M", "2026-01-31T12:00+00:00") == "2026-03-28", "from left to right"
    assert day("now-1Q", "2026-05-31T12:00+00:00") == "2026-02-28"


@pytest.mark.parametrize(
    ("text", "at", "zone", "expected"),
    [
        # 02:30 doesn't exist on March 29, and occurs twice on October 25.
        ("now+1d", "2026-03-28T02:30+01:00", "Europe/Berlin", "2026-03-29T03:00:00+02:00"),
        ("now+1d", "2026-10-24T02:30+02:00", "Europe/Berlin", "2026-10-25T02:30:00+02:00"),
        ("now+24h", "2026-03-28T12:00+01:00", "Europe/Berlin", "2026-03-29T13:00:00+02:00"),
        ("now+1d", "2026-03-28T12:00+01:00", "Europe/Berlin", "2026-03-29T12:00:00+02:00"),
        ("now+1h", "2026-03-29T01:30+01:00", "Europe/Berlin", "2026-03-29T03:30:00+02:00"),
        ("now+1h", "2026-10-25T02:30+02:00", "Europe/Berlin", "2026-10-25T02:30:00+01:00"),
        ("now/d", "2018-11-04T12:00-02:00", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00"),
        ("now/h", "2026-11-29T12:20+05:45", "Asia/Kathmandu", "2026-11-29T12:00:00+05:45"),
        ("now+30m/h", "2026-10-04T01:45+10:30", "Australia/Lord_Howe", "2026-10-04T02:30:00+11:00"),
        # The Samoans went from December 29 to 31.
        ("now+1d", "2011-12-29T12:00-10:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),
        ("now-1d", "2011-12-31T12:00+14:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),
    ],
)  # fmt: skip
def test_changes_of_the_clock(text, at, zone, expected):
    assert time(text, at, zone) == expected


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)), st.sampled_from(ZONES))
@example([("d", 1)], datetime(2011, 12, 29, 22), "Pacific/Apia")
@example([("d", None)], datetime(2018, 11, 4, 12), "America/Sao_Paulo")
@example([("M", -1), ("M", None)], datetime(2024, 3, 31, 22, 30), "Europe/Berlin")
def test_all_steps_against_a_slow_implementation(steps, naive, zone):
    now = naive.replace(tzinfo=UTC)
    expected = slow_calendar.evaluate(steps, now, ZoneInfo(zone))
    moment = Moment.of(now, zone)
    assert resolve("datetime", text_of(steps), moment) == expected.astimezone(UTC)
    assert resolve("date", text_of(steps), moment) == expected.date()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("yQMwd"), st.one_of(st.none(), st.integers(-13, 13))), max_size=4),
    st.dates(date(20, 1, 1), date(9979, 1, 1)),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
)
def test_the_calendar_of_all_years(steps, day, zone):
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    naive = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for unit, count in steps:
        naive = slow_calendar.start_of(unit, naive) if count is None else slow_calendar.moved(unit, count, naive)
    assert resolve("date", text_of(steps), Moment.of(now, zone)) == naive.date()


@pytest.mark.parametrize("text", ["now-2026y", "now+7974y", "now-9999999999m", "now+9999999999y", "now/y-2025y-1d"])
def test_beyond_the_years_1_to_9999_is_refused(text):
    with pytest.raises(InvalidValue, match="is not between the years 1 and 9999"):
        day(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("now-1x", r"can't be read from “-1x” on. Steps look like"),
        ("now - 1d", "can't be read from “ - 1d” on"),
        ("now-d", "can't be read from “-d” on"),
        ("now//d", "can't be read from “//d” on"),
        ("now+1D", "can't be read"),
        ("nowadays", "can't be read"),
        ("today+0.5d", "can't be read"),
        ("now+\u0661d", "can't be read"),
        ("now" + "+1d" * 11, "has more than 10 steps"),
    ],
)
def test_other_texts_are_refused_with_the_place(text, words):
    assert is_relative(text)
    with pytest.raises(InvalidValue, match=words):
        check(text)


def test_ten_steps_are_allowed_and_the_pattern_for_clients_agrees():
    assert day("now" + "+1d" * 10) == "2026-12-09" and day("today" + "/d" * 10) == "2026-11-29"
    for text in ("now", "today-1M/M", "now" + "/y" * 10):
        assert re.search(PATTERN, text)
    for text in ("now" + "/y" * 11, "now-d", "Now", "now-1x"):
        assert not re.search(PATTERN, text)
