"""Where queued jobs stand: how many are claimed before them, and when they may begin by what is usual now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from common.ids import uuid_from_db, uuid_to_db
from jobs.clock import NOW_SQL
from jobs.models import JobEvent, JobExecutionLog, QueuePosition, WorkerHost
from jobs.queue import next_job
from jobs.status import Status

#: More than these are not counted: nobody needs to know, and everybody who waits asks again and again.
MOST_BEFORE = 1000
#: Jobs from which it is learnt how long one takes.
_LEARNT_FROM = 200
#: Seconds that a process remembers what is the same for all who wait.
_REMEMBERED = 2


@dataclass(frozen=True)
class QueueSnapshot:
    """What runs now, and how long that usually takes, in seconds."""

    slots: int
    limits: dict[UUID, int]
    usual: dict[UUID | None, float]
    running: Sequence[tuple[UUID | None, datetime]]

    def seconds(self, report: UUID | None) -> float:
        """How long this report takes; None is any of them. 1 before there was a success."""
        return self.usual.get(report, self.usual.get(None, 1.0))


# Written by hand, as those who wait ask it again and again. Answers with some rows where hundreds wait: how many jobs
# of each report stand before the first of those that are asked for, between it and the second, and so on.
_AHEAD = """
    select report_id, case {steps} end as step, count(*) from (
        select report_id, priority, turn from jobs_jobexecutionlog
        where status = 'Queued' and available_at <= {now} and cancel_requested_at is null
        and {concurrency_key} and (priority, turn) < (%s, %s)
        order by priority, turn, available_at, queued_at limit {most}
    ) ahead group by report_id, step
"""
_STEP = "when (priority, turn) < (%s, %s) then {}"


def annotate_positions(jobs: Iterable[JobExecutionLog]) -> None:
    """Set `place` of those that are Queued: one query for each line in which some of them stand."""
    queued = [job for job in jobs if job.status == Status.QUEUED]
    if not queued:
        return
    now = _present()
    for concurrency_key in {job.concurrency_key for job in queued}:
        line = sorted((job for job in queued if job.concurrency_key == concurrency_key), key=_turn)
        before = Counter[UUID | None]()
        for job, further in zip(line, _ahead(concurrency_key, [_turn(job) for job in line]), strict=True):
            before += further
            job.queue_position = _place(job, before, now)


def _turn(job: JobExecutionLog) -> tuple[int, int]:
    return job.priority, job.turn


def _ahead(concurrency_key: UUID | None, turns: Sequence[tuple[int, int]]) -> list[Counter[UUID | None]]:
    """Of each turn, in rising order, how many jobs of each report are claimed before it and not before the last one."""
    steps = " ".join(_STEP.format(number) for number in range(len(turns)))
    which = "concurrency_key is null" if concurrency_key is None else "concurrency_key = %s"
    statement = _AHEAD.format(steps=steps, now=NOW_SQL[connection.vendor], concurrency_key=which, most=MOST_BEFORE)
    values = [part for turn in turns for part in turn]
    found = [Counter[UUID | None]() for _ in turns]
    with connection.cursor() as cursor:
        cursor.execute(
            statement, [*values, *([] if concurrency_key is None else [uuid_to_db(concurrency_key)]), *turns[-1]]
        )
        for report, step, number in cursor.fetchall():
            found[step][report and uuid_from_db(report)] = number
    return found


def _place(job: JobExecutionLog, before: Counter[UUID | None], now: QueueSnapshot) -> QueuePosition:
    start = _start(job, before, now)
    return QueuePosition(before.total() + 1, before.total() >= MOST_BEFORE, start and max(start, job.available_at))


def _start(job: JobExecutionLog, before: Counter[UUID | None], now: QueueSnapshot) -> datetime | None:
    """When a slot is free for it, if all takes as long as usual."""
    if not now.slots:
        return None
    running = [(report, since) for report, since in now.running if job.concurrency_key in (None, report)]
    slots = min(now.slots, now.limits.get(job.concurrency_key, now.slots)) if job.concurrency_key else now.slots
    at = timezone.now()
    if len(running) + before.total() < slots:
        return at
    left = [max(0.0, now.seconds(report) - (at - since).total_seconds()) for report, since in running]
    waiting = sum(number * now.seconds(report) for report, number in before.items())
    return at + timedelta(seconds=(sum(left) + waiting) / slots)


def _present() -> QueueSnapshot:
    """What all who ask in the same two seconds are told, so that each of them costs one query."""
    found: Any = cache.get_or_set("jobs.queue.position", _look, _REMEMBERED)
    return found  # type: ignore[no-any-return]


def _look() -> QueueSnapshot:
    rows = JobExecutionLog.objects.filter(status=Status.RUNNING).order_by().values_list("report_id", "started_at")
    running = [(report, since) for report, since in rows if since]
    return QueueSnapshot(WorkerHost.objects.alive().total_slots(), next_job.concurrency_limits(), _usual(), running)


def _usual() -> dict[UUID | None, float]:
    """Seconds by report of what succeeded last; with None, of any report."""
    ended = JobEvent.objects.filter(kind=JobEvent.Kind.SUCCEEDED).order_by("-id")
    took: dict[UUID | None, list[float]] = {}
    columns = ("job__report_id", "job__started_at", "job__ended_at")
    for report, start, end in ended.values_list(*columns)[:_LEARNT_FROM]:
        for key in {report, None}:
            took.setdefault(key, []).append((end - start).total_seconds())
    return {report: fmean(seconds) for report, seconds in took.items()}
