"""The position of a queued job and the estimate of its start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.clock import WAITING
from jobs.execution import transitions
from jobs.execution.protocol import Result
from jobs.models import JobExecutionLog, WorkerHost
from jobs.queue.position import MAX_AHEAD, QueueSnapshot, annotate_positions
from jobs.status import QueuePosition
from jobs.templatetags.jobs import queue_position
from reports.models import ReportConfiguration
from tests.jobs.helpers import FILE
from tests.plans import only_on_sqlite, plan_of

Queue = Callable[[], JobExecutionLog]


@pytest.fixture
def host(db: None) -> WorkerHost:
    """A jobserver with two slots."""
    now = timezone.now()
    return WorkerHost.objects.create(instance="i", host="h", pid=1, slots=2, started_at=now, seen_at=now)


def position_of(job: JobExecutionLog, max_ahead: int = MAX_AHEAD) -> QueuePosition | None:
    job = JobExecutionLog.objects.get(pk=job.pk)
    annotate_positions([job], QueueSnapshot.take(), max_ahead=max_ahead)
    return job.queue_position


def positions_of(jobs: list[JobExecutionLog]) -> list[int | None]:
    return [position and position.position for position in map(position_of, jobs)]


def seconds_to_start(job: JobExecutionLog) -> float:
    position = position_of(job)
    assert position and position.start
    return (position.start - timezone.now()).total_seconds()


def claim() -> JobExecutionLog:
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    return job


def succeed_after(seconds: float, job: JobExecutionLog) -> None:
    JobExecutionLog.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(seconds=seconds))
    result = Result(rows=3, truncated=None, files=(FILE,))
    assert transitions.succeed(job, result)


def test_positions_follow_the_order_of_claims(queued: Queue) -> None:
    jobs = [queued() for _ in range(5)]
    JobExecutionLog.objects.filter(pk=jobs[4].pk).update(priority=10)
    assert positions_of(jobs) == [2, 3, 4, 5, 1]
    first = claim()
    assert first.pk == jobs[4].pk and position_of(first) is None
    assert positions_of(jobs[:4]) == [1, 2, 3, 4]


def test_a_list_of_jobs_takes_a_bounded_number_of_queries(
    queued: Queue, host: WorkerHost, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    jobs = [queued() for _ in range(20)]
    listed = list(JobExecutionLog.objects.newest_first())
    with django_assert_max_num_queries(8):  # type: ignore[attr-defined]
        annotate_positions(listed)
    positions = {job.pk: job.queue_position and job.queue_position.position for job in listed}
    assert [positions[job.pk] for job in jobs] == list(range(1, 21))


def test_a_position_beyond_the_maximum_is_a_lower_bound(queued: Queue) -> None:
    positions = [position_of(queued(), max_ahead=3) for _ in range(6)]
    assert [(position.position, position.is_more) for position in positions if position] == [
        (1, False), (2, False), (3, False), (4, True), (4, True), (4, True)
    ]  # fmt: skip


def test_there_is_no_estimate_without_a_worker(queued: Queue) -> None:
    position = position_of(queued())
    assert position and (position.position, position.start) == (1, None)


def test_a_job_starts_at_once_if_a_slot_is_free(queued: Queue, host: WorkerHost) -> None:
    assert seconds_to_start(queued()) == pytest.approx(0, abs=2)


def test_the_estimate_adds_up_the_average_run_times_ahead(queued: Queue, host: WorkerHost) -> None:
    queued()
    succeed_after(100, claim())
    for _ in range(2):
        queued()
        claim()
    waiting = [queued() for _ in range(3)]
    # Both running jobs need another 100 s. Two slots end a job every 50 s on average.
    assert [seconds_to_start(job) for job in waiting] == pytest.approx([100, 150, 200], abs=5)


def test_jobs_of_a_limited_report_have_positions_of_their_own(
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
    assert positions_of(jobs[1:]) == [1, 2]
    assert [seconds_to_start(job) for job in jobs[1:]] == pytest.approx([100, 200], abs=5)
    assert position_of(other) is None


def test_a_job_whose_user_runs_as_many_as_allowed_waits_for_one_of_them(
    queued: Queue, host: WorkerHost, settings: Any
) -> None:
    settings.MAX_RUNNING_PER_USER = 1
    cache.clear()
    queued()
    succeed_after(100, claim())
    queued()
    claim()
    assert seconds_to_start(queued()) == pytest.approx(100, abs=5), "although a slot is free"
    cache.clear()


def test_a_list_gives_each_job_the_position_it_has_alone(queued: Queue, host: WorkerHost) -> None:
    """With different priorities, equal turns, a job that isn't due yet and one whose report was deleted."""
    jobs = [queued() for _ in range(12)]
    for number, job in enumerate(jobs):
        JobExecutionLog.objects.filter(pk=job.pk).update(priority=100 - number % 3, turn=1 + number // 2)
    JobExecutionLog.objects.filter(pk=jobs[0].pk).update(report=None)
    JobExecutionLog.objects.filter(pk=jobs[1].pk).update(available_at=timezone.now() + timedelta(hours=1))
    rows = {job.pk: job for job in JobExecutionLog.objects.all()}
    due = [(job.priority, job.turn) for job in rows.values() if job.pk != jobs[1].pk]
    annotate_positions(rows.values())
    for job in rows.values():
        ahead = sum(rank < (job.priority, job.turn) for rank in due)
        assert job.queue_position and job.queue_position.position == ahead + 1
        alone = position_of(job)
        assert alone and alone.position == ahead + 1


@only_on_sqlite
def test_jobs_ahead_are_counted_by_an_index(queued: Queue) -> None:
    queued()
    with CaptureQueriesContext(connection) as context:
        position_of(queued())
    [statement] = [query["sql"] for query in context.captured_queries if "ahead" in query["sql"]]
    plan = plan_of(statement)
    assert "USING INDEX job_claimable ((priority,turn)<(?,?))" in plan, plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan


def test_nothing_is_estimated_of_a_job_that_waits_for_another(queued: Queue, host: WorkerHost) -> None:
    job = queued()
    JobExecutionLog.objects.filter(pk=job.pk).update(available_at=WAITING)
    position = position_of(job)
    assert position and position.start is None
    job.refresh_from_db()
    assert queue_position(job) == "Waits for an earlier job of its schedule"
