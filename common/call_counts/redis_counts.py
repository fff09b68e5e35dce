"""Counts in Redis, which all hosts share."""

from __future__ import annotations

import hashlib
import logging
import time
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.call_counts.count import WINDOW_SECONDS, Count

log = logging.getLogger(__name__)
#: A caller waits no longer than this for Redis, which usually takes a fraction of a millisecond.
_TIMEOUT_SECONDS = 0.25
#: After an error, this process doesn't ask Redis for so long.
_REST_SECONDS = 5

#: The clock of Redis decides, since those of hosts differ.
_ADD_CALL = """
    local now = tonumber(redis.call('TIME')[1])
    local window = now - now % ARGV[1]
    local key = KEYS[1] .. window
    local used = redis.call('INCR', key)
    if used == 1 then redis.call('EXPIRE', key, 2 * ARGV[1]) end
    return {used, window + ARGV[1] - now}
"""

_ask_again_at = 0.0


def add_call(caller: str) -> Count | None:
    """Count a call. None if Redis doesn't respond."""
    global _ask_again_at
    if time.monotonic() < _ask_again_at:
        return None
    digest = hashlib.sha256(caller.encode()).hexdigest()[:32]
    try:
        used, resets_in = _script()(keys=[f"reportserver:calls:{digest}:"], args=[WINDOW_SECONDS])
    except redis.RedisError as error:
        _ask_again_at = time.monotonic() + _REST_SECONDS
        log.warning("Redis does not respond, so this host counts calls for itself: %s", type(error).__name__)
        return None
    return Count(int(used), int(resets_in))


@cache
def _script() -> redis.commands.core.Script:
    client = redis.Redis.from_url(
        settings.BROKER_URL,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return client.register_script(_ADD_CALL)
