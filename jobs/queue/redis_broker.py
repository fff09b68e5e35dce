"""django-q2's broker for Redis. A module of its own, because the client would cost every command 0.2 s."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

import redis
from django.conf import settings
from django.utils import timezone
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.signing import SignedPackage
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.queue.broker import OUTAGE_POLL_SECONDS, WAKE_WORKER, wait_if_paused

log = logging.getLogger(__name__)


class RedisBroker(Broker):  # type: ignore[misc]
    """Messages in a Redis list. While Redis does not respond, workers check for jobs about once a second."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(f"{list_key or Conf.CLUSTER_NAME}:wake_worker")

    def enqueue(self, task: str) -> int:
        return int(self.connection.rpush(self.list_key, task))

    def dequeue(self) -> list[tuple[None, Any]] | None:
        if wait_if_paused():
            return None
        try:
            message = self.connection.blpop([self.list_key], 1)
        except redis.RedisError as error:
            # If django-q2 saw the error, its process that reads messages would sleep for ten seconds and end.
            log.warning("Redis does not respond, so the database is checked: %s", type(error).__name__)
            time.sleep(2 * OUTAGE_POLL_SECONDS)
            # The message that `notify` would send, so that a worker looks for a job.
            call = {"func": WAKE_WORKER, "args": (), "kwargs": {}, "started": timezone.now(), "save": False}
            return [(None, str(SignedPackage.dumps({"id": uuid.uuid4().hex, "name": "wake_worker", **call})))]
        return [(None, message[1])] if message else None

    def queue_size(self) -> int:
        return int(self.connection.llen(self.list_key))

    def ping(self) -> bool:
        return bool(self.connection.ping())

    def info(self) -> str:
        return "Redis"

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Do nothing: nobody reads the statistics, and a Redis that hangs would block the guard of the workers."""

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        # No retries by the client: a caller waits for the answer, and retries itself if it wants to. `dequeue` waits
        # for a second on purpose.
        options = {"socket_connect_timeout": 1, "socket_timeout": 2, "retry": Retry(NoBackoff(), 0)}
        return redis.Redis.from_url(settings.BROKER_URL, **options)
