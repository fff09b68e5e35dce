"""Redis as the queue: messages are sent after the commit, and a Redis that is down doesn't stop jobs that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django_q.conf import Conf
from django_q.signing import SignedPackage

from audit.models import AuditLog
from jobs import failures
from jobs.exceptions import QueueUnavailable
from jobs.execution import transitions
from jobs.models import JobEvent, JobExecutionLog
from jobs.queue import broker
from tests.redis import RedisServer, redis_server

Commit = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def redis(server: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """An empty Redis that this process uses as its queue."""
    settings.BROKER_URL = server.url
    monkeypatch.setattr(Conf, "BROKER_CLASS", "jobs.queue.redis_broker.RedisBroker")
    broker._broker.cache_clear()
    server.call("FLUSHALL")
    yield server
    broker._broker().connection.close()
    broker._broker.cache_clear()


@pytest.fixture
def dead_redis(redis: RedisServer) -> Iterator[RedisServer]:
    redis.kill()
    yield redis
    redis.start()


def test_a_message_is_sent_when_the_job_is_committed(
    redis: RedisServer, queued: Callable[[], JobExecutionLog], django_capture_on_commit_callbacks: Commit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        queued()
        assert broker.count_messages() == 0, "a worker could look for the job before it is there"
    assert broker.count_messages() == 1
    ((_, message),) = broker._broker().dequeue()
    assert SignedPackage.loads(message)["func"] == broker.WAKE_WORKER


@pytest.mark.django_db(transaction=True)
def test_a_rollback_sends_no_message(redis: RedisServer) -> None:
    with transaction.atomic():
        broker.notify()
        transaction.set_rollback(True)
    assert broker.count_messages() == 0


def test_without_redis_no_job_is_accepted_and_nothing_is_stored(
    dead_redis: RedisServer, queued: Callable[[], JobExecutionLog]
) -> None:
    with pytest.raises(QueueUnavailable):
        queued()
    assert not JobExecutionLog.objects.exists() and not JobEvent.objects.exists()
    assert not AuditLog.objects.filter(action="Job Generate").exists()


def test_without_redis_a_running_job_can_still_be_released(
    redis: RedisServer, claimed: JobExecutionLog, django_capture_on_commit_callbacks: Commit
) -> None:
    redis.kill()
    try:
        with django_capture_on_commit_callbacks(execute=True):
            assert transitions.release(claimed, failures.WORKER_LOST, seconds=0)
    finally:
        redis.start()
    assert JobExecutionLog.objects.get(pk=claimed.pk).status == "Queued"


def test_without_redis_workers_wake_themselves(dead_redis: RedisServer) -> None:
    ((_, message),) = broker._broker().dequeue()
    assert SignedPackage.loads(message)["func"] == broker.WAKE_WORKER
    with pytest.raises(QueueUnavailable):
        broker.count_messages()
