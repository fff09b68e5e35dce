"""Where a queued job stands, and when it may begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.execution import transitions
from jobs.models import JobExecutionLog, QueuePosition, WorkerHost
from jobs.queue import position
from reports.models import ReportConfiguration
from tests.plans import only_on_sqlite, plan_of

Queue = Callable[[], JobExecutionLog]


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(position, "_REMEMBERED", 0)
    return


@pytest.fixture
def host(db: None) -> WorkerHost:
    """Two jobs may run at once."""
    now = timezone.now()
    return WorkerHost.objects.create(instance="i", host="h", pid=1, slots=2, started_at=now, seen_at=now)


def place(job: JobExecutionLog) -> QueuePosition | None:
    fresh = JobExecutionLog.objects.get(pk=job.pk)
    position.annotate_positions([fresh])
    return fresh.queue_position


def claim() -> JobExecutionLog:
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    return job


def succeed_after(seconds: float, job: JobExecutionLog) -> None:
    JobExecutionLog.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(seconds=seconds))
    result = {"rows": 3, "size": 10, "sha256": "0" * 64, "truncated": None, "stamp": "s"}
    assert transitions.succeed(job, result)


def wait_of(job: JobExecutionLog) -> float:
    found = place(job)
    assert found and found.start
    return (found.start - timezone.now()).total_seconds()


def test_jobs_stand_in_the_order_in_which_they_are_claimed(queued: Queue) -> None:
    jobs = [queued() for _ in range(5)]
    JobExecutionLog.objects.filter(pk=jobs[4].pk).update(priority=10)
    assert [found and found.position for found in map(place, jobs)] == [2, 3, 4, 5, 1]
    first = claim()
    assert first.pk == jobs[4].pk and place(first) is None
    assert [found and found.position for found in map(place, jobs[:4])] == [1, 2, 3, 4]


def test_many_are_placed_at_once_with_a_bounded_number_of_queries(
    queued: Queue, host: WorkerHost, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    jobs = [queued() for _ in range(20)]
    listed = list(JobExecutionLog.objects.newest_first())
    with django_assert_max_num_queries(7):  # type: ignore[attr-defined]
        position.annotate_positions(listed)
    found = {job.pk: job.queue_position and job.queue_position.position for job in listed}
    assert [found[job.pk] for job in jobs] == list(range(1, 21))


def test_only_so_many_are_counted(queued: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position, "MOST_BEFORE", 3)
    found = [place(queued()) for _ in range(6)]
    assert [(one.position, one.is_more) for one in found if one] == [
        (1, False), (2, False), (3, False), (4, True), (4, True), (4, True)
    ]  # fmt: skip


def test_without_a_worker_there_is_no_estimate(queued: Queue) -> None:
    found = place(queued())
    assert found and (found.position, found.start) == (1, None)


def test_a_free_slot_is_taken_at_once(queued: Queue, host: WorkerHost) -> None:
    assert wait_of(queued()) == pytest.approx(0, abs=2)


def test_the_estimate_is_what_stands_before_by_what_is_usual(queued: Queue, host: WorkerHost) -> None:
    queued()
    succeed_after(100, claim())
    for _ in range(2):
        queued()
        claim()
    waiting = [queued() for _ in range(3)]
    # Two slots: what runs needs 100 s each, so the first begins then, and each further one takes half of a slot's time.
    assert [wait_of(job) for job in waiting] == pytest.approx([100, 150, 200], abs=5)


def test_a_job_held_back_by_its_limit_stands_among_its_like(
    queued: Queue, host: WorkerHost, report: ReportConfiguration
) -> None:
    other = queued()
    succeed_after(100, claim())
    version = report.version
    version.pk, version.number, version.max_running = None, 2, 1
    version.save()
    report.current = version
    report.save()
    jobs = [JobExecutionLog.objects.get(pk=queued().pk) for _ in range(3)]
    JobExecutionLog.objects.filter(pk__in=[job.pk for job in jobs]).update(concurrency_key=report.pk)
    claim()
    assert [found and found.position for found in map(place, jobs[1:])] == [1, 2]
    assert [wait_of(job) for job in jobs[1:]] == pytest.approx([100, 200], abs=5)
    assert place(other) is None


def test_many_stand_where_each_would_alone(queued: Queue, host: WorkerHost) -> None:
    """Of several reports, with priorities, equal turns, one that must wait and one that is deleted."""
    jobs = [queued() for _ in range(12)]
    for number, job in enumerate(jobs):
        JobExecutionLog.objects.filter(pk=job.pk).update(priority=100 - number % 3, turn=1 + number // 2)
    JobExecutionLog.objects.filter(pk=jobs[0].pk).update(report=None)
    JobExecutionLog.objects.filter(pk=jobs[1].pk).update(available_at=timezone.now() + timedelta(hours=1))
    rows = {job.pk: job for job in JobExecutionLog.objects.all()}
    claimable = [(job.priority, job.turn) for job in rows.values() if job.pk != jobs[1].pk]
    position.annotate_positions(rows.values())
    for job in rows.values():
        before = sum(turn < (job.priority, job.turn) for turn in claimable)
        assert job.queue_position and job.queue_position.position == before + 1
        alone = place(job)
        assert alone and alone.position == before + 1


@only_on_sqlite
def test_what_stands_before_is_counted_by_an_index(queued: Queue) -> None:
    queued()
    with CaptureQueriesContext(connection) as asked:
        place(queued())
    [statement] = [query["sql"] for query in asked.captured_queries if "ahead" in query["sql"]]
    plan = plan_of(statement)
    assert "USING INDEX job_claimable ((priority,turn)<(?,?))" in plan, plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
