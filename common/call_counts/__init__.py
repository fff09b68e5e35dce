"""Counts calls in windows of a minute without writing to the database: status calls are made often.

The web processes of a host share a table in memory. With REPORTSERVER_BROKER_URL, all hosts share the counts in Redis;
while Redis doesn't respond, each host counts for itself.
"""

from __future__ import annotations

from django.conf import settings

from common.call_counts.count import Count
from common.call_counts.memory import SharedMemory

#: Created on import, so before the web server forks its processes.
memory = SharedMemory()


def add_call(caller: str) -> Count:
    """Count a call, and return the caller's count in this window."""
    if settings.BROKER_URL:
        # Imported only where it is needed: the client costs every command 0.2 s.
        from common.call_counts import redis_counts

        return redis_counts.add_call(caller) or memory.add_call(caller)
    return memory.add_call(caller)
