"""The changes of a job's status by workers: claim, succeed, fail, release.

Each is one UPDATE that requires the expected status, fence and claim token (compare-and-set). If another process was
first, it changes nothing and the caller is notified.
"""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import CharField, DurationField, F, SmallIntegerField

from audit import actions as audit
from audit.models import Action
from common.backoff import Backoff
from common.compiled_sql import Param, Statement, insert, params, update_query
from jobs.actions import record_event
from jobs.clock import Now, from_now
from jobs.delivery import outbox
from jobs.exceptions import ClaimsBusy, IllegalTransition, QueueUnavailable
from jobs.execution.protocol import Result
from jobs.failures import CANCELLED, DATABASE_LOST, MAX_TRACE_CHARACTERS, NOT_RECORDED, Failure
from jobs.models import Artifact, JobEvent, JobExecutionLog
from jobs.notices import events
from jobs.queue import broker, next_job
from jobs.splitting.pieces import store_pieces
from jobs.status import SUCCESSORS, Status
from reports.models import version_with_source

log = logging.getLogger(__name__)
#: Seconds from one attempt to the next.
RETRY_WAITS = Backoff(first=2, longest=300)
#: Seconds that a claim waits at most for other claims, each time that they are in its way.
_CLAIM_WAITS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
#: Attempts of a job that may end without being counted.
_MAX_REFUNDS = 20
#: Days that the result of a deleted report is kept.
_DEFAULT_RETENTION_DAYS = 30


def params_of_job(*names: str) -> dict[str, Param]:
    return params(JobExecutionLog, *names)


def fenced_update(status: Status, changes: Mapping[str, Any]) -> Statement:
    """An UPDATE of a job, by id, that requires this status, and the fence and claim token that the caller knows."""
    key = params_of_job("id", "fence", "claim_token")
    return Statement(lambda: update_query(JobExecutionLog.objects.of_claim(**key, status=status), changes))


def claim_of(job: JobExecutionLog) -> dict[str, Any]:
    """Return the values of a fenced update's condition."""
    return {"id": job.pk, "fence": job.fence, "claim_token": job.claim_token}


class Transition:
    """A change from one status to another."""

    def __init__(self, source: Status, target: Status, changes: Mapping[str, Any]) -> None:
        if target not in SUCCESSORS[source]:
            raise IllegalTransition(f"A job can't go from {source} to {target}.")
        self._statement = fenced_update(source, {"status": target, **changes})

    def apply(self, job: JobExecutionLog, **values: Any) -> bool:
        """Change the job. False if it no longer has the source status, or is not of the claim that the caller knows."""
        return bool(self._statement.execute(**claim_of(job), **values))

    def apply_returning(self, job: JobExecutionLog, **values: Any) -> JobExecutionLog | None:
        """As `apply`, but return the job as it is after the change, or None."""
        changed = self._statement.execute_returning(**claim_of(job), **values)
        return changed[0] if changed else None


LEASE, _TIMEOUT, _WAIT = (Param(name, DurationField()) for name in ("lease", "timeout", "wait"))
_NEW_TOKEN = Param("new_claim_token", CharField())
_REFUND = Param("refund", SmallIntegerField())
_NO_LEASE = {"lease_expires_at": None, "deadline_at": None, "pid": None}
_CLAIM = Transition(
    Status.QUEUED,
    Status.RUNNING,
    {
        "attempt": F("attempt") + 1,
        "fence": F("fence") + 1,
        "claim_token": _NEW_TOKEN,
        "started_at": Now(),
        "heartbeat_at": Now(),
        "lease_expires_at": from_now(LEASE),
        "deadline_at": from_now(_TIMEOUT),
        "rows": 0,
        "bytes": 0,
        "percent": None,
        **params_of_job("owner", "host", "pid"),
    },
)
_SUCCEED = Transition(
    Status.RUNNING,
    Status.SUCCEEDED,
    {"ended_at": Now(), "heartbeat_at": Now(), "percent": 100, **params_of_job("rows", "bytes"), **_NO_LEASE},
)
_REQUEUE = Transition(
    Status.RUNNING,
    Status.QUEUED,
    {
        "attempt": F("attempt") - _REFUND,
        "fence": F("fence") + 1,
        "available_at": from_now(_WAIT),
        "owner": "",
        "notified_at": None,
        **_NO_LEASE,
    },
)
_FAIL = Transition(
    Status.RUNNING,
    Status.FAILED,
    {
        "ended_at": Now(),
        "fence": F("fence") + 1,
        **params_of_job("error_code", "error_message", "error_retryable", "error_trace", "error_fingerprint"),
        **_NO_LEASE,
    },
)


def claim(*, owner: str, host: str, pid: int) -> JobExecutionLog | None:
    """Claim the next job for the worker with this process id: a new attempt, fence, token, lease and deadline.

    None if no job can be claimed. Other claims are over within milliseconds, unless their process is paused: then the
    job is left to the reconciler, which sends another message.

    The attempt is counted now and not at its end: otherwise a job that kills its worker would be tried forever.
    """
    for seconds in _CLAIM_WAITS:
        with contextlib.suppress(ClaimsBusy):
            return _claim(owner, host, pid)
        time.sleep(random.uniform(0, seconds))  # noqa: S311 - not a secret
    return None


def _claim(owner: str, host: str, pid: int) -> JobExecutionLog | None:
    with transaction.atomic():
        candidate = next_job.lock_next_job()
        if candidate is None:
            return None
        timeout = timedelta(seconds=candidate.timeout_seconds)
        durations = {"lease": lease_duration(), "timeout": timeout}
        token = secrets.token_hex(8)
        job = _CLAIM.apply_returning(candidate, owner=owner, host=host, pid=pid, new_claim_token=token, **durations)
        if job is None:
            return None
        record_event(job, JobEvent.Kind.CLAIMED, {"host": host, "pid": pid})
    job.version = version_with_source(job.version_id)
    return job


def release_unconfirmed_claims(*, owner: str, pid: int) -> None:
    """Release jobs that a worker claimed without learning of it, without counting the attempt."""
    for job in JobExecutionLog.objects.owned_by(owner).filter(pid=pid):
        release(job, DATABASE_LOST, seconds=0, refund=True)


def lease_duration() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def succeed(job: JobExecutionLog, result: Result) -> bool:
    """Make the result visible and queue its deliveries. False if its files are of no use.

    That is so if the job was lost, or has Failed because its success can't be stored. If the database is away, this and
    the other transitions raise OperationalError or InterfaceError: the same call may succeed later.
    """
    try:
        return _succeed(job, result)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("A success could not be recorded.", extra={"job_id": str(job.pk)})
    _end_failed(job, NOT_RECORDED)
    return False


def _succeed(job: JobExecutionLog, result: Result) -> bool:
    with transaction.atomic():
        succeeded = _SUCCEED.apply_returning(job, rows=result.rows, bytes=result.size)
        if succeeded is None:
            return False
        job.ended_at = succeeded.ended_at
        events.job_ended(job, error=None, rows=result.rows)
        for write in WRITES_OF_SUCCESS:
            write(job, result)
    return True


def _add_artifact(job: JobExecutionLog, result: Result) -> None:
    if job.ended_at is None:
        raise ValueError("The job has not ended.")
    retention_days = job.version.retention_days if job.version else _DEFAULT_RETENTION_DAYS
    first, *more = result.files
    artifact = Artifact(
        job=job,
        fence=job.fence,
        claim_token=job.claim_token,
        size=first.size,
        sha256=first.sha256,
        rows=result.rows,
        truncated=result.truncated or "",
        content_digest=result.content_digest,
        stamp=first.stamp,
        more_files=[asdict(file) for file in more] or None,
        kept_rows=result.kept and asdict(result.kept),
        # By the database's clock: a host's may be so wrong that the result would be born expired.
        expires_at=_expiry_of_original(job) or job.ended_at + timedelta(days=retention_days),
    )
    insert(artifact)


def _expiry_of_original(job: JobExecutionLog) -> datetime | None:
    """A conversion, or a piece, is kept no longer than the rows it shows."""
    original = job.split_from or job.converted_from
    if original is None:
        return None
    return Artifact.objects.filter(job=original).values_list("expires_at", flat=True).first()


def _record_success(job: JobExecutionLog, result: Result) -> None:
    phases = {"wait": _wait_seconds(job), **result.seconds}
    record_event(job, JobEvent.Kind.SUCCEEDED, {"rows": result.rows, "size": result.size, "phases": phases})


def _wait_seconds(job: JobExecutionLog) -> float:
    """Return how long the job waited for its last attempt, from the time that it was due."""
    started_at = job.started_at or job.available_at
    return max(0.0, round((started_at - job.available_at).total_seconds(), 3))


def _audit_success(job: JobExecutionLog, result: Result) -> None:
    digests = {file.format: file.sha256 for file in result.files}
    audit.record(
        Action.JOB_SUCCEEDED,
        actor=audit.SYSTEM,
        tenant_id=job.tenant_id,
        target=("job", job.pk),
        details={"rows": result.rows, "sha256": digests},
    )


def fail(job: JobExecutionLog, failure: Failure) -> bool:
    """End a running attempt: requeue the job if another attempt may help, else mark it Failed. False if it was lost.

    A fault of the host doesn't count as an attempt, unless that has happened too often: the job may cause it.
    """
    if failure.is_host_fault and _refunds(job) < _MAX_REFUNDS:
        return release(job, failure, seconds=0, refund=True)
    if failure.retryable and job.attempt < job.max_attempts:
        return release(job, failure, seconds=RETRY_WAITS.jittered(job.attempt))
    return _end_failed(job, failure)


def _refunds(job: JobExecutionLog) -> int:
    """Return how many of a running job's attempts didn't count. Each claim and each release adds one to the fence."""
    return (job.fence + 1) // 2 - job.attempt


def release(job: JobExecutionLog, failure: Failure, *, seconds: float, refund: bool = False) -> bool:
    """Requeue a running job, to be claimed after this many seconds. False if it was lost.

    `refund`: don't count the attempt, because the job did not cause its end. A job whose cancellation was requested
    ends as cancelled instead: it is never claimed again, so it would stay Queued forever.
    """
    requeue = partial(_requeue, job, failure, seconds, refund)
    requeued = _first_possible(job, partial(requeue, WRITES_OF_RELEASE), partial(requeue, ()))
    # The reconciler notifies the workers of a job that has to wait, once it is due.
    if requeued and seconds == 0:
        try:
            broker.notify()
        except QueueUnavailable:
            log.warning("The workers could not be notified.", extra={"job_id": str(job.pk)}, exc_info=True)
    return requeued


def _requeue(
    job: JobExecutionLog, failure: Failure, seconds: float, refund: bool, writes: Sequence[WriteOfRelease]
) -> bool:
    with transaction.atomic():
        held = JobExecutionLog.objects.of_claim(**claim_of(job))
        if held.select_for_update().values_list("cancel_requested_at", flat=True).first():
            return _end_failed(job, CANCELLED)
        if not _REQUEUE.apply(job, refund=int(refund), wait=timedelta(seconds=seconds)):
            return False
        for write in writes:
            write(job, failure, seconds)
    return True


def _record_release(job: JobExecutionLog, failure: Failure, seconds: float) -> None:
    details = {"code": failure.code, "message": failure.message, "seconds": seconds}
    record_event(job, JobEvent.Kind.REQUEUED, details)


def _end_failed(job: JobExecutionLog, failure: Failure) -> bool:
    return _first_possible(
        job,
        partial(_mark_failed, job, failure, WRITES_OF_FAILURE),
        partial(_mark_failed, job, NOT_RECORDED, WRITES_OF_FAILURE),
        partial(_mark_failed, job, NOT_RECORDED, ()),
    )


def _mark_failed(job: JobExecutionLog, failure: Failure, writes: Sequence[WriteOfFailure]) -> bool:
    with transaction.atomic():
        failed = _FAIL.apply(
            job,
            error_code=failure.code,
            error_message=failure.message,
            error_retryable=failure.retryable,
            error_trace=failure.trace[:MAX_TRACE_CHARACTERS],
            error_fingerprint=failure.fingerprint,
        )
        if not failed:
            return False
        events.job_ended(job, error=failure.message)
        for write in writes:
            write(job, failure)
    return True


def _record_failure(job: JobExecutionLog, failure: Failure) -> None:
    record_event(job, JobEvent.Kind.FAILED, {"code": failure.code, "message": failure.message})


def _audit_failure(job: JobExecutionLog, failure: Failure) -> None:
    audit.record(
        Action.JOB_FAILED,
        actor=audit.SYSTEM,
        tenant_id=job.tenant_id,
        target=("job", job.pk),
        details={"code": failure.code},
    )


def _first_possible(job: JobExecutionLog, *ends: Callable[[], bool]) -> bool:
    """Write the first of these ends that can be written, so that no error keeps a job Running."""
    *better, last = ends
    for end in better:
        try:
            return end()
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("The end of an attempt could not be recorded in full.", extra={"job_id": str(job.pk)})
    return last()


WriteOfSuccess = Callable[[JobExecutionLog, Result], None]
WriteOfFailure = Callable[[JobExecutionLog, Failure], None]
WriteOfRelease = Callable[[JobExecutionLog, Failure, float], None]
#: What the end of an attempt writes beside the job's row, in its transaction. An error in one of these steps doesn't
#: keep the job Running: tests/faults/test_ends.py breaks each of them.
WRITES_OF_SUCCESS: Sequence[WriteOfSuccess] = (
    _add_artifact,
    store_pieces,
    outbox.add_deliveries,
    _record_success,
    _audit_success,
)
WRITES_OF_FAILURE: Sequence[WriteOfFailure] = (_record_failure, _audit_failure)
WRITES_OF_RELEASE: Sequence[WriteOfRelease] = (_record_release,)
