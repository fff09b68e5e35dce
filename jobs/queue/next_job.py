"""Which job is next. Reports may limit how many of them run at once: their jobs stand in lanes of their own, so that a
thousand that have to wait neither stand before others nor make looking for the next one slow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, OuterRef, Subquery

from common.compiled_sql import Statement
from jobs.models import JobExecutionLog
from jobs.querysets import CLAIM_ORDER, JobQuerySet
from jobs.status import Status
from reports.models import ReportConfiguration, ReportVersion

_jobs = JobExecutionLog.objects
_limited = ReportVersion.objects.filter(max_running__isnull=False, current_of__isnull=False).order_by()
_LIMITED = Statement(lambda: _limited.only("report", "max_running").query)
_NEXT_WITHOUT_LANE = Statement(lambda: _locked(_jobs.claimable()).query)
#: With a concurrency key it names a lock of PostgreSQL; any number that nothing else in this database uses.
_LANE_LOCK = 0x4C616E65


def lock_next_job() -> JobExecutionLog | None:
    """The job to claim, in the caller's transaction and locked for it. None when there is nothing to claim."""
    most = concurrency_limits()
    if not most:
        return _first(_NEXT_WITHOUT_LANE.fetch())
    for *_, concurrency_key, report_id in sorted(_first_of_each(_with_room(most))):
        if concurrency_key is None and report_id in most:
            _move_into_lane(report_id)
            return lock_next_job()
        if (concurrency_key is None or _has_room(concurrency_key, most[concurrency_key])) and (
            job := _first(_locked(_jobs.claimable(concurrency_key)))
        ):
            return job
    return None


def claimable_jobs() -> list[JobQuerySet]:
    """The jobs that could be claimed now, in two parts: those without a concurrency key, and
    those whose key has a free slot."""
    lanes = _with_room(concurrency_limits())
    return [_jobs.claimable(), *([_jobs.due().filter(concurrency_key__in=lanes)] if lanes else [])]


def release_unlimited() -> int:
    """Let jobs out of the lanes of reports that have no limit any more, or are gone. Claims see to the contrary."""
    laned = _jobs.filter(status=Status.QUEUED, concurrency_key__isnull=False)
    return laned.exclude(concurrency_key__in=list(concurrency_limits())).update(concurrency_key=None)


def concurrency_limits() -> dict[UUID, int]:
    """How many may run at once, of each report that says so: the limit of today, whatever a job's version said."""
    return {version.report_id: version.max_running for version in _LIMITED.fetch() if version.max_running}


def _with_room(allowed: Mapping[UUID, int]) -> list[UUID]:
    running = _jobs.filter(status=Status.RUNNING, report_id__in=list(allowed)).order_by().values_list("report_id")
    counts = dict(running.annotate(Count("pk"))) if allowed else {}
    return [concurrency_key for concurrency_key, most in allowed.items() if counts.get(concurrency_key, 0) < most]


def _first_of_each(lanes: Iterable[UUID]) -> list[tuple[Any, ...]]:
    """Rank, concurrency key and report of the next job without a key, and of the next one of each key."""
    columns = (*CLAIM_ORDER, "id", "concurrency_key", "report_id")
    first = Subquery(_jobs.claimable(OuterRef("pk")).values("pk")[:1])
    found = ReportConfiguration.objects.filter(pk__in=list(lanes)).order_by().values_list(first, flat=True)
    return [
        *_jobs.claimable().values_list(*columns)[:1],
        *_jobs.filter(pk__in=found).order_by().values_list(*columns),
    ]


def _first(found: Iterable[JobExecutionLog]) -> JobExecutionLog | None:
    return next(iter(found), None)


def _has_room(concurrency_key: UUID, most: int) -> bool:
    """Whether one more may run, to be asked in the transaction that claims it: nobody else claims in it meanwhile."""
    if connection.vendor == "postgresql":
        # On SQLite, transactions that write run one by one anyway.
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s, %s)", [_LANE_LOCK, concurrency_key.int & 0x7FFFFFFF])
    return _jobs.filter(report_id=concurrency_key, status=Status.RUNNING).count() < most


def _move_into_lane(report_id: UUID) -> None:
    """The report got its limit after these were queued."""
    _jobs.filter(status=Status.QUEUED, report_id=report_id, concurrency_key=None).update(concurrency_key=report_id)


def _locked(line: JobQuerySet) -> JobQuerySet:
    """The next job of a line, which nobody else is about to claim."""
    if connection.features.has_select_for_update_skip_locked:
        line = line.select_for_update(skip_locked=True)
    return line[:1]
