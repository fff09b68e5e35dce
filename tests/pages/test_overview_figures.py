"""The overview's figures: counted by hour and status, of what the person sees, drawn and as a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from jobs.models import JobExecutionLog, WorkerHost
from jobs.monitoring import statistics as figures_module
from jobs.monitoring.counts import MOST_LOOKED_AT, shown_count, todays_tabs
from jobs.monitoring.statistics import HOURS, statistics

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]


def ended(make_job: MakeJob, status: str, ago: float, wait: float, run: float, **fields: object) -> JobExecutionLog:
    at = timezone.now() - timedelta(hours=ago)
    begun = at + timedelta(seconds=wait)
    return make_job(status, queued_at=at, started_at=begun, ended_at=begun + timedelta(seconds=run), **fields)


def test_jobs_are_counted_by_hour_and_status(people: dict[str, User], make_job: MakeJob) -> None:
    ended(make_job, "Succeeded", 0.01, 1, 1)
    at = timezone.now() - timedelta(hours=3)
    for _ in range(2):
        make_job("Failed", queued_at=at, started_at=at, ended_at=at)
    ended(make_job, "Failed", 30, 1, 1)
    found = statistics(people["alice"])
    assert len(found.hours) == HOURS
    assert sum(hour.total for hour in found.hours) == 3
    failed = next(hour for hour in found.hours if hour.counts[3])
    assert failed.counts == [0, 0, 0, 2]
    assert found.highest == 2
    assert [(bar.status, bar.height) for bar in failed.bars] == [("failed", 120)]


def test_waits_runs_and_reports_are_of_the_newest_ended_jobs(people: dict[str, User], make_job: MakeJob) -> None:
    for run in range(1, 21):
        ended(make_job, "Succeeded", 1, 2, run)
    ended(make_job, "Failed", 1, 2, 100, report_slug="late", report_name="Late trains")
    found = statistics(people["alice"])
    assert found.waits == (2, 2)
    assert found.runs == (11, 20)
    assert [(one.name, one.run) for one in found.slowest] == [("Late trains", 100), ("Sales <by> region", 19)]
    assert [(one.name, one.failed, one.percent) for one in found.failing] == [("Late trains", 1, 100)]


def test_everybody_gets_figures_of_the_jobs_they_see(people: dict[str, User], make_job: MakeJob) -> None:
    ended(make_job, "Succeeded", 1, 1, 1, by="bob")
    ended(make_job, "Succeeded", 1, 1, 1, by="erin")
    seen = {name: sum(hour.total for hour in statistics(people[name]).hours) for name in people}
    assert seen == {"alice": 2, "bob": 2, "carol": 2, "dave": 0, "erin": 1, "gina": 0}


def test_own_jobs_of_a_day_that_were_not_all_looked_at_are_said_to_be_more(
    people: dict[str, User], make_job: MakeJob
) -> None:
    def counts() -> list[str]:
        return [tab.count for tab in todays_tabs(*JobExecutionLog.objects.visible_parts(people["erin"]))]

    ended(make_job, "Succeeded", 30, 1, 1, by="erin")
    queued = make_job(by="erin")
    failed = ended(make_job, "Failed", 1, 1, 1, by="erin")
    assert counts() == ["1", "0", "0", "1"]
    for job in [failed] * (MOST_LOOKED_AT - 4) + [queued]:
        job.pk = uuid4()
        job.save(force_insert=True)
    assert counts() == ["2", "0", "0", "497"], "all of the day were looked at"
    failed.pk = uuid4()
    failed.save(force_insert=True)
    assert counts() == ["2", "0", "0+", "498+"]


@pytest.mark.parametrize(("counted", "text"), [(0, "0"), (1234, "1,234"), (10_000, "10,000"), (10_001, "10,000+")])
def test_counts_are_capped(counted: int, text: str) -> None:
    assert shown_count(counted) == text


def test_the_chart_has_a_name_and_a_table_with_its_numbers(browse: Browse, make_job: MakeJob) -> None:
    ended(make_job, "Succeeded", 1, 1, 1)
    text = browse("bob").get("/").content.decode()
    assert re.search(r'<svg class="chart"[^>]*role="img" aria-label="Columns: jobs of the last 24 hours', text)
    assert '<td class="right number">1</td>' in text
    assert "Half within" in text and "Slowest reports" in text
    assert "No job was asked for in the last 24 hours." in browse("dave").get("/").content.decode()


def test_the_figures_are_updated_apart_from_the_rest(browse: Browse, make_job: MakeJob) -> None:
    ended(make_job, "Succeeded", 1, 1, 1)
    client = browse("bob")
    live = {"HX-Request": "true", "HX-Target": "figures"}
    text = client.get("/", headers=live).content.decode()
    assert text.strip().startswith('<div id="figures"')
    seen = re.search(r'"X-Seen": "(\w+)"', text)
    assert seen
    assert client.get("/", headers={**live, "X-Seen": seen[1]}).status_code == 204
    assert 'id="figures"' not in client.get("/", headers={"HX-Request": "true"}).content.decode()


def test_the_disk_is_shown_to_administrators(browse: Browse) -> None:
    assert "free of" in browse("alice").get("/").content.decode()
    assert "free of" not in browse("bob").get("/").content.decode()


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_queue_is_shown_by_age(browse: Browse, make_job: MakeJob) -> None:
    assert "Queue by age" not in browse("alice").get("/").content.decode()
    for minutes in (0, 0, 5, 30, 59, 61, 500):
        make_job("Queued", queued_at=timezone.now() - timedelta(minutes=minutes))
    shown = words(browse("alice").get("/").content.decode())
    assert "under 1 min 2 1 to 10 min 1 10 to 60 min 2 over 1 h 2" in shown
    assert "Queue by age" not in browse("gina").get("/").content.decode(), "another tenant's"


def test_hosts_are_shown_with_what_they_run_now(browse: Browse, make_job: MakeJob) -> None:
    now = timezone.now()
    assert "0 no worker is alive" in words(browse("bob").get("/").content.decode())
    WorkerHost.objects.create(instance="w", host="h1", pid=1, slots=4, started_at=now, seen_at=now)
    make_job("Running")
    make_job("Running")
    assert "2 of 4 places busy" in words(browse("bob").get("/").content.decode())


def test_a_disk_that_is_nearly_full_is_a_warning(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_module, "disk", lambda: (5 * 10**9, 100 * 10**9))
    assert "nearly full: 5.0 GB are free" in browse("alice").get("/").content.decode()
    assert "nearly full" not in browse("bob").get("/").content.decode()
    monkeypatch.setattr(figures_module, "disk", lambda: (50 * 10**9, 100 * 10**9))
    assert "nearly full" not in browse("alice").get("/").content.decode()


def test_the_share_of_failures_is_told(browse: Browse, make_job: MakeJob) -> None:
    assert "% of all that ended" not in browse("alice").get("/").content.decode()
    for status in ("Failed", "Succeeded", "Succeeded", "Queued"):
        make_job(status)
    assert "1 in the last 24 hours, 33 % of all that ended" in words(browse("alice").get("/").content.decode())


def test_how_times_change_is_told_of_stretches_of_the_newest_ended_jobs(
    people: dict[str, User], make_job: MakeJob
) -> None:
    for number in range(9):
        ended(make_job, "Succeeded", 9 - number, number, 10)
    assert statistics(people["alice"]).stretches == [], "too few to compare"
    for number in range(4):
        ended(make_job, "Failed", 0.4 - number / 10, 0, 100 * number)
    first, second = statistics(people["alice"]).stretches
    assert (first.begin < second.begin, first.jobs, second.jobs) == (True, 5, 5)
    assert (first.waits, first.runs) == ((5, 7), (10, 10))
    assert (second.waits, second.runs) == ((0, 8), (100, 300))


def test_the_charts_of_times_have_a_table_with_their_numbers(browse: Browse, make_job: MakeJob) -> None:
    for number in range(10):
        ended(make_job, "Succeeded", 10 - number, 0, 1 if number < 5 else 4)
    text = browse("alice").get("/").content.decode()
    lines = re.findall(r'<polyline class="(\w+)" points="([^"]+)"', text)
    assert [name for name, _ in lines] == ["p95", "p50", "p95", "p50"]
    assert lines[0][1] == "0,38.0 200,38.0", "nobody waited"
    assert lines[2][1] == "0,29.0 200,2.0"
    assert re.search(
        r"Asked for from Jobs Wait: half, 95 % Run: half, 95 % \d+ \w+ [\d:]+ 5 0.0 s 0.0 s 4.0 s 4.0 s", words(text)
    )
