"""The workers of one host under one parent: starts the queue's cluster, reconciles, notices a stuck cluster, stops
within a bound, and leaves no process behind."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connections, transaction

from audit import verification
from common.processes import die_with_parent
from jobs import failures
from jobs.clock import Now, from_now
from jobs.delivery.deliverer import run_deliverer
from jobs.execution import cleanup, host_lock, reconciler, transitions
from jobs.execution.processes import (
    become_subreaper,
    kill_children,
    reap,
    signal_group,
    use_huge_pages,
)
from jobs.models import JobExecutionLog, WorkerHost
from jobs.monitoring import bulk
from jobs.queue import broker, next_job
from jobs.results.retention import purge_expired
from reports import rendering, sources

log = logging.getLogger(__name__)
#: Seconds that jobs wait although slots are free and nothing is claimed, and seconds for which that is seen in every
#: round, after which the cluster counts as stuck.
_STUCK_SECONDS = 10
#: Seconds between two rounds of housekeeping.
_TIDY_SECONDS = 3600
#: Seconds between two looks at the audit log's chain, and seconds of a round that one may take.
_AUDIT_SECONDS, _AUDIT_SHARE = 60, 0.5
#: Seconds of a round for bulk actions whose page was closed.
_BULK_SHARE = 2.0
#: Seconds to wait before a cluster that died is started again: the first time, and at most after several in a row.
_RESTART_SECONDS = (0.5, 5.0)
#: Seconds that a cluster has to live for its end to be no more of the same.
_STEADY_SECONDS = 10
#: Seconds that deliveries under way are given when the host stops.
_LAST_DELIVERIES_SECONDS = 5
_STOPPED = failures.Failure("host_stopped", "The host was stopped while the job ran.", retryable=True)


@dataclass
class Supervisor:
    """One jobserver. Times are of the monotonic clock, in seconds."""

    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    cluster: int = 0
    deliverer: int = 0
    restarts: int = 0
    started: float = 0.0
    failures: int = 0
    stopping: bool = False
    busy_since: float | None = None
    tidied: float = float("-inf")
    verified: float = float("-inf")

    def run(self) -> int:
        """Work until told to stop. The exit code: 0 for a clean stop, 1 when the cluster failed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        os.environ[host_lock.INSTANCE_VARIABLE] = self.instance
        # Whoever waits for a silent database longer than this learns too late that the lease is lost.
        connections.settings["default"]["RESPONSE_TIMEOUT_SECONDS"] = settings.LEASE_SECONDS / 2
        become_subreaper()
        here = host_lock.lock_host(self.instance)
        _preload()
        self._announce()
        self._start_cluster()
        self._keep_deliverer()
        while not self.stopping:
            self._round()
            self._nap(settings.RECONCILE_SECONDS)
        code = self._wind_up()
        here.forget()
        return code

    def _round(self) -> None:
        reconciler.reconcile()
        if not self._guarded(self._seen):
            # While the database can't be written nobody can claim anything.
            self.busy_since = None
        self._guarded(lambda: reconciler.recover_from_dead_workers(self.instance))
        if self._cluster_ended():
            self._restart("it ended unexpectedly")
        elif self._is_stuck():
            self._restart("it took no job although some wait")
        self._keep_deliverer()
        if time.monotonic() - self.tidied > _TIDY_SECONDS:
            self.tidied = time.monotonic()
            reconciler.tidy()
            self._guarded(purge_expired)
        self._guarded(self._verify_audit)
        self._guarded(lambda: bulk.carry_on_all(seconds=_BULK_SHARE))

    def _nap(self, seconds: float) -> None:
        """Sleep, but wake at once when the cluster ends or a stop is asked for."""
        until = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < until:
            if reap(self.cluster, 0.2) is not None:
                self.cluster = 0
                return
            # What jobs started and left behind when their worker was killed.
            kill_children(but=[self.cluster, self.deliverer])

    def _start_cluster(self) -> None:
        connections.close_all()
        parent = os.getpid()
        self.started = time.monotonic()
        self.cluster = os.fork()
        if self.cluster == 0:
            _be_cluster(parent)

    def _keep_deliverer(self) -> None:
        """Have one, also after the last one died."""
        if self.deliverer and reap(self.deliverer, 0) is None:
            return
        connections.close_all()
        parent = os.getpid()
        self.deliverer = os.fork()
        if self.deliverer == 0:
            run_deliverer(parent)

    def _cluster_ended(self) -> bool:
        return self.cluster == 0

    def _is_stuck(self) -> bool:
        """Whether jobs could be claimed, slots are free, and yet nothing was claimed for a while."""
        try:
            idles = self._idles_although_jobs_wait()
        except Exception:
            log.exception("Whether the cluster is stuck could not be found out.")
            return False
        if not idles:
            self.busy_since = None
            return False
        self.busy_since = self.busy_since or time.monotonic()
        return time.monotonic() - self.busy_since > _STUCK_SECONDS

    def _idles_although_jobs_wait(self) -> bool:
        """The last question goes through many rows, and is asked only when the answers before leave no other."""
        long_ago = from_now(-_STUCK_SECONDS)
        if not any(part.filter(available_at__lt=long_ago).exists() for part in next_job.claimable_jobs()):
            return False
        if JobExecutionLog.objects.owned_by(self.instance).count() >= settings.WORKERS:
            return False
        mine = JobExecutionLog.objects.filter(owner=self.instance)
        return not mine.filter(started_at__gt=long_ago).exists()

    def _restart(self, reason: str) -> None:
        log.critical("The cluster is started again: %s.", reason, extra={"restarts": self.restarts})
        self._kill_cluster()
        self._guarded(lambda: reconciler.recover_from_dead_workers(self.instance))
        self._nap_before_restart()
        self.restarts += 1
        self.busy_since = None
        if not self.stopping:
            self._start_cluster()

    def _nap_before_restart(self) -> None:
        first, most = _RESTART_SECONDS
        self.failures = 0 if time.monotonic() - self.started > _STEADY_SECONDS else self.failures + 1
        until = time.monotonic() + min(most, first * 2 ** min(self.failures, 10))
        while not self.stopping and time.monotonic() < until:
            time.sleep(0.1)

    def _wind_up(self) -> int:
        """Let running jobs end, and put back those that do not in time, without charging the attempt: clean too."""
        for process in filter(None, (self.cluster, self.deliverer)):
            os.kill(process, signal.SIGTERM)
        status = reap(self.cluster, settings.DRAIN_SECONDS) if self.cluster else 0
        clean = status in (0, None)
        if status is not None:
            self.cluster = 0
        # What it was sending is sent again, with the same id.
        reap(self.deliverer, _LAST_DELIVERIES_SECONDS)
        self.deliverer = 0
        self._kill_cluster()
        self._guarded(self._release_mine)
        self._guarded(lambda: WorkerHost.objects.filter(pk=self.instance).delete())
        return 0 if clean else 1

    def _kill_cluster(self) -> None:
        if self.cluster:
            signal_group(self.cluster, signal.SIGKILL)
            reap(self.cluster, 5)
            self.cluster = 0
        kill_children(but=[self.deliverer])

    def _release_mine(self) -> None:
        for job in JobExecutionLog.objects.owned_by(self.instance):
            if transitions.release(job, _STOPPED, seconds=0, refund=True):
                cleanup.clean_up_attempt(job)

    def _announce(self) -> None:
        with transaction.atomic():
            WorkerHost.objects.filter(seen_at__lt=from_now(-86400)).delete()
            WorkerHost.objects.create(
                instance=self.instance,
                host=socket.gethostname(),
                pid=os.getpid(),
                slots=settings.WORKERS,
                started_at=Now(),
                seen_at=Now(),
            )

    def _seen(self) -> None:
        WorkerHost.objects.filter(pk=self.instance).update(seen_at=Now(), restarts=self.restarts)

    def _verify_audit(self) -> None:
        """A check that did not come to its end goes on in the next round."""
        if time.monotonic() - self.verified > _AUDIT_SECONDS and verification.verify_for(seconds=_AUDIT_SHARE):
            self.verified = time.monotonic()

    def _stop(self, number: int, frame: object) -> None:
        self.stopping = True

    def _guarded(self, step: Callable[[], object]) -> bool:
        """Whether the step went well. None may end the supervisor."""
        try:
            step()
        except Exception:
            log.exception("A step of the supervisor failed.")
            connections.close_all()
            return False
        return True


def _preload() -> None:
    """Do once what every process forked from here would do again.

    What the collector of garbage never looks at stays in memory shared with the forked processes.
    """
    rendering.preload()
    sources.preload()
    gc.collect()
    gc.freeze()
    use_huge_pages()


def _be_cluster(parent: int) -> None:
    """The cluster's main process; never returns."""
    code = 1
    try:
        os.setsid()
        die_with_parent(parent)
        broker.run_cluster()
        code = 0
    except BaseException:
        log.exception("The cluster failed.")
    finally:
        os._exit(code)
