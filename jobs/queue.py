"""The one module that speaks to django-q2. A message means no more than "there may be a job to claim".

Two faults of django-q2 1.11 are repaired here, where its cluster starts: a worker killed while it waits for work keeps
the lock of the shared queue for ever, and processes whose parent was killed work on without a guard.
"""

from __future__ import annotations

import fcntl
import signal
import tempfile
from datetime import timedelta
from typing import Any

import django_q.cluster
from django.db.models import Q
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.queues import Queue
from django_q.tasks import async_task

from jobs.exceptions import QueueUnavailable
from jobs.processes import let_no_child_survive

DOORBELL = "jobs.tasks.doorbell"


def ring() -> None:
    """Put a message into the queue, in the caller's transaction: with its rollback the message is gone too."""
    try:
        async_task(DOORBELL, task_name="doorbell", save=False)
    except Exception as error:  # a broker raises errors of its own library
        raise QueueUnavailable from error


def waiting() -> int:
    """How many messages wait for a worker."""
    return int(OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__lte=timezone.now()).count())


def forget_stale(seconds: int) -> int:
    """Delete messages that were fetched that long ago and never acknowledged; return how many.

    Also those that nobody could fetch for ten minutes: one that cannot be read may stand before all others.
    """
    now = timezone.now()
    given_out = Q(lock__gt=now, lock__lt=now + timedelta(seconds=Conf.RETRY - seconds))
    unread = Q(lock__lt=now - timedelta(minutes=10))
    return int(OrmQ.objects.filter(given_out | unread, key=Conf.CLUSTER_NAME).delete()[0])


def forget_results(days: int) -> int:
    """Delete what the queue noted about calls that failed; ours never do, so they were none of ours."""
    return int(Task.objects.filter(stopped__lt=timezone.now() - timedelta(days=days)).delete()[0])


def run_cluster() -> None:
    """Start the cluster's processes under this one, and return when it was told to stop and they have ended.

    SIGTERM is blocked in all of them and taken here, in no handler: a service manager sends it to every process at
    once, which would end workers in the middle of their jobs, and django-q2's handler can wait for itself for ever.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    let_no_child_survive()
    django_q.cluster.Queue = QueueWithRecordLocks
    cluster = django_q.cluster.Cluster()
    cluster.start()
    while cluster.sentinel.is_alive():
        if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 0.5):
            cluster.stop()


class RecordLock:
    """A lock between processes that the kernel frees when its holder dies, as it does not with a semaphore."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the queue lives

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
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
    """django-q2's queue between its processes; a reader that is killed does not stop the others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rlock = RecordLock()
        self._wlock = RecordLock()
        self._reset()
