"""Sends and receives the messages that wake workers, through django-q2.

A message only says that there may be a job to claim; the job's row decides. Messages are rows of the database or, if
BROKER_URL is set, entries of a list in Redis. Redis doesn't take part in transactions: a message is sent to it after
the caller's transaction was committed. Messages are deleted when they are read. If one is lost with a worker or with
Redis, the reconciler sends another.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections, transaction
from django.db.models import QuerySet
from django_q.brokers import Broker, get_broker
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from common.compiled_sql import Statement, insert
from jobs.clock import Now, from_now
from jobs.exceptions import QueueUnavailable
from jobs.hosts import host_pause

log = logging.getLogger(__name__)
WAKE_WORKER = "jobs.tasks.wake_worker"
#: Seconds until a database or Redis that did not respond is asked again.
OUTAGE_POLL_SECONDS = 0.5
_NEXT_MESSAGE = Statement(lambda: _due_messages()[:1].query)


def notify() -> None:
    """Notify the workers of a job that becomes claimable in the caller's transaction. A rollback takes it back.

    If Redis does not respond, the reconciler notifies them later.
    """
    if settings.BROKER_URL:
        transaction.on_commit(_try_to_send)
    else:
        _send()


def ping() -> None:
    """Raise QueueUnavailable if the queue does not respond within seconds.

    Call it outside of transactions: on SQLite, a transaction that waits for Redis keeps workers from renewing leases.
    """
    try:
        _broker().ping()
    except Exception as error:  # Each broker raises its own library's errors.
        raise QueueUnavailable from error


def count_messages() -> int:
    """Return how many messages wait for a worker. Raise QueueUnavailable."""
    if not settings.BROKER_URL:
        return int(_due_messages().count())
    try:
        return int(_broker().queue_size())
    except Exception as error:
        raise QueueUnavailable from error


def is_empty() -> bool:
    """True if no message waits for a worker. Raise QueueUnavailable."""
    return count_messages() == 0 if settings.BROKER_URL else not _NEXT_MESSAGE.fetch()


def move_messages_back() -> int:
    """Make messages due that are in the future, because the database's clock was set back. Return how many."""
    return int(OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__gt=Now()).update(lock=Now()))


def delete_unread_messages() -> int:
    """Delete messages that have been due for ten minutes: one that can't be unpickled would block all others."""
    unread = OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__lt=from_now(-600))
    return int(unread.delete()[0])


def delete_task_results() -> int:
    """Delete django-q2's records of failed calls after a day. Our calls never fail, so they are of other functions."""
    return int(Task.objects.filter(stopped__lt=from_now(-86_400)).delete()[0])


@cache
def _broker() -> Any:
    """The process's broker. The Redis client opens new connections after a fork."""
    return get_broker()


def _due_messages() -> QuerySet[Any]:
    # By the database's clock: a host whose clock is ahead would otherwise hide its messages from the others.
    messages: QuerySet[Any] = OrmQ.objects.filter(key=Conf.CLUSTER_NAME)
    return messages.filter(lock__lte=Now())


def _send() -> None:
    try:
        async_task(WAKE_WORKER, task_name="wake_worker", save=False, broker=_broker())
    except Exception as error:
        raise QueueUnavailable from error


def _try_to_send() -> None:
    try:
        _send()
    except QueueUnavailable:
        log.warning("The queue does not respond. The reconciler will notify the workers.", exc_info=True)


def wait_if_paused() -> bool:
    """Wait a little while this host is paused, so that other hosts get the messages."""
    if not host_pause.seconds_left():
        return False
    time.sleep(OUTAGE_POLL_SECONDS)
    return True


class DatabaseBroker(Broker):  # type: ignore[misc]
    """Messages in django-q2's table. Its own broker writes each message twice more: to hand it out and to delete it."""

    def enqueue(self, task: str) -> None:
        insert(OrmQ(key=self.list_key, payload=task, lock=Now()))

    def dequeue(self) -> list[tuple[None, Any]] | None:
        if wait_if_paused():
            return None
        try:
            return self._read_message()
        except Exception as error:  # noqa: BLE001 - if django-q2 saw it, its process would sleep ten seconds and end
            log.warning("The database does not respond to the process that reads messages: %s", type(error).__name__)
            connections.close_all()
            time.sleep(OUTAGE_POLL_SECONDS)
            return None

    def _read_message(self) -> list[tuple[None, Any]] | None:
        # Django does this around web requests only. Without it, a connection that was lost would stay in use.
        close_old_connections()
        messages = _NEXT_MESSAGE.fetch()
        if not messages:
            time.sleep(Conf.POLL)
            return None
        # Nothing is deleted if another host was faster.
        return [(None, messages[0].payload)] if messages[0].delete()[0] else None

    def ping(self) -> bool:
        return True

    def info(self) -> str:
        return "the database"

    @staticmethod
    def get_connection(list_key: str | None = None) -> None:
        """Return nothing: Django's connection is used."""
