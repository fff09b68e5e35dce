"""Retry or cancel many jobs at one press: each by its own action, with its event and audit entry."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from accounts.exceptions import DomainError
from accounts.models import User
from jobs import actions, exceptions
from jobs.models import UNFINISHED, JobExecutionLog, Status
from jobs.querysets import JobQuerySet

#: At most so many jobs and seconds per press; what is left is told, and the next press goes on.
MOST = 1000
SECONDS = 15.0
#: Jobs loaded at a time.
_BATCH = 50


@dataclass(frozen=True)
class Outcome:
    """What one press did."""

    done: int = 0
    already: int = 0
    refused: int = 0
    left: int = 0


@dataclass(frozen=True)
class _Words:
    """How an action is told."""

    done: str
    already: str


WORDS = {
    "retry": _Words("queued again", "already retried"),
    "cancel": _Words("cancelled or asked to stop", "already ended"),
}


def sentence(action: str, outcome: Outcome) -> str:
    """What one press did, for people."""
    words, were = WORDS[action], "was" if outcome.already == 1 else "were"
    told = [f"{outcome.done:,} {'job' if outcome.done == 1 else 'jobs'} {words.done}"]
    if outcome.already:
        told.append(f"{outcome.already:,} {were} {words.already}")
    if outcome.refused:
        told.append(f"{outcome.refused:,} could not be, because their report was deleted")
    if outcome.left:
        told.append(f"more are left: at most {MOST:,} are done at one press, so press again")
    return f"{', '.join(told)}."


def retryable(jobs: JobQuerySet, user: User) -> JobQuerySet:
    """Those of the jobs that this user may retry."""
    if not user.is_administrator:
        return jobs.none()
    return jobs.filter(status=Status.FAILED, retried_as__isnull=True)


def cancellable(jobs: JobQuerySet, user: User) -> JobQuerySet:
    """Those of the jobs that this user may cancel."""
    live = jobs.filter(status__in=UNFINISHED, cancel_requested_at=None)
    return live if user.is_administrator else live.filter(requested_by=user)


def retry(*, jobs: JobQuerySet, actor: User) -> Outcome:
    """Queue the failed ones among these jobs again, the oldest first. Those that were retried stay as they are."""
    return _each(retryable(jobs, actor), lambda job: actions.retry(job=job, actor=actor))


def cancel(*, jobs: JobQuerySet, actor: User) -> Outcome:
    """End those of these jobs that wait or run, the oldest first."""
    return _each(cancellable(jobs, actor), lambda job: actions.cancel(job=job, actor=actor))


def _each(jobs: JobQuerySet, act: Callable[[JobExecutionLog], object]) -> Outcome:
    # Fixed before the first is done: what is done changes what the filters match.
    found = list(jobs.order_by("queued_at", "id").values_list("pk", flat=True)[: MOST + 1])
    chosen, until = found[:MOST], time.monotonic() + SECONDS
    counted: Counter[str] = Counter()
    tried = 0
    while tried < len(chosen) and time.monotonic() < until:
        counted.update(_one(job, act) for job in _loaded(chosen[tried : tried + _BATCH]))
        tried = min(tried + _BATCH, len(chosen))
    return Outcome(counted["done"], counted["already"], counted["refused"], len(found) - tried)


def _loaded(ids: list[UUID]) -> JobQuerySet:
    return JobExecutionLog.objects.filter(pk__in=ids).select_related("report", "version").order_by("queued_at", "id")


def _one(job: JobExecutionLog, act: Callable[[JobExecutionLog], object]) -> str:
    """Each job is a transaction of its own. One over many would hold the end of the audit log while it waits for the
    next job's row, and a worker that holds that row waits for the end of the log."""
    try:
        act(job)
    except (exceptions.JobAlreadyRetried, exceptions.JobAlreadyEnded):
        return "already"
    except DomainError:
        return "refused"
    return "done"
