"""The jobserver: the workers of one host under one parent.

It starts django-q2's cluster, the deliverer and other helpers, restarts them when they die or get stuck, reconciles,
stops within a limit, and leaves no process behind.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings
from django.db import connections, transaction

from audit import verification
from common.backoff import Backoff, RestartTimer
from common.processes import (
    become_subreaper,
    children_of,
    fork_process,
    kill_children,
    reap,
    signal_group,
    use_huge_pages,
)
from jobs.clock import Now, from_now
from jobs.delivery.deliverer import run_deliverer
from jobs.execution import attempt_cleanup, reconciler, transitions
from jobs.execution.tidying import Tidying
from jobs.failures import Failure
from jobs.hosts import host_check, host_lock, host_pause
from jobs.models import JobExecutionLog, WorkerHost
from jobs.monitoring import bulk_actions
from jobs.queue import cluster, next_job
from jobs.results.stores import client
from reports import rendering, sources

log = logging.getLogger(__name__)
#: Seconds between two looks at the cluster, and at processes and hosts that died with a job.
_WATCH_SECONDS, _RECOVERY_SECONDS = 0.2, 1.0
#: Seconds for which jobs must wait, slots be free, and nothing be claimed before the cluster counts as stuck.
_STUCK_SECONDS = 10
#: Seconds that one round may spend on deleting what nobody needs any more.
_TIDYING_SECONDS_PER_ROUND = 0.5
#: Seconds that one round may spend on verifying the audit log.
_AUDIT_SECONDS_PER_ROUND = 0.5
#: Seconds that one round may spend on bulk actions whose page was closed.
_BULK_SECONDS_PER_ROUND = 2.0
#: Seconds before a cluster that ended is started again.
_RESTART_WAITS = Backoff(first=0.5, longest=5)
#: Seconds after which a cluster counts as healthy.
_STEADY_SECONDS = 10
#: Seconds that deliveries in progress are given when the jobserver stops, and what other helpers do.
_HELPER_DRAIN_SECONDS = 5
_HOST_STOPPED = Failure("host_stopped", "The host was stopped while the job ran.", retryable=True)


@dataclass
class Supervisor:
    """One jobserver. Times are of the monotonic clock, in seconds."""

    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    #: Process ids; 0 if there is no process.
    cluster: int = 0
    helper_pids: dict[str, int] = field(default_factory=dict)
    #: The processes that run beside the cluster, by name. They can be killed at any time, and are started again.
    helpers: Mapping[str, Callable[[], None]] = field(default_factory=lambda: {"deliverer": run_deliverer})
    restart_timer: RestartTimer = field(default_factory=lambda: RestartTimer(_RESTART_WAITS, _STEADY_SECONDS))
    stopping: bool = False
    #: Since when every round found jobs waiting although slots were free.
    idle_since: float | None = None
    recovered_at: float = float("-inf")
    tidying: Tidying = field(default_factory=Tidying)
    audit_watch: verification.Watch = field(default_factory=verification.Watch)

    def run(self) -> int:
        """Work until SIGTERM or SIGINT. Return the exit code: 0 for a clean stop, 1 if the cluster failed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        os.environ[host_lock.INSTANCE_VARIABLE] = self.instance
        # A process that waits longer than this for a silent database notices too late that its lease is lost.
        connections.settings["default"]["RESPONSE_TIMEOUT_SECONDS"] = settings.LEASE_SECONDS / 2
        become_subreaper()
        lock = host_lock.lock_host(self.instance)
        _preload()
        self._register_host()
        self._try(_pause_if_sick)
        self._start_cluster()
        self._keep_helpers_running()
        while not self.stopping:
            self._run_round()
            self._sleep(settings.RECONCILE_SECONDS)
        code = self._stop_all()
        lock.release()
        return code

    def _request_stop(self, number: int, frame: object) -> None:
        self.stopping = True

    def _register_host(self) -> None:
        with transaction.atomic():
            # A jobserver whose machine was lost leaves its row behind.
            WorkerHost.objects.filter(seen_at__lt=from_now(-86400)).delete()
            WorkerHost.objects.create(
                instance=self.instance,
                host=socket.gethostname(),
                pid=os.getpid(),
                slots=settings.WORKERS,
                started_at=Now(),
                seen_at=Now(),
            )

    def _run_round(self) -> None:
        reconciler.reconcile()
        self._try(_pause_if_sick)
        if not self._try(self._report):
            # Nobody can claim a job while the database can't be written.
            self.idle_since = None
        self._recover()
        if self.cluster == 0:
            self._restart_cluster("it ended unexpectedly")
        elif self._is_stuck():
            self._try(self._restart_what_is_stuck)
        self._keep_helpers_running()
        # This process forks others, so it must not use the client of an object store: the tidier does.
        if not settings.ARTIFACTS_URL:
            self._try(lambda: self.tidying.work_for(seconds=_TIDYING_SECONDS_PER_ROUND))
            self._try(lambda: self.audit_watch.work_for(seconds=_AUDIT_SECONDS_PER_ROUND))
        self._try(lambda: bulk_actions.work_on_all(seconds=_BULK_SECONDS_PER_ROUND))

    def _report(self) -> None:
        pause = host_pause.seconds_left()
        WorkerHost.objects.filter(pk=self.instance).update(
            seen_at=Now(),
            restarts=self.restart_timer.restarts,
            paused_until=from_now(pause) if pause else None,
            note=host_pause.reason() if pause else "",
        )

    def _try(self, step: Callable[[], object]) -> bool:
        """Run a step. Log an error and return False: no error may end the supervisor."""
        try:
            step()
        except Exception:
            log.exception("A step of the supervisor failed.")
            # A broken connection would make all later steps fail, too.
            connections.close_all()
            return False
        return True

    def _sleep(self, seconds: float) -> None:
        """Sleep, but wake up at once if the cluster ends or a stop is requested."""
        until = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < until:
            if not self.cluster:
                time.sleep(_WATCH_SECONDS)
            elif reap(self.cluster, _WATCH_SECONDS) is not None:
                self.cluster = 0
                return
            # Programs that jobs started become this process's children when their worker is killed.
            kill_children(but=[self.cluster, *self.helper_pids.values()])
            if time.monotonic() - self.recovered_at > _RECOVERY_SECONDS:
                self._recover()

    def _recover(self) -> None:
        """Do what a job that has lost its worker waits for."""
        self.recovered_at = time.monotonic()
        self._try(lambda: reconciler.recover_from_dead_workers(self.instance))
        self._try(reconciler.recover_from_dead_hosts)
        self._try(reconciler.notify_of_due_jobs)

    def _start_cluster(self) -> None:
        # A connection must not be shared with a forked process.
        connections.close_all()
        self.restart_timer.record_start()
        self.cluster = self._fork("cluster", cluster.run_cluster)

    def _restart_cluster(self, reason: str) -> None:
        log.critical("Restarting the cluster: %s.", reason, extra={"restarts": self.restart_timer.restarts})
        self._kill_cluster()
        self.restart_timer.record_end()
        self._try(lambda: reconciler.recover_from_dead_workers(self.instance))
        while not self.stopping and not self.restart_timer.is_due():
            time.sleep(0.1)
        self.idle_since = None
        if not self.stopping:
            self._start_cluster()

    def _restart_what_is_stuck(self) -> None:
        """Kill the processes of the cluster that hold no job: its sentinel starts others, or ends with the last one."""
        self.idle_since = None
        busy = self._busy_workers()
        if not busy:
            self._restart_cluster("it claims no job although jobs are waiting")
            return
        log.critical(
            "Restarting idle processes: no job is claimed although jobs are waiting.", extra={"busy": len(busy)}
        )
        parts = {part for sentinel in children_of(self.cluster) for part in children_of(sentinel)} - busy
        for pid in parts:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._try(partial(self._release_jobs, parts))

    def _busy_workers(self) -> set[int]:
        return {job.pid for job in JobExecutionLog.objects.owned_by(self.instance).only("pid") if job.pid}

    def _kill_cluster(self) -> None:
        if self.cluster:
            signal_group(self.cluster, signal.SIGKILL)
            reap(self.cluster, 5)
            self.cluster = 0
        kill_children(but=list(self.helper_pids.values()))

    def _keep_helpers_running(self) -> None:
        for name, run in self.helpers.items():
            pid = self.helper_pids.get(name, 0)
            if pid and reap(pid, 0) is None:
                continue
            # As for the cluster: a connection must not be shared.
            connections.close_all()
            self.helper_pids[name] = self._fork(name, run)

    def _fork(self, name: str, run: Callable[[], None]) -> int:
        """Fork a process. Return its id; 0 if the system refuses another process, which the next round asks for."""
        try:
            return fork_process(name, run)
        except OSError:
            log.critical("The %s can't be started.", name, exc_info=True)
            return 0

    def _is_stuck(self) -> bool:
        """True if jobs could be claimed, slots are free, and yet nothing has been claimed for a while."""
        if host_pause.seconds_left():
            self.idle_since = None
            return False
        long_ago = from_now(-_STUCK_SECONDS)
        claimed = JobExecutionLog.objects.filter(owner=self.instance, started_at__gt=long_ago)
        try:
            is_idle = (
                any(jobs.filter(available_at__lt=long_ago).exists() for jobs in next_job.claimable_jobs())
                and JobExecutionLog.objects.owned_by(self.instance).count() < settings.WORKERS
                # This query reads many rows, so it comes last.
                and not claimed.exists()
            )
        except Exception:
            # The database is away, which a restart of the cluster wouldn't change.
            log.exception("Could not find out whether the cluster is stuck.")
            return False
        if not is_idle:
            self.idle_since = None
            return False
        self.idle_since = self.idle_since or time.monotonic()
        return time.monotonic() - self.idle_since > _STUCK_SECONDS

    def _stop_all(self) -> int:
        """Let running jobs end, and release those that take too long. Return the exit code."""
        for pid in (self.cluster, *self.helper_pids.values()):
            if pid:
                os.kill(pid, signal.SIGTERM)
        status = reap(self.cluster, settings.DRAIN_SECONDS) if self.cluster else 0
        if status is not None:
            self.cluster = 0
        # A delivery that is interrupted is sent again, with the same id.
        for pid in filter(None, self.helper_pids.values()):
            reap(pid, _HELPER_DRAIN_SECONDS)
        self.helper_pids.clear()
        self._kill_cluster()
        self._try(self._release_jobs)
        self._try(lambda: WorkerHost.objects.filter(pk=self.instance).delete())
        # Jobs that took too long were released without counting the attempt: that is a clean stop, too.
        return 0 if status in (0, None) else 1

    def _release_jobs(self, workers: Collection[int] | None = None) -> None:
        """Release the jobs of these workers, which were killed; None: of all workers."""
        jobs = JobExecutionLog.objects.owned_by(self.instance)
        # Fetched first, because an error closes the connection: one job must not keep the others from being released.
        for job in list(jobs if workers is None else jobs.filter(pid__in=workers)):
            self._try(partial(_release_job, job))


def _release_job(job: JobExecutionLog) -> None:
    if transitions.release(job, _HOST_STOPPED, seconds=0, refund=True):
        attempt_cleanup.clean_up_attempt(job)


def _pause_if_sick() -> None:
    """Find a fault of this host before a job does."""
    if not host_pause.seconds_left() and (fault := host_check.examine()):
        log.critical("This host takes no jobs for a while: %s", fault)
        host_pause.begin(fault)


def _preload() -> None:
    """Load once what every forked process would load again."""
    rendering.preload()
    sources.preload()
    if settings.ARTIFACTS_URL:
        client.preload()
    # Memory that the garbage collector never visits stays shared with the forked processes.
    gc.collect()
    gc.freeze()
    use_huge_pages()
