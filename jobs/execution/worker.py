"""One worker runs one job at a time: claims it, keeps its lease, and ends its child when it must."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connections

from jobs import failures
from jobs.exceptions import QueueUnavailable
from jobs.execution import cleanup, host_lock, transitions
from jobs.execution.child import Child, run_child
from jobs.execution.fork_server import ForkServer
from jobs.failures import Failure
from jobs.models import JobExecutionLog
from jobs.queue import broker, next_job

log = logging.getLogger(__name__)
#: Seconds before the lease's end at which a worker that can't renew it gives the job up.
_SAFETY_SECONDS = 5


def run_next_job() -> None:
    """Claim one job and see it through. Nothing to claim is fine: messages are only hints."""
    job = _claim()
    if job is not None:
        log.info("claimed", extra={"job_id": str(job.pk), "attempt": job.attempt})
        run_job(job)
        _pass_on()


def _claim() -> JobExecutionLog | None:
    owner = os.environ.get(host_lock.INSTANCE_VARIABLE, "by-hand")
    try:
        return transitions.claim(owner=owner, host=socket.gethostname(), pid=os.getpid())
    except Error:
        # Its commit may have been made and the answer lost: nobody would run the job before its lease ends.
        _persistently(lambda: transitions.release_unconfirmed_claims(owner=owner, pid=os.getpid()))
        raise


def run_job(job: JobExecutionLog) -> None:
    """Run a claimed job in a child process, and write down how it ended."""
    begun = time.monotonic()
    child = Child(job, _ready_fork_server())
    try:
        verdict = Watch(job, child, begun).until_end()
        if verdict is None and child.result:
            _commit(job, child.result)
    except BaseException:
        child.end(kill=True)
        raise
    failure = child.end(kill=verdict is not None)
    if isinstance(verdict, Lost):
        with contextlib.suppress(Error):
            _forget_unless_committed(job)
    elif verdict or not child.result:
        _settle(job, (verdict or failure).with_output(child.output.tail))


@cache
def _fork_server() -> ForkServer:
    return ForkServer(run_child)


def _ready_fork_server() -> ForkServer:
    """This worker's, or a new one where it was lost."""
    if not _fork_server().is_ready():
        _fork_server().end()
        _fork_server.cache_clear()
    return _fork_server()


class Lost:
    """The verdict on a job that is no longer this worker's."""


@dataclass
class Watch:
    """A child under watch: when it must end, and when the next heartbeat is due. Times are of the monotonic clock;
    `renewed` is when the lease began, at last."""

    job: JobExecutionLog
    child: Child
    renewed: float
    deadline: float = field(init=False)
    beat: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = self.renewed + self.job.timeout_seconds
        self.beat = self.renewed + settings.HEARTBEAT_SECONDS

    def until_end(self) -> Failure | Lost | None:
        """Listen until the child has said everything (None), or must be ended, and why."""
        while self.child.listen(self._pause()):
            now = time.monotonic()
            if now >= self.deadline:
                return self._took_too_long()
            if now >= self.beat and (verdict := self._heartbeat(now)):
                return verdict
        return None

    def _pause(self) -> float:
        return max(0.0, min(self.beat, self.deadline) - time.monotonic())

    def _heartbeat(self, now: float) -> Failure | Lost | None:
        self.beat = now + settings.HEARTBEAT_SECONDS
        try:
            child = self.child
            cancel = transitions.renew(self.job, rows=child.rows, bytes=child.bytes, percent=child.percent)
        except Error:
            log.warning("heartbeat failed", extra={"job_id": str(self.job.pk)}, exc_info=True)
            connections.close_all()
            return self._unheard()
        self.renewed = now
        if cancel is None:
            return Lost()
        return failures.CANCELLED if cancel else None

    def _unheard(self) -> Failure | None:
        """Where the deadline has passed as well, another attempt would take no less."""
        now = time.monotonic()
        if now <= self.renewed + _while_leased():
            return None
        return self._took_too_long() if now >= self.deadline else failures.DATABASE_LOST

    def _took_too_long(self) -> Failure:
        return Failure("timeout", f"The report took longer than the {self.job.timeout_seconds} s it may.")


def _commit(job: JobExecutionLog, result: dict[str, object]) -> None:
    _persistently(lambda: transitions.succeed(job, result) or _forget_unless_committed(job))


def _settle(job: JobExecutionLog, failure: Failure) -> None:
    log.info("attempt failed", extra={"job_id": str(job.pk), "code": failure.code})
    cleanup.clean_up_attempt(job)
    _persistently(lambda: transitions.fail(job, failure))


def _while_leased() -> float:
    return settings.LEASE_SECONDS - _SAFETY_SECONDS


def _persistently(write: Callable[[], bool]) -> bool:
    """Write the end of an attempt, however long the database is away: a worker that claimed another job meanwhile would
    have two at once. Should the lease end first, somebody else ends the attempt, and this write changes nothing.

    An error of the write itself comes again each time; that attempt is left to the end of its lease.
    """
    give_up = time.monotonic() + _while_leased()
    while True:
        try:
            return write()
        except Error as error:
            log.warning("the end of an attempt could not be written: %s", error)
            connections.close_all()
            if time.monotonic() > give_up and not isinstance(error, OperationalError | InterfaceError):
                return False
            time.sleep(1)


def _pass_on() -> None:
    """Messages may be lost: whoever has ended a job sees to it that there is one while jobs wait."""
    with contextlib.suppress(Error, QueueUnavailable):
        if broker.is_empty() and any(jobs.exists() for jobs in next_job.claimable_jobs()):
            broker.notify()


def _forget_unless_committed(job: JobExecutionLog) -> bool:
    """A commit may be lost on its way back, with the connection. Whether the result is this attempt's after all."""
    committed: bool = transitions.has_committed(job)
    if not committed:
        cleanup.clean_up_attempt(job)
    return committed
