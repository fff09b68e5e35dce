"""Chooses the job to claim next.

Jobs are claimed by priority, then turn, then time (CLAIM_ORDER). A report can limit how many of its jobs run at once.
Its queued jobs then have a concurrency key, the report's id. Each key is a queue that is only considered while it has
a free slot: a thousand jobs that must wait neither block other jobs nor slow down the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, OuterRef, Subquery

from common.compiled_sql import Statement
from jobs import sql
from jobs.models import JobExecutionLog
from jobs.querysets import CLAIM_ORDER, JobQuerySet
from jobs.status import Status
from reports.models import ReportConfiguration, ReportVersion

_jobs = JobExecutionLog.objects
_limited = ReportVersion.objects.filter(max_running__isnull=False, current_of__isnull=False).order_by()
_LIMITED = Statement(lambda: _limited.only("report", "max_running").query)
_NEXT_WITHOUT_KEY = Statement(lambda: _first_locked(_jobs.claimable()).query)


class Candidate(NamedTuple):
    """The first claimable job of a concurrency key, or of all jobs without one. Candidates sort in CLAIM_ORDER."""

    priority: int
    turn: int
    available_at: datetime
    queued_at: datetime
    job_id: UUID
    concurrency_key: UUID | None
    report_id: UUID | None


def lock_next_job() -> JobExecutionLog | None:
    """Return the job to claim, locked in the caller's transaction; None if there is none."""
    limits = concurrency_limits()
    if not limits:
        return next(iter(_NEXT_WITHOUT_KEY.fetch()), None)
    for candidate in sorted(_candidates(_keys_with_free_slot(limits))):
        key = candidate.concurrency_key
        if key is None and candidate.report_id in limits:
            # The report was limited after its jobs had been queued: they get their key now.
            unkeyed = _jobs.filter(status=Status.QUEUED, report_id=candidate.report_id, concurrency_key=None)
            unkeyed.update(concurrency_key=candidate.report_id)
            return lock_next_job()
        if key is not None:
            # Another worker may have taken the key's last slot since it was counted. Held until the claim is committed,
            # the lock keeps others from counting before that.
            sql.lock_concurrency_key(key)
            if _jobs.filter(report_id=key, status=Status.RUNNING).count() >= limits[key]:
                continue
        job = _first_locked(_jobs.claimable(key)).first()
        if job is not None:
            return job
    return None


def claimable_jobs() -> list[JobQuerySet]:
    """Return the jobs that can be claimed now, in two querysets: jobs without a concurrency key, and jobs with one."""
    keys = _keys_with_free_slot(concurrency_limits())
    return [_jobs.claimable(), *([_jobs.due().filter(concurrency_key__in=keys)] if keys else [])]


def release_unlimited() -> int:
    """Remove the concurrency key from queued jobs whose report was deleted or has no limit any more. Return how many.

    The opposite, a report that gets a limit, is handled when a job is claimed.
    """
    with_key = _jobs.filter(status=Status.QUEUED, concurrency_key__isnull=False)
    return with_key.exclude(concurrency_key__in=list(concurrency_limits())).update(concurrency_key=None)


def concurrency_limits() -> dict[UUID, int]:
    """Return how many jobs of each limited report can run at once, by its current version."""
    return {version.report_id: version.max_running for version in _LIMITED.fetch() if version.max_running}


def _keys_with_free_slot(limits: Mapping[UUID, int]) -> list[UUID]:
    if not limits:
        return []
    running = _jobs.filter(status=Status.RUNNING, report_id__in=list(limits)).order_by().values_list("report_id")
    counts = dict(running.annotate(Count("pk")))
    return [key for key, limit in limits.items() if counts.get(key, 0) < limit]


def _candidates(keys: Iterable[UUID]) -> list[Candidate]:
    """Return the first job without a concurrency key and the first of each of these keys."""
    columns = (*CLAIM_ORDER, "id", "concurrency_key", "report_id")
    first_of_key = Subquery(_jobs.claimable(OuterRef("pk")).values("pk")[:1])
    job_ids = ReportConfiguration.objects.filter(pk__in=list(keys)).order_by().values_list(first_of_key, flat=True)
    rows = [
        *_jobs.claimable().values_list(*columns)[:1],
        *_jobs.filter(pk__in=job_ids).order_by().values_list(*columns),
    ]
    return [Candidate(*row) for row in rows]


def _first_locked(jobs: JobQuerySet) -> JobQuerySet:
    """The first of these jobs that no other transaction is about to claim."""
    if connection.features.has_select_for_update_skip_locked:
        jobs = jobs.select_for_update(skip_locked=True)
    return jobs[:1]
