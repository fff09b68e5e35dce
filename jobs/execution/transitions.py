"""What workers and the reconciler do with jobs: every move is one compare-and-set on status and fence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, F, SmallIntegerField
from django.utils import timezone

from audit import actions as audit
from audit.models import Action
from common.backoff import Backoff
from common.compiled_sql import Param, Statement, insert, params, update_query
from jobs.actions import record_event
from jobs.clock import Now, from_now
from jobs.delivery import outbox
from jobs.exceptions import IllegalTransition
from jobs.failures import CANCELLED, DATABASE_LOST, MAX_TRACE_CHARACTERS, Failure
from jobs.models import Artifact, JobEvent, JobExecutionLog
from jobs.querysets import JobQuerySet
from jobs.queue import broker, next_job
from jobs.status import TRANSITIONS, Status
from reports.models import version_with_source

#: Seconds from one attempt to the next.
_RETRY_WAITS = Backoff(first=2, longest=300)


class Transition:
    """One kind of move: a compare-and-set on status and fence."""

    def __init__(self, source: Status, target: Status, changes: Mapping[str, Any]) -> None:
        if target not in TRANSITIONS[source]:
            raise IllegalTransition(f"A job can't go from {source} to {target}.")
        self._statement = Statement(lambda: update_query(_held(source), {"status": target, **changes}))

    def __call__(self, job: JobExecutionLog, **values: Any) -> bool:
        """Make it, if the job is still where the caller thinks, with that fence. False: somebody was first."""
        return bool(self._statement.execute(id=job.pk, fence=job.fence, **values))

    def returning(self, job: JobExecutionLog, **values: Any) -> JobExecutionLog | None:
        """As a call, but answers with the job as it is now."""
        found = self._statement.execute_returning(id=job.pk, fence=job.fence, **values)
        return found[0] if found else None


def _given(*names: str) -> dict[str, Param]:
    return params(JobExecutionLog, *names)


def _held(status: Status) -> JobQuerySet:
    places = _given("id", "fence")
    return JobExecutionLog.objects.with_fence(places["id"], places["fence"], status)


_LEASE, _TIMEOUT, _WAIT = (Param(name, DurationField()) for name in ("lease", "timeout", "wait"))
_REFUND = Param("refund", SmallIntegerField())
_NEXT_FENCE = F("fence") + 1
_NO_LEASE = {"lease_expires_at": None, "deadline_at": None, "pid": None}
_CLAIM = Transition(
    Status.QUEUED,
    Status.RUNNING,
    {
        **{"attempt": F("attempt") + 1, "fence": _NEXT_FENCE, "started_at": Now(), "heartbeat_at": Now()},
        **{"lease_expires_at": from_now(_LEASE), "deadline_at": from_now(_TIMEOUT)},
        **{"rows": 0, "bytes": 0, "percent": None},
        **_given("owner", "host", "pid"),
    },
)
_SUCCEED = Transition(
    Status.RUNNING,
    Status.SUCCEEDED,
    {"ended_at": Now(), "heartbeat_at": Now(), "percent": 100, **_given("rows", "bytes"), **_NO_LEASE},
)
_REQUEUE = Transition(
    Status.RUNNING,
    Status.QUEUED,
    {
        **{"attempt": F("attempt") - _REFUND, "fence": _NEXT_FENCE, "available_at": from_now(_WAIT)},
        **{"owner": "", "notified_at": None, **_NO_LEASE},
    },
)
_FAIL = Transition(
    Status.RUNNING,
    Status.FAILED,
    {
        **{"ended_at": Now(), "fence": _NEXT_FENCE, **_NO_LEASE},
        **_given("error_code", "error_message", "error_retryable", "error_trace", "error_fingerprint"),
    },
)
_BEAT = {"lease_expires_at": from_now(_LEASE), "heartbeat_at": Now(), **_given("rows", "bytes", "percent")}
_RENEW = Statement(lambda: update_query(_held(Status.RUNNING), _BEAT))


def claim(*, owner: str, host: str, pid: int) -> JobExecutionLog | None:
    """Take the next job: attempt and fence go up, a lease and a deadline begin. None when there is nothing to do.

    The attempt is counted here and not at its end, so that a job which kills its worker is not tried for ever.
    """
    with transaction.atomic():
        found = next_job.lock_next_job()
        if found is None:
            return None
        spans = {"lease": _lease(), "timeout": timedelta(seconds=found.timeout_seconds)}
        job = _CLAIM.returning(found, owner=owner, host=host, pid=pid, **spans)
        if job is None:
            return None
        record_event(job, JobEvent.Kind.CLAIMED, {"host": host, "pid": pid})
    job.version = version_with_source(job.version_id)
    return job


def release_unconfirmed_claims(*, owner: str, pid: int) -> bool:
    """Put back, uncharged, what a worker has claimed without hearing of it. True: it has nothing any more."""
    for job in JobExecutionLog.objects.owned_by(owner).filter(pid=pid):
        release(job, DATABASE_LOST, seconds=0, refund=True)
    return True


def renew(job: JobExecutionLog, *, rows: int, bytes: int, percent: int | None = None) -> bool | None:
    """Prolong the lease and write the progress. Returns whether a cancel is wished; None when the job was lost."""
    held = {"id": job.pk, "fence": job.fence, "lease": _lease()}
    found = _RENEW.execute_returning(**held, rows=rows, bytes=bytes, percent=percent)
    return found[0].cancel_requested_at is not None if found else None


def succeed(job: JobExecutionLog, result: Mapping[str, Any]) -> bool:
    """Make the result visible. False when the job was lost: then nothing is changed and the caller's file is waste."""
    with transaction.atomic():
        if not _SUCCEED(job, rows=result["rows"], bytes=result["size"]):
            return False
        kept = timedelta(days=job.version.retention_days if job.version else 30)
        artifact = Artifact(
            job=job,
            fence=job.fence,
            size=result["size"],
            sha256=result["sha256"],
            rows=result["rows"],
            truncated=result["truncated"] or "",
            stamp=result["stamp"],
            expires_at=timezone.now() + kept,
        )
        insert(artifact)
        outbox.add_deliveries(job)
        record_event(job, JobEvent.Kind.SUCCEEDED, {"rows": result["rows"], "size": result["size"]})
        audit.record(Action.JOB_SUCCEEDED, actor=audit.SYSTEM, tenant_id=job.tenant_id, target=("job", job.pk))
    return True


def has_committed(job: JobExecutionLog) -> bool:
    """Whether the job's result is the file of this attempt."""
    return Artifact.objects.filter(job=job, fence=job.fence).exists()


def fail(job: JobExecutionLog, failure: Failure) -> bool:
    """End a running attempt: back into the queue if another one may help, else Failed. False when the job was lost."""
    if failure.retryable and job.attempt < job.max_attempts:
        return release(job, failure, seconds=_RETRY_WAITS.jittered(job.attempt))
    return _end_failed(job, failure)


def release(job: JobExecutionLog, failure: Failure, *, seconds: float, refund: bool = False) -> bool:
    """Put a running job back into the queue, to be claimed after that time. `refund`: the attempt was not its fault.

    One that was to be cancelled ends instead: nobody would ever claim it.
    """
    with transaction.atomic():
        held = JobExecutionLog.objects.with_fence(job.pk, job.fence)
        if held.select_for_update().values_list("cancel_requested_at", flat=True).first():
            return _end_failed(job, CANCELLED)
        moved = _REQUEUE(job, refund=int(refund), wait=timedelta(seconds=seconds))
        if moved:
            record_event(
                job, JobEvent.Kind.REQUEUED, {"code": failure.code, "message": failure.message, "seconds": seconds}
            )
            if seconds == 0:
                broker.notify()
    return moved


def _lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def _end_failed(job: JobExecutionLog, failure: Failure) -> bool:
    with transaction.atomic():
        moved = _FAIL(
            job,
            error_code=failure.code,
            error_message=failure.message,
            error_retryable=failure.retryable,
            error_trace=failure.trace[:MAX_TRACE_CHARACTERS],
            error_fingerprint=failure.fingerprint,
        )
        if moved:
            record_event(job, JobEvent.Kind.FAILED, {"code": failure.code, "message": failure.message})
            details = {"code": failure.code}
            audit.record(
                Action.JOB_FAILED, actor=audit.SYSTEM, tenant_id=job.tenant_id, target=("job", job.pk), details=details
            )
    return moved
