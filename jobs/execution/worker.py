"""A worker runs one job at a time: it claims the job, renews its lease, and kills its child if necessary."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connections

from jobs import failures
from jobs.exceptions import QueueUnavailable
from jobs.execution import attempt_cleanup, lease, transitions
from jobs.execution.child import run_child
from jobs.execution.child_handle import ChildHandle
from jobs.execution.fork_server import ForkServer
from jobs.execution.lease import LeaseState
from jobs.execution.protocol import Assignment, FilePart, Result
from jobs.failures import Failure
from jobs.hosts import host_check, host_lock, host_pause
from jobs.models import Artifact, DeliveryPlan, JobExecutionLog
from jobs.queue import broker, next_job
from jobs.results import kept_rows, opening, storage, store
from jobs.results.kept_rows import ToConvert
from jobs.splitting import pieces
from reports.exceptions import ReportDeleted
from reports.kept_rows.file import NAME as KEPT_ROWS
from reports.kept_rows.pieces import NAME as PIECES
from reports.run_spec import build_run_spec

log = logging.getLogger(__name__)
#: Seconds before the end of its lease at which a worker that can't renew it gives up the job.
_SAFETY_SECONDS = 5
#: The share of a lease after which a fork server that does not answer counts as lost.
_FORK_SERVER_SHARE = 1 / 3
_fork_server: ForkServer | None = None


class LeaseLost(Exception):
    """The job is no longer this worker's. It may be running elsewhere by now."""


def run_next_job() -> None:
    """Claim the next job, if there is one, and run it to its end. A host that is not well claims none."""
    if not _is_host_well():
        # The message is for another host.
        with contextlib.suppress(Error, QueueUnavailable):
            broker.notify()
        return
    job = _claim()
    if job is None:
        return
    log.info("claimed", extra={"job_id": str(job.pk), "attempt": job.attempt})
    run_job(job)
    # Messages may be lost: a worker that has ended a job makes sure that there is one while jobs are waiting.
    with contextlib.suppress(Error, QueueUnavailable):
        if broker.is_empty() and any(jobs.exists() for jobs in next_job.claimable_jobs()):
            broker.notify()


def _is_host_well() -> bool:
    if host_pause.seconds_left():
        return False
    if host_pause.reason() and (fault := host_check.examine()):
        host_pause.begin(fault)
        return False
    return True


def _claim() -> JobExecutionLog | None:
    owner = os.environ.get(host_lock.INSTANCE_VARIABLE, "by-hand")
    claim = partial(transitions.claim, owner=owner, host=socket.gethostname(), pid=os.getpid())
    try:
        return claim()
    except Error:
        log.warning("The claim failed, or its answer was lost.", exc_info=True)
        # The claim may be committed although the answer was lost. Nobody would run the job before its lease ends.
        _write_persistently(lambda: transitions.release_unconfirmed_claims(owner=owner, pid=os.getpid()))
        # The message is gone, so nobody would look for the job soon.
        return claim()


def run_job(job: JobExecutionLog) -> None:
    """Run a claimed job in a child and record how it ended."""
    try:
        failure = _run_attempt(job)
    except LeaseLost:
        with contextlib.suppress(Error):
            _clean_up_unless_committed(job)
        return
    except Exception as error:
        log.exception("The worker failed.", extra={"job_id": str(job.pk)})
        failure = Failure.from_error(error)
        if not failure.is_host_fault:
            failure = replace(failures.WORKER_FAILED, trace=failure.trace)
    if failure:
        failure = host_check.explain(failure)
    if failure and failure.is_host_fault:
        log.error("This host takes no jobs for a while: %s", failure.message, extra={"job_id": str(job.pk)})
        host_pause.begin(failure.message)
    else:
        host_pause.end()
    if failure:
        _record_failure(job, failure)


def _run_attempt(job: JobExecutionLog) -> Failure | None:
    """Run the job in a child and commit its result. Return why there is none; None if the job has ended."""
    started_at = time.monotonic()
    try:
        assignment = _assignment(job)
    except Exception as error:  # noqa: BLE001 - recorded with the job
        return Failure.from_error(error)
    child = ChildHandle(assignment, fork_server())
    is_finished = False
    try:
        failure = Attempt(job, child, started_at).wait()
        if failure is None and child.result:
            commit_result(job, child.result)
        is_finished = failure is None
    finally:
        end = child.end(kill=not is_finished)
    if is_finished and child.result:
        return None
    return (failure or end).with_output(child.output.tail)


def _assignment(job: JobExecutionLog) -> Assignment:
    if job.version is None:
        raise ReportDeleted
    to_convert, part = _rows_to_render(job)
    spill_folder = storage.spill_folder(job.pk, job.file_stem)
    return Assignment(
        spec=build_run_spec(
            job.version,
            job.parameters,
            job.formats,
            spill_folder,
            labels=job.parameter_labels,
            caller=job.caller_values,
            locale=job.locale or "",
            section=job.section,
            truncated=to_convert and to_convert.truncated,
            split=pieces.wanted_split(job),
            digests_content=job.is_scheduled and DeliveryPlan.compares_results(job.pk),
        ),
        draft=storage.draft_path(job.pk, job.file_stem),
        results={
            name: storage.result_name(job.pk, job.file_stem, opening.extension_of(name))
            for name in (*job.formats, KEPT_ROWS, PIECES)
        },
        store=store.current(),
        store_marker=store.expected_marker(),
        kept=to_convert and to_convert.rows,
        part=part,
        timeout_seconds=job.timeout_seconds,
        memory_bytes=settings.JOB_MEMORY_BYTES,
        file_bytes=settings.JOB_FILE_BYTES,
        niceness=settings.JOB_NICENESS,
    )


def _rows_to_render(job: JobExecutionLog) -> tuple[ToConvert | None, FilePart | None]:
    """Return the rows that the job renders in place of the source, and their part in the file. Raises RowsGone."""
    if job.converted_from is None:
        return None, None
    if job.split_from:
        return pieces.to_render(job.converted_from)
    return kept_rows.to_convert(job.converted_from), None


def fork_server() -> ForkServer:
    """Return this worker's fork server: a new one the first time, and after it was lost."""
    global _fork_server
    if _fork_server is None or not _fork_server.is_ready():
        if _fork_server:
            _fork_server.end()
        # The fork server must not share a connection.
        connections.close_all()
        _fork_server = ForkServer(run_child, answer_seconds=settings.LEASE_SECONDS * _FORK_SERVER_SHARE)
    return _fork_server


@dataclass
class Attempt:
    """A claimed job whose child is running. Times are of the monotonic clock, in seconds."""

    job: JobExecutionLog
    child: ChildHandle
    #: When the lease was last renewed. It may have begun a little earlier, when the job was claimed.
    renewed_at: float
    deadline: float = field(init=False)
    next_heartbeat: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = self.renewed_at + self.job.timeout_seconds
        self.next_heartbeat = self.renewed_at + settings.HEARTBEAT_SECONDS

    def wait(self) -> Failure | None:
        """Keep the lease while the child runs. Return None once it has sent everything, or the reason to kill it.

        Raise LeaseLost if another worker may have the job.
        """
        while self.child.receive(max(0.0, min(self.next_heartbeat, self.deadline) - time.monotonic())):
            now = time.monotonic()
            if now >= self.deadline:
                return self._timed_out()
            if now >= self.next_heartbeat:
                failure = self._send_heartbeat(now)
                if failure:
                    return failure
        return None

    def _send_heartbeat(self, now: float) -> Failure | None:
        self.next_heartbeat = now + settings.HEARTBEAT_SECONDS
        try:
            state = lease.renew(self.job, self.child.progress, remaining_seconds=self.deadline - now)
        except Error:
            log.warning("heartbeat failed", extra={"job_id": str(self.job.pk)}, exc_info=True)
            connections.close_all()
            # The failed statement may have taken long. Give up the job if there may be no time for another one before
            # the lease ends. Past the deadline, another attempt would take just as long.
            now = time.monotonic()
            if now <= self.renewed_at + _renewable_seconds():
                return None
            return self._timed_out() if now >= self.deadline else failures.DATABASE_LOST
        self.renewed_at = now
        if state is LeaseState.LOST:
            raise LeaseLost
        return failures.CANCELLED if state is LeaseState.CANCEL_REQUESTED else None

    def _timed_out(self) -> Failure:
        return Failure("timeout", f"The report took longer than the {self.job.timeout_seconds} s it may take.")


def _renewable_seconds() -> float:
    """The time after a renewal during which a worker can rely on its lease."""
    return settings.LEASE_SECONDS - _SAFETY_SECONDS


def commit_result(job: JobExecutionLog, result: Result) -> None:
    """Make the result visible, or delete its files if the job was lost."""

    def commit() -> None:
        if not transitions.succeed(job, result):
            _clean_up_unless_committed(job)

    _write_persistently(commit)


def _clean_up_unless_committed(job: JobExecutionLog) -> None:
    """Delete the attempt's files, unless its result was committed and only the answer to the commit was lost."""
    if not Artifact.objects.filter(job=job, fence=job.fence, claim_token=job.claim_token).exists():
        attempt_cleanup.clean_up_attempt(job)


def _record_failure(job: JobExecutionLog, failure: Failure) -> None:
    _write_persistently(lambda: transitions.fail(job, failure))
    # Last: it may take long, and nothing that goes wrong with it may keep the end from being written.
    attempt_cleanup.clean_up_attempt(job)
    log.info("attempt failed", extra={"job_id": str(job.pk), "code": failure.code})


def _write_persistently(write: Callable[[], object]) -> None:
    """Write the end of an attempt, however long the database is away.

    A worker that claimed another job meanwhile would have two at once. If the lease ends first, another process ends
    the attempt, and `write` changes nothing. An error that is not the connection's repeats each time: after the length
    of a lease the attempt is left to the reconciler.
    """
    give_up_at = time.monotonic() + _renewable_seconds()
    while True:
        try:
            write()
            return
        except Exception as error:
            log.warning("The end of an attempt could not be written.", exc_info=True)
            connections.close_all()
            if time.monotonic() > give_up_at and not isinstance(error, OperationalError | InterfaceError):
                return
            time.sleep(1)
