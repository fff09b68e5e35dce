"""django-q2's processes below the jobserver, with three bugs of its version 1.11 worked around.

A worker killed while it waits for a message keeps the lock of the shared queue forever. Processes whose parent was
killed keep running without supervision. The sentinel, which restarts dead processes, ends when the system refuses it a
new one, and all workers end with it.
"""

from __future__ import annotations

import fcntl
import logging
import signal
import tempfile
from typing import Any

import django_q.cluster
from django_q.queues import Queue

from common.processes import kill_children_with_parent

log = logging.getLogger(__name__)


def run_cluster() -> None:
    """Run django-q2's processes below this one. Return once SIGTERM or SIGINT was received and they have ended.

    The signals are blocked in all of these processes and polled here. A service manager sends SIGTERM to every process
    at once, which would end workers in the middle of their jobs, and django-q2's own handler can deadlock.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    kill_children_with_parent()
    django_q.cluster.Queue, django_q.cluster.Sentinel = QueueWithRecordLocks, PatientSentinel
    cluster = django_q.cluster.Cluster()
    cluster.start()
    while cluster.sentinel.is_alive():
        if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 0.5):
            cluster.stop()


class PatientSentinel(django_q.cluster.Sentinel):  # type: ignore[misc]
    """A sentinel that outlives a system that is out of processes or descriptors."""

    def reincarnate(self, process: Any) -> None:
        pool = list(self.pool)
        try:
            super().reincarnate(process)
        except (OSError, RuntimeError) as error:
            # The dead process stays in the pool, so the next round of the guard tries again.
            self.pool[:] = pool
            log.warning("A process of the cluster can't be started: %s", error)


class RecordLock:
    """A lock between processes. The kernel frees it when its holder dies, unlike a semaphore."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the queue exists

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        # lockf(3) has no timeout, and django-q2's processes don't ask for one.
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> RecordLock:
        self.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


class QueueWithRecordLocks(Queue):  # type: ignore[misc]
    """The queue between django-q2's processes. A reader that is killed doesn't block the others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rlock = RecordLock()
        self._wlock = RecordLock()
        self._reset()
