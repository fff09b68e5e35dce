"""How times, sizes, durations and counts are formatted for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from common.templatetags import format as formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-0.2, "0.0 s"), (0.04, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (59.6, "1 min"), (75, "1 min 15 s"),
     (3599, "59 min 59 s"), (3600, "1 h"), (7384, "2 h 03 min"), (360_000, "100 h"), (None, "\N{EN DASH}")],
)  # fmt: skip
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (150_000, "150 kB"),
     (41_960_000, "42.0 MB"), (10**16, "10,000 TB")],
)  # fmt: skip
def test_sizes_are_in_powers_of_a_thousand(size: int, text: str) -> None:
    assert formatting.filesize(size) == text


def test_a_time_is_shown_in_utc_and_machine_readable() -> None:
    at = datetime(2013, 5, 7, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    element = formatting.moment(at)
    assert ">6 May 2013 23:02:03</time>" in element
    assert 'datetime="2013-05-06T23:02:03+00:00"' in element
    now = datetime.now(UTC)
    assert f">{now.day} " in formatting.moment(now)


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (1234, "1,234"), (10_000, "10,000"), (10_001, "10,000+")])
def test_a_count_is_capped(number: int, text: str) -> None:
    assert formatting.capped(number, 10_000) == text


@pytest.mark.parametrize(("value", "text"), [(True, "yes"), ([1, False], "1, no"), ("a", "a"), (0.5, "0.5")])
def test_parameter_values_are_written_for_people(value: object, text: str) -> None:
    assert formatting.plain(value) == text
