"""The overview: jobs by status, workers, disk, the queue by age, and the statistics with their charts."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from jobs.models import JobExecutionLog, WorkerHost
from jobs.monitoring import workload
from jobs.monitoring.statistics import HOURS, compute_statistics
from jobs.monitoring.status_counts import SCAN_LIMIT, count_today
from jobs.monitoring.workload import DiskUsage
from tests.pages.html import Page
from tests.pages.jobs import HTMX, Browse, MakeJob, content_hash, open_page


def make_ended_job(
    make_job: MakeJob, status: str, hours_ago: float, wait: float, run: float, **fields: object
) -> JobExecutionLog:
    queued_at = timezone.now() - timedelta(hours=hours_ago)
    started_at = queued_at + timedelta(seconds=wait)
    ended_at = started_at + timedelta(seconds=run)
    return make_job(status, queued_at=queued_at, started_at=started_at, ended_at=ended_at, **fields)


def tile(page: Page, status: str) -> str:
    return page.get("link", re.compile(f"^{status} ")).text


def test_latest_failures_are_those_the_user_can_see(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    make_job("Failed", by="erin")
    failures = open_page(browse("carol"), "/").get("region", "Latest failures")
    assert failures.text.count("The query was <refused>.") == 2
    assert "No failed jobs" in open_page(browse("dave"), "/").get("region", "Latest failures").text


def test_the_overview_warns_if_no_workers_are_running(browse: Browse, make_job: MakeJob) -> None:
    make_job("Queued")
    now = timezone.now()
    host = {"host": "machine-1", "pid": 1, "slots": 4, "started_at": now}
    assert "No workers running." in open_page(browse("alice"), "/").text
    WorkerHost.objects.create(instance="dead", seen_at=now - timedelta(minutes=5), **host)
    text = open_page(browse("alice"), "/").text
    assert "No workers running since" in text
    assert "1 job is waiting." in text
    assert "manage.py jobserver" in text
    WorkerHost.objects.create(instance="alive", seen_at=now, **host)
    page = open_page(browse("alice"), "/")
    assert "No workers running" not in page.text
    assert "machine-1" in page.get("region", "Workers").text
    assert not open_page(browse("bob"), "/").has("region", "Workers"), "machines are for administrators"


def test_the_overview_shows_which_host_takes_no_jobs_and_administrators_why(browse: Browse) -> None:
    now = timezone.now()
    until, note = now + timedelta(minutes=1), "Results can't be written: Read-only file system."
    host = {"host": "machine-1", "pid": 1, "slots": 4, "started_at": now, "seen_at": now}
    WorkerHost.objects.create(instance="sick", paused_until=until, note=note, **host)
    workers = open_page(browse("alice"), "/").get("region", "Workers").text
    assert "Takes no jobs for a while." in workers and note in workers
    assert note not in open_page(browse("bob"), "/").text


@pytest.mark.parametrize("path", ["/", "/jobs/{job}", "/reports", "/audit", "/reports/sales"])
def test_no_page_takes_many_queries(browse: Browse, make_job: MakeJob, path: str) -> None:
    _, _, job = (make_job("Failed") for _ in range(3))
    client = browse("alice")
    with CaptureQueriesContext(connection) as queries:
        client.get(path.format(job=job.pk))
    # The overview also has one's own results and favorites, and the folders.
    assert len(queries) <= (19 if path == "/" else 14)


def test_jobs_are_counted_by_hour_and_status(people: dict[str, User], make_job: MakeJob) -> None:
    make_ended_job(make_job, "Succeeded", 0.01, 1, 1)
    at = timezone.now() - timedelta(hours=3)
    for _ in range(2):
        make_job("Failed", queued_at=at, started_at=at, ended_at=at)
    make_ended_job(make_job, "Failed", 30, 1, 1)
    statistics = compute_statistics(people["alice"])
    assert len(statistics.hours) == HOURS
    assert sum(hour.total for hour in statistics.hours) == 3
    failed = next(hour for hour in statistics.hours if hour.counts[3])
    assert failed.counts == [0, 0, 0, 2]
    assert statistics.max_per_hour == 2


def test_times_and_reports_are_those_of_the_newest_ended_jobs(people: dict[str, User], make_job: MakeJob) -> None:
    for run in range(1, 21):
        make_ended_job(make_job, "Succeeded", 1, 2, run)
    make_ended_job(make_job, "Failed", 1, 2, 100, report_slug="late", report_name="Late trains")
    statistics = compute_statistics(people["alice"])
    assert statistics.waits == (2, 2)
    assert statistics.runs == (11, 20)
    slowest = [(report.name, report.run) for report in statistics.slowest]
    assert slowest == [("Late trains", 100), ("Sales <by> region", 19)]
    failing = [(report.name, report.failed, report.failed_percent) for report in statistics.failing]
    assert failing == [("Late trains", 1, 100)]


def test_statistics_are_those_of_the_jobs_a_user_can_see(people: dict[str, User], make_job: MakeJob) -> None:
    make_ended_job(make_job, "Succeeded", 1, 1, 1, by="bob")
    make_ended_job(make_job, "Succeeded", 1, 1, 1, by="erin")
    totals = {name: sum(hour.total for hour in compute_statistics(people[name]).hours) for name in people}
    assert totals == {"alice": 2, "bob": 2, "carol": 2, "dave": 0, "erin": 1, "gina": 0}


def test_a_partial_scan_of_own_jobs_shows_that_there_may_be_more(people: dict[str, User], make_job: MakeJob) -> None:
    def counts() -> list[str]:
        return [count.text for count in count_today(*JobExecutionLog.objects.visible_parts(people["erin"]))]

    make_ended_job(make_job, "Succeeded", 30, 1, 1, by="erin")
    queued = make_job(by="erin")
    failed = make_ended_job(make_job, "Failed", 1, 1, 1, by="erin")
    assert counts() == ["1", "0", "0", "1"]
    for job in [failed] * (SCAN_LIMIT - 4) + [queued]:
        job.pk = uuid4()
        job.save(force_insert=True)
    assert counts() == ["2", "0", "0", "497"], "all jobs of the day were scanned"
    failed.pk = uuid4()
    failed.save(force_insert=True)
    assert counts() == ["2", "0", "0+", "498+"]


def test_the_chart_has_a_name_and_a_table_with_its_numbers(browse: Browse, make_job: MakeJob) -> None:
    job = make_ended_job(make_job, "Succeeded", 1, 1, 1)
    page = open_page(browse("bob"), "/")
    assert page.get("img", re.compile("^Bar chart of the jobs of the last 24 hours by hour and status"))
    table = page.get("table", "Jobs per hour and status")
    assert [row.text for row in table.all("row")][1:] == [f"{job.queued_at:%H}:00 0 0 1 0"]
    assert "Median" in page.get("table", "Wait and run times").text
    assert page.has("region", "Slowest reports")
    assert "No jobs in the last 24 hours." in open_page(browse("dave"), "/").text


def test_statistics_reload_separately_from_the_rest(browse: Browse, make_job: MakeJob) -> None:
    make_ended_job(make_job, "Succeeded", 1, 1, 1)
    client = browse("bob")
    headers = HTMX | {"HX-Target": "statistics"}
    fragment = open_page(client, "/", headers=headers)
    assert fragment.source.strip().startswith('<div id="statistics"')
    unchanged = headers | content_hash(fragment.by_id("statistics"))
    assert client.get("/", headers=unchanged).status_code == 204
    assert 'id="statistics"' not in client.get("/", headers=HTMX).content.decode()


def test_the_overview_reloads_only_if_it_changed(browse: Browse, make_job: MakeJob) -> None:
    client = browse("bob")
    unchanged = HTMX | content_hash(open_page(client, "/").by_id("overview"))
    assert client.get("/", headers=unchanged).status_code == 204
    make_job("Queued")
    assert client.get("/", headers=unchanged).status_code == 200


def test_only_administrators_see_the_disk(browse: Browse) -> None:
    assert re.search("Server disk: .+ free of ", open_page(browse("alice"), "/").text)
    assert "free of" not in open_page(browse("bob"), "/").text


def test_the_queue_is_shown_by_age(browse: Browse, make_job: MakeJob) -> None:
    page = open_page(browse("alice"), "/")
    assert not page.has("table", "Queue by age")
    assert tile(page, "Queued") == "Queued 0 Queue empty"
    for minutes in (0, 0, 5, 30, 59, 61, 500):
        make_job("Queued", queued_at=timezone.now() - timedelta(minutes=minutes))
    page = open_page(browse("alice"), "/")
    rows = [row.text for row in page.get("table", "Queue by age").all("row")][1:]
    assert rows == ["Under 1 min 2", "1 to 10 min 1", "10 to 60 min 2", "Over 1 h 2"]
    assert tile(page, "Queued").startswith("Queued 7 Oldest waiting since")
    assert not open_page(browse("gina"), "/").has("table", "Queue by age"), "another tenant's queue"


def test_hosts_are_shown_with_their_busy_slots(browse: Browse, make_job: MakeJob) -> None:
    now = timezone.now()
    assert tile(open_page(browse("bob"), "/"), "Running") == "Running 0 No workers running"
    WorkerHost.objects.create(instance="w", host="h1", pid=1, slots=4, started_at=now, seen_at=now)
    make_job("Running")
    make_job("Running")
    page = open_page(browse("alice"), "/")
    assert "2 of 4 slots busy" in page.get("region", "Workers").text
    assert tile(page, "Running") == "Running 2 of 4 slots"


def test_an_almost_full_disk_is_a_warning(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload, "disk_usage", lambda: DiskUsage(5 * 10**9, 100 * 10**9))
    assert "Disk almost full: 5.0 GB free." in open_page(browse("alice"), "/").text
    assert "almost full" not in open_page(browse("bob"), "/").text
    monkeypatch.setattr(workload, "disk_usage", lambda: DiskUsage(50 * 10**9, 100 * 10**9))
    assert "almost full" not in open_page(browse("alice"), "/").text


def test_the_share_of_failed_jobs_is_shown(browse: Browse, make_job: MakeJob) -> None:
    assert tile(open_page(browse("alice"), "/"), "Failed") == "Failed 0 Last 24 hours"
    for status in ("Failed", "Succeeded", "Succeeded", "Queued"):
        make_job(status)
    assert tile(open_page(browse("alice"), "/"), "Failed") == "Failed 1 Last 24 hours, 33% of finished jobs"


def test_a_trend_compares_groups_of_the_newest_ended_jobs(people: dict[str, User], make_job: MakeJob) -> None:
    for number in range(9):
        make_ended_job(make_job, "Succeeded", 9 - number, number, 10)
    assert compute_statistics(people["alice"]).trend == [], "too few to compare"
    for number in range(4):
        make_ended_job(make_job, "Failed", 0.4 - number / 10, 0, 100 * number)
    first, second = compute_statistics(people["alice"]).trend
    assert (first.start < second.start, first.jobs, second.jobs) == (True, 5, 5)
    assert (first.waits, first.runs) == ((5, 7), (10, 10))
    assert (second.waits, second.runs) == ((0, 8), (100, 300))


def test_the_charts_of_trends_have_a_table_with_their_numbers(browse: Browse, make_job: MakeJob) -> None:
    for number in range(10):
        make_ended_job(make_job, "Succeeded", 10 - number, 0, 1 if number < 5 else 4)
    page = open_page(browse("alice"), "/")
    waits, runs = page.all("img", re.compile("^Line chart of the median and the 95th percentile"))
    lines = [[(line["class"][0], line["points"]) for line in chart.tag.find_all("polyline")] for chart in (waits, runs)]
    assert lines == [
        [("p95", "0,38.0 200,38.0"), ("p50", "0,38.0 200,38.0")],
        [("p95", "0,29.0 200,2.0"), ("p50", "0,29.0 200,2.0")],
    ], "nobody waited, and the run time rose"
    rows = [row.text for row in page.get("table", "Trend of wait and run times").all("row")]
    assert rows[0] == "Queued from Jobs Wait: median, 95% Run: median, 95%"
    assert re.fullmatch(r"\d+ \w+ [\d:]+ 5 0.0 s 0.0 s 4.0 s 4.0 s", rows[1])
