"""The one module that speaks to django-q2. A message means no more than "there may be a job to claim".

Messages are rows of the database, or entries of a list in Redis, which knows nothing of transactions: one is sent there
when the caller's transaction was committed, and whether Redis answers is asked before. Both are deleted when they are
read, since nobody has to acknowledge a hint: what is lost with a worker, the reconciler sends again.

Two faults of django-q2 1.11 are repaired here, where its cluster starts: a worker killed while it waits for work keeps
the lock of the shared queue for ever, and processes whose parent was killed work on without a guard.
"""

from __future__ import annotations

import fcntl
import logging
import signal
import tempfile
import time
import uuid
from datetime import timedelta
from functools import cache
from typing import Any

import django_q.cluster
import redis
from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.brokers import Broker, get_broker
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.queues import Queue
from django_q.signing import SignedPackage
from django_q.tasks import async_task
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.compiled_sql import Statement, insert
from jobs.clock import Now, from_now
from jobs.exceptions import QueueUnavailable
from jobs.execution.processes import kill_children_with_parent

log = logging.getLogger(__name__)
WAKE_WORKER = "jobs.tasks.wake_worker"
_A_MESSAGE = Statement(lambda: _due()[:1].query)


def notify(*, required: bool = False) -> None:
    """Tell the workers of a job that was made claimable in the caller's transaction: with its rollback there was none.

    `required`: raise QueueUnavailable when they can't be told. Otherwise, with Redis, the reconciler does it later.
    """
    if not settings.BROKER_URL:
        _send()
        return
    if required:
        ping()
    transaction.on_commit(_send_or_leave)


def ping() -> None:
    """Ask the queue for an answer. Raises QueueUnavailable."""
    try:
        _broker().ping()
    except Exception as error:  # a broker raises errors of its own library
        raise QueueUnavailable from error


def count_messages() -> int:
    """How many messages wait for a worker. Raises QueueUnavailable."""
    if not settings.BROKER_URL:
        return int(_due().count())
    try:
        return int(_broker().queue_size())
    except Exception as error:
        raise QueueUnavailable from error


def is_empty() -> bool:
    """Whether no message waits for a worker. Raises QueueUnavailable."""
    return count_messages() == 0 if settings.BROKER_URL else not _A_MESSAGE.fetch()


def _due() -> QuerySet[Any]:
    """By the database's clock, as all that hosts have to agree on: one that is ahead would hide its messages."""
    messages: QuerySet[Any] = OrmQ.objects.filter(key=Conf.CLUSTER_NAME)
    return messages.filter(lock__lte=Now())


def _send() -> None:
    try:
        async_task(WAKE_WORKER, task_name="wake_worker", save=False, broker=_broker())
    except Exception as error:
        raise QueueUnavailable from error


def _send_or_leave() -> None:
    try:
        _send()
    except QueueUnavailable:
        log.warning("The queue does not answer; the reconciler will tell the workers.", exc_info=True)


@cache
def _broker() -> Any:
    """One for each process: one of Redis has connections of its own, which a forked process makes anew."""
    return get_broker()


def delete_unread_messages() -> int:
    """Delete messages that nobody could fetch for ten minutes: one that can't be read may stand before all others."""
    unread = OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__lt=from_now(-600))
    return int(unread.delete()[0])


def delete_task_results(days: int) -> int:
    """Delete what the queue noted about calls that failed; ours never do, so they were none of ours."""
    return int(Task.objects.filter(stopped__lt=timezone.now() - timedelta(days=days)).delete()[0])


def run_cluster() -> None:
    """Start the cluster's processes under this one, and return when it was told to stop and they have ended.

    SIGTERM is blocked in all of them and taken here, in no handler: a service manager sends it to every process at
    once, which would end workers in the middle of their jobs, and django-q2's handler can wait for itself for ever.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    kill_children_with_parent()
    django_q.cluster.Queue = QueueWithRecordLocks
    cluster = django_q.cluster.Cluster()
    cluster.start()
    while cluster.sentinel.is_alive():
        if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 0.5):
            cluster.stop()


class DatabaseBroker(Broker):  # type: ignore[misc]
    """Rows of django-q2's own table. Its own broker writes each message twice more, to give it out and to delete it."""

    def enqueue(self, task: str) -> None:
        insert(OrmQ(key=self.list_key, payload=task, lock=Now()))

    def dequeue(self) -> list[tuple[None, Any]] | None:
        close_old_connections()
        found = _A_MESSAGE.fetch()
        if not found:
            time.sleep(Conf.POLL)
            return None
        # Another host may have been faster.
        return [(None, found[0].payload)] if found[0].delete()[0] else None

    def ping(self) -> bool:
        return True

    def info(self) -> str:
        return "the database"

    @staticmethod
    def get_connection(list_key: str | None = None) -> None:
        """Django's own is used."""


class RedisBroker(Broker):  # type: ignore[misc]
    """A list in Redis. While Redis does not answer, workers look for jobs every second or so without being told."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(f"{list_key or Conf.CLUSTER_NAME}:wake_worker")

    def enqueue(self, task: str) -> int:
        return int(self.connection.rpush(self.list_key, task))

    def dequeue(self) -> list[tuple[None, Any]] | None:
        try:
            found = self.connection.blpop([self.list_key], 1)
        except redis.RedisError as error:
            # Left to django-q2, the process that reads messages would sleep for ten seconds and end.
            log.warning("Redis does not answer, so the database is looked at: %s", type(error).__name__)
            time.sleep(1)
            return [(None, _own_message())]
        return [(None, found[1])] if found else None

    def queue_size(self) -> int:
        return int(self.connection.llen(self.list_key))

    def ping(self) -> bool:
        return bool(self.connection.ping())

    def info(self) -> str:
        return "Redis"

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Nobody reads it, and a Redis that hangs would keep the guard of the workers from its round."""

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        # No retries: those who ask wait for the answer, and whoever wants to ask again does.
        limits = {"socket_connect_timeout": 2, "socket_timeout": 3, "retry": Retry(NoBackoff(), 0)}
        return redis.Redis.from_url(settings.BROKER_URL, **limits)


def _own_message() -> str:
    """What notify sends, for a worker of this host."""
    task = {"id": uuid.uuid4().hex, "name": "wake_worker", "func": WAKE_WORKER, "args": (), "kwargs": {}, "save": False}
    return str(SignedPackage.dumps({**task, "started": timezone.now()}))


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
