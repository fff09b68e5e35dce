"""Renews the lease of a running job. While its lease is valid, a job belongs to one worker."""

from __future__ import annotations

from enum import Enum, auto

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


_RENEW = fenced_update(
    Status.RUNNING,
    {"lease_expires_at": from_now(LEASE), "heartbeat_at": Now(), **params_of_job("rows", "bytes", "percent")},
)


def renew(job: JobExecutionLog, progress: Progress) -> LeaseState:
    """Extend the lease and store the progress, in one statement that also tells whether cancellation was requested."""
    renewed = _RENEW.execute_returning(
        **claim_of(job),
        lease=lease_duration(),
        rows=progress.rows,
        bytes=progress.bytes,
        percent=progress.percent,
    )
    if not renewed:
        return LeaseState.LOST
    return LeaseState.RENEWED if renewed[0].cancel_requested_at is None else LeaseState.CANCEL_REQUESTED
