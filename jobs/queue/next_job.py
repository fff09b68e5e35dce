"""Chooses the job to claim next.

Jobs are claimed by priority, then turn, then time (CLAIM_ORDER). A report can limit how many of its jobs run at once.
Its queued jobs then have a concurrency key, the report's id. Each key is a queue that is only considered while it has
a free slot: a thousand jobs that must wait neither block other jobs nor slow down the search. Tenants and users have
limits, too (running_caps.py): jobs of those that have reached theirs are skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Subquery

from common.compiled_sql import Statement
from jobs import sql
from jobs.exceptions import ClaimsBusy
from jobs.models import JobExecutionLog
from jobs.querysets import CLAIM_ORDER, JobQuerySet
from jobs.queue import running_caps
from jobs.queue.running_caps import Caps
from jobs.status import Status
from reports.models import ReportConfiguration, ReportVersion

#: A job that gets its key between two queries may be found twice: with the key and without.
_RANK = attrgetter(*CLAIM_ORDER, "id")
#: The fields of a job by which it is passed over.
_LIMITING = ("concurrency_key", "tenant_id", "requested_by_id", "id")
_jobs = JobExecutionLog.objects
_limited = ReportVersion.objects.filter(max_running__isnull=False, current_of__isnull=False).order_by()
_LIMITED = Statement(lambda: _limited.only("report", "max_running").query)
_NEXT_WITHOUT_KEY = Statement(lambda: _first_locked(_jobs.claimable()).query)


class Candidate(NamedTuple):
    """The first claimable job of a concurrency key, or of all jobs without one."""

    priority: int
    turn: int
    available_at: datetime
    queued_at: datetime
    id: UUID
    concurrency_key: UUID | None
    report_id: UUID | None
    tenant_id: int
    requested_by_id: int | None


@dataclass
class Taken:
    """What a claim passes over: what has no free slot, and what another transaction holds. By the job's field."""

    values: dict[str, set[Any]] = field(default_factory=lambda: {name: set() for name in _LIMITING})

    @classmethod
    def now(cls, limits: Mapping[UUID, int], caps: Caps) -> Taken:
        """Read which reports, tenants and users run as many jobs as they may."""
        taken, running = cls(), sql.running_jobs()
        reports = Counter(job.report_id for job in running)
        taken.values["concurrency_key"] = {key for key, limit in limits.items() if reports[key] >= limit}
        taken.values["tenant_id"] = _reached(caps.tenant, (job.tenant_id for job in running))
        taken.values["requested_by_id"] = _reached(caps.user, (job.user_id for job in running if job.user_id))
        return taken

    def __contains__(self, job: JobExecutionLog) -> bool:
        return any(getattr(job, name) in values for name, values in self.values.items())

    def add(self, other: Taken) -> None:
        for name, values in other.values.items():
            self.values[name] |= values

    def excluded_from(self, jobs: JobQuerySet) -> JobQuerySet:
        for name, values in self.values.items():
            if values and name != "concurrency_key":
                jobs = jobs.exclude(**{f"{name}__in": values})
        return jobs


def lock_next_job() -> JobExecutionLog | None:
    """Return the job to claim, locked in the caller's transaction; None if there is none.

    Raise ClaimsBusy if there may be one, but another transaction is about to claim a job with the same limits.
    """
    limits, caps = concurrency_limits(), running_caps.current()
    if not limits and not caps:
        return next(iter(_NEXT_WITHOUT_KEY.fetch()), None)
    taken, is_busy = Taken.now(limits, caps), False
    while job := _next_locked(limits, taken):
        if job.concurrency_key is None and job.report_id in limits:
            # The report was limited after its jobs had been queued: they get their key now, except those that another
            # transaction holds, which does the same. If both waited for each other's jobs, that would be a deadlock.
            unkeyed = _jobs.filter(status=Status.QUEUED, report_id=job.report_id, concurrency_key=None)
            keyed = list(_skip_locked(unkeyed).values_list("pk", flat=True))
            _jobs.filter(pk__in=keyed).update(concurrency_key=job.report_id)
        elif held := _held_by_others(job, caps):
            is_busy = True
            taken.values[held].add(getattr(job, held))
        else:
            # Others may have taken the last slot since it was counted. From now on, nobody can.
            taken.add(Taken.now(limits, caps))
            if job not in taken:
                return job
    if is_busy:
        raise ClaimsBusy
    return None


def claimable_jobs() -> list[JobQuerySet]:
    """Return the jobs that can be claimed now, in two querysets: jobs without a concurrency key, and jobs with one."""
    limits = concurrency_limits()
    taken = Taken.now(limits, running_caps.current())
    keys = _free_keys(limits, taken)
    jobs = [_jobs.claimable(), *([_jobs.due().filter(concurrency_key__in=keys)] if keys else [])]
    return [taken.excluded_from(each) for each in jobs]


def release_unlimited() -> int:
    """Remove the concurrency key from queued jobs whose report was deleted or has no limit any more. Return how many.

    The opposite, a report that gets a limit, is handled when a job is claimed.
    """
    with_key = _jobs.filter(status=Status.QUEUED, concurrency_key__isnull=False)
    return with_key.exclude(concurrency_key__in=list(concurrency_limits())).update(concurrency_key=None)


def concurrency_limits() -> dict[UUID, int]:
    """Return how many jobs of each limited report can run at once, by its current version."""
    return {version.report_id: version.max_running for version in _LIMITED.fetch() if version.max_running}


def _reached(cap: int | None, running: Iterable[int]) -> set[int]:
    return set() if cap is None else {id for id, count in Counter(running).items() if count >= cap}


def _held_by_others(job: JobExecutionLog, caps: Caps) -> str:
    """Lock all that limits the job in the caller's transaction. Return the field that another transaction has locked.

    Nobody waits for these locks, so they can't lead to a deadlock.
    """
    limiting = {
        "concurrency_key": job.concurrency_key.int if job.concurrency_key else None,
        "tenant_id": None if caps.tenant is None else job.tenant_id,
        "requested_by_id": None if caps.user is None else job.requested_by_id,
    }
    for name, value in limiting.items():
        if value is not None and not sql.try_claim_lock(name, value):
            return name
    return ""


def _free_keys(limits: Mapping[UUID, int], taken: Taken) -> list[UUID]:
    return [key for key in limits if key not in taken.values["concurrency_key"]]


def _next_locked(limits: Mapping[UUID, int], taken: Taken) -> JobExecutionLog | None:
    """Return the first job that isn't passed over, locked in the caller's transaction."""
    if not limits and not any(taken.values.values()):
        return next(iter(_NEXT_WITHOUT_KEY.fetch()), None)
    while candidates := _candidates(_free_keys(limits, taken), taken):
        candidate = min(candidates, key=_RANK)
        job = _first_locked(_jobs.due().filter(pk=candidate.id)).first()
        if job is not None:
            return job
        taken.values["id"].add(candidate.id)
    return None


def _candidates(keys: Iterable[UUID], taken: Taken) -> list[Candidate]:
    """Return the first job without a concurrency key and the first of each of these keys."""
    first_of_key = Subquery(taken.excluded_from(_jobs.claimable(OuterRef("pk"))).values("pk")[:1])
    job_ids = ReportConfiguration.objects.filter(pk__in=list(keys)).order_by().values_list(first_of_key, flat=True)
    rows = [
        *taken.excluded_from(_jobs.claimable()).values_list(*Candidate._fields)[:1],
        *_jobs.filter(pk__in=job_ids).order_by().values_list(*Candidate._fields),
    ]
    return [Candidate(*row) for row in rows]


def _first_locked(jobs: JobQuerySet) -> JobQuerySet:
    """The first of these jobs that no other transaction is about to claim."""
    return _skip_locked(jobs)[:1]


def _skip_locked(jobs: JobQuerySet) -> JobQuerySet:
    """Lock these jobs, except those that another transaction has locked."""
    can_skip = connection.features.has_select_for_update_skip_locked
    return jobs.select_for_update(skip_locked=True) if can_skip else jobs
