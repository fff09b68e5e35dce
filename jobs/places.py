"""Where queued jobs stand: how many are claimed before them, and when they may begin by what is usual now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from jobs import lanes, monitor
from jobs.models import JobEvent, JobExecutionLog, Place, Status

#: More than these are not counted: nobody needs to know, and everybody who waits asks again and again.
MOST_BEFORE = 1000
#: Jobs from which it is learnt how long one takes.
_LEARNT_FROM = 200
#: Seconds that a process remembers what is the same for all who wait.
_REMEMBERED = 2


@dataclass(frozen=True)
class Present:
    """What runs now, and how long that usually takes, in seconds."""

    slots: int
    limits: dict[UUID, int]
    usual: dict[UUID | None, float]
    running: Sequence[tuple[UUID | None, datetime]]

    def seconds(self, report: UUID | None) -> float:
        """How long this report takes; None is any of them. 1 before there was a success."""
        return self.usual.get(report, self.usual.get(None, 1.0))


def find(jobs: Iterable[JobExecutionLog]) -> None:
    """Set `place` of those that are Queued: one query for each line in which some of them stand."""
    queued = [job for job in jobs if job.status == Status.QUEUED]
    if not queued:
        return
    now = _present()
    for lane in {job.lane for job in queued}:
        line = [job for job in queued if job.lane == lane]
        last = max(line, key=_turn)
        ahead = _ahead(last)
        for job in line:
            before = [report for *turn, report in ahead if tuple(turn) < _turn(job)]
            job.place = _place(job, before, now)


def _turn(job: JobExecutionLog) -> tuple[int, int]:
    return job.priority, job.turn


def _ahead(job: JobExecutionLog) -> list[tuple[int, int, UUID | None]]:
    """Those that are claimed before it in its own line."""
    rows = JobExecutionLog.objects.claimable(job.lane).before(*_turn(job))
    return list(rows.values_list("priority", "turn", "report_id")[:MOST_BEFORE])


def _place(job: JobExecutionLog, before: Sequence[UUID | None], now: Present) -> Place:
    start = _start(job, before, now)
    return Place(len(before) + 1, len(before) >= MOST_BEFORE, start and max(start, job.available_at))


def _start(job: JobExecutionLog, before: Sequence[UUID | None], now: Present) -> datetime | None:
    """When a slot is free for it, if all takes as long as usual."""
    if not now.slots:
        return None
    running = [(report, since) for report, since in now.running if job.lane in (None, report)]
    slots = min(now.slots, now.limits.get(job.lane, now.slots)) if job.lane else now.slots
    at = timezone.now()
    if len(running) + len(before) < slots:
        return at
    left = [max(0.0, now.seconds(report) - (at - since).total_seconds()) for report, since in running]
    return at + timedelta(seconds=(sum(left) + sum(map(now.seconds, before))) / slots)


def _present() -> Present:
    """What all who ask in the same two seconds are told, so that each of them costs one query."""
    found: Any = cache.get_or_set("jobs.places", _look, _REMEMBERED)
    return found  # type: ignore[no-any-return]


def _look() -> Present:
    rows = JobExecutionLog.objects.filter(status=Status.RUNNING).order_by().values_list("report_id", "started_at")
    running = [(report, since) for report, since in rows if since]
    return Present(monitor.workers().slots, lanes.limits(), _usual(), running)


def _usual() -> dict[UUID | None, float]:
    """Seconds by report of what succeeded last; with None, of any report."""
    ended = JobEvent.objects.filter(kind=JobEvent.Kind.SUCCEEDED).order_by("-id")
    took: dict[UUID | None, list[float]] = {}
    columns = ("job__report_id", "job__started_at", "job__ended_at")
    for report, start, end in ended.values_list(*columns)[:_LEARNT_FROM]:
        for key in {report, None}:
            took.setdefault(key, []).append((end - start).total_seconds())
    return {report: fmean(seconds) for report, seconds in took.items()}
