"""Renews the lease of a running job. While its lease is valid, a job belongs to one worker."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F

from common.compiled_sql import Param
from jobs.clock import Now, from_now
from jobs.execution.protocol import Progress
from jobs.execution.transitions import LEASE, claim_of, fenced_update, lease_duration, params_of_job
from jobs.models import JobExecutionLog
from jobs.status import Status


class LeaseState(Enum):
    """The outcome when a worker renews its lease."""

    RENEWED = auto()
    CANCEL_REQUESTED = auto()
    #: The job is no longer this worker's.
    LOST = auto()


_REMAINING = Param("remaining", DurationField())
_RENEW = fenced_update(
    Status.RUNNING,
    {
        "lease_expires_at": from_now(LEASE),
        # The database's clock may have been set since the claim.
        "deadline_at": from_now(_REMAINING),
        "heartbeat_at": Now(),
        **params_of_job("rows", "bytes", "percent"),
    },
)


def renew(job: JobExecutionLog, progress: Progress, *, remaining_seconds: float) -> LeaseState:
    """Extend the lease and store the progress, in one statement that also tells whether cancellation was requested.

    `remaining_seconds`: until the deadline, by the worker's clock.
    """
    renewed = _RENEW.execute_returning(
        **claim_of(job),
        lease=lease_duration(),
        remaining=timedelta(seconds=remaining_seconds),
        rows=progress.rows,
        bytes=progress.bytes,
        percent=progress.percent,
    )
    if not renewed:
        return LeaseState.LOST
    return LeaseState.RENEWED if renewed[0].cancel_requested_at is None else LeaseState.CANCEL_REQUESTED


def move_back() -> int:
    """Move leases back that begin in the future, because the database's clock was set back. Return how many.

    A worker that is alive renews its lease before that; the others would be missed only when the old time comes again.
    """
    ahead = JobExecutionLog.objects.filter(status=Status.RUNNING, heartbeat_at__gt=Now())
    moved = {
        name: ExpressionWrapper(Now() + (F(name) - F("heartbeat_at")), DateTimeField())
        for name in ("started_at", "deadline_at", "lease_expires_at")
    }
    return ahead.update(**moved, heartbeat_at=Now())
