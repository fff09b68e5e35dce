"""Percentiles, and the charts drawn from the statistics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.monitoring.statistics import Hour, Percentiles, p50_p95
from jobs.templatetags import job_charts

START = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [([], None), ([3.0], (3, 3)), ([4.0, 1.0, 2.0], (2, 4)), ([-1.0], (0, 0)), (list(range(1, 101)), (50, 95))],
)
def test_percentiles_are_values_of_the_sample(seconds: list[float], expected: Percentiles | None) -> None:
    assert p50_p95(seconds) == expected


def test_the_bars_of_an_hour_are_stacked_and_scaled_to_the_highest_hour() -> None:
    hours = [Hour(START, [0, 0, 3, 1]), Hour(START + timedelta(hours=1), [0, 0, 0, 2])]
    assert job_charts.hour_bars(hours) == (
        '<rect class="bar-failed" x="0" y="90.00" width="24" height="30.00"/>'
        '<rect class="bar-succeeded" x="0" y="0.00" width="24" height="90.00"/>'
        '<rect class="bar-failed" x="30" y="60.00" width="24" height="60.00"/>'
    )


def test_the_highest_hour_fills_the_chart() -> None:
    assert 'height="120.00"' in job_charts.hour_bars([Hour(START, [0, 0, 0, 2])])


def test_hours_without_jobs_have_no_row() -> None:
    hours = [Hour(START, [0, 0, 1234, 0]), Hour(START + timedelta(hours=1), [0, 0, 0, 0])]
    rows = job_charts.hour_rows(hours)
    assert rows.startswith('<tr><th scope="row">08:00</th>')
    assert rows.count("<tr>") == 1 and '<td class="right number">1,234</td>' in rows
