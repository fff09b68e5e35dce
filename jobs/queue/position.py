"""Computes queue positions: how many jobs are ahead of a queued job, and when it is likely to start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import NamedTuple, cast
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from jobs import sql
from jobs.clock import WAITING
from jobs.models import JobEvent, JobExecutionLog, WorkerHost
from jobs.queue import next_job, running_caps
from jobs.queue.running_caps import Caps
from jobs.status import QueuePosition, Status

#: The most jobs ahead that are counted: nobody needs the exact number, and every waiting client polls again and again.
MAX_AHEAD = 1000
#: The newest successful jobs from which run times are averaged.
_SAMPLE = 200
#: How long a web process reuses a snapshot, so that most polls cost one query.
_SNAPSHOT_SECONDS = 2


class RunningJob(NamedTuple):
    report_id: UUID | None
    started_at: datetime
    tenant_id: int
    user_id: int | None


@dataclass(frozen=True)
class QueueSnapshot:
    """The running jobs, and the data for estimates.

    `limits`: how many jobs of each limited report can run at once. `averages`: the average run time of each report's
    newest jobs, in seconds; under None, of all reports. The estimate of a run on a report's page is finer, as it knows
    the expected rows, but takes queries for each report.
    """

    slots: int
    limits: dict[UUID, int]
    averages: dict[UUID | None, float]
    running: Sequence[RunningJob]
    caps: Caps

    @classmethod
    def take(cls) -> QueueSnapshot:
        succeeded = JobEvent.objects.filter(kind=JobEvent.Kind.SUCCEEDED).order_by("-id")
        runs = succeeded.values_list("job__report_id", "job__started_at", "job__ended_at")[:_SAMPLE]
        seconds: dict[UUID | None, list[float]] = {}
        for report_id, start, end in runs:
            if start and end:
                for key in {report_id, None}:
                    seconds.setdefault(key, []).append((end - start).total_seconds())
        running = JobExecutionLog.objects.filter(status=Status.RUNNING).order_by()
        rows = running.values_list("report_id", "started_at", "tenant_id", "requested_by_id")
        return cls(
            slots=WorkerHost.objects.alive().total_slots(),
            limits=next_job.concurrency_limits(),
            averages={report_id: fmean(values) for report_id, values in seconds.items()},
            running=[RunningJob(report, start, tenant, user) for report, start, tenant, user in rows if start],
            caps=running_caps.current(),
        )

    def average_seconds(self, report_id: UUID | None) -> float:
        """Return the average run time of the report, else that of all reports, else one second."""
        return self.averages.get(report_id, self.averages.get(None, 1.0))

    def remaining_seconds(self, running: Iterable[RunningJob], now: datetime) -> float:
        """Return how long these jobs will run in total from now on, by the averages."""
        return sum(
            max(0.0, self.average_seconds(job.report_id) - (now - job.started_at).total_seconds()) for job in running
        )


def annotate_positions(
    jobs: Iterable[JobExecutionLog], snapshot: QueueSnapshot | None = None, *, max_ahead: int = MAX_AHEAD
) -> None:
    """Set `queue_position` of the queued jobs, with one query for each of their concurrency keys."""
    queued = [job for job in jobs if job.status == Status.QUEUED]
    if not queued:
        return
    if snapshot is None:
        snapshot = cast(QueueSnapshot, cache.get_or_set("jobs.queue.snapshot", QueueSnapshot.take, _SNAPSHOT_SECONDS))
    for key in {job.concurrency_key for job in queued}:
        with_key = sorted((job for job in queued if job.concurrency_key == key), key=_rank)
        ahead = Counter[UUID | None]()
        new_ahead = sql.jobs_ahead(key, [_rank(job) for job in with_key], limit=max_ahead)
        for job, more in zip(with_key, new_ahead, strict=True):
            ahead += more
            start = None if waits_for_another(job) else _estimate_start(job, ahead, snapshot)
            job.queue_position = QueuePosition(
                position=ahead.total() + 1,
                is_more=ahead.total() >= max_ahead,
                start=start and max(start, job.available_at),
            )


def waits_for_another(job: JobExecutionLog) -> bool:
    """Whether the job waits for an earlier one of its schedule to end, so nothing is known of its start."""
    return job.status == Status.QUEUED and job.available_at == WAITING


def _rank(job: JobExecutionLog) -> tuple[int, int]:
    return job.priority, job.turn


def _estimate_start(job: JobExecutionLog, ahead: Counter[UUID | None], snapshot: QueueSnapshot) -> datetime | None:
    """Return when a slot is likely to be free for the job; None while no worker is alive."""
    if not snapshot.slots:
        return None
    key, slots, running = job.concurrency_key, snapshot.slots, snapshot.running
    if key is not None:
        slots = min(slots, snapshot.limits.get(key, slots))
        running = [other for other in running if other.report_id == key]
    now = timezone.now()
    earliest = now + timedelta(seconds=_seconds_of_caps(job, snapshot, now))
    if len(running) + ahead.total() < slots:
        return earliest
    remaining = snapshot.remaining_seconds(running, now)
    waiting = sum(number * snapshot.average_seconds(report_id) for report_id, number in ahead.items())
    return max(earliest, now + timedelta(seconds=(remaining + waiting) / slots))


def _seconds_of_caps(job: JobExecutionLog, snapshot: QueueSnapshot, now: datetime) -> float:
    """Return how long the job waits for other jobs of its user and tenant, if they run as many as they may."""
    of_user = [other for other in snapshot.running if other.user_id == job.requested_by_id]
    of_tenant = [other for other in snapshot.running if other.tenant_id == job.tenant_id]
    return max(
        snapshot.remaining_seconds(running, now) / cap if cap is not None and len(running) >= cap else 0.0
        for cap, running in ((snapshot.caps.user, of_user), (snapshot.caps.tenant, of_tenant))
    )
