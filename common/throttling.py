"""Rate limits, in fixed windows of a minute, whose counters are atomic and shared by all web processes.

DRF's own throttles read, change and write back a list in the cache: parallel calls overwrite each other's counts, and
an in-memory cache counts for each process separately. Here, calls are counted in memory or Redis
(`common.call_counts`). What must outlive a restart, such as failed sign-ins, is counted in the database.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.models import F
from rest_framework.throttling import BaseThrottle

from common import call_counts
from common.call_counts.count import WINDOW_SECONDS
from common.exceptions import DomainError
from common.models import RateCount
from common.sql import COUNT_STATEMENTS

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


@dataclass(frozen=True)
class Usage:
    """One caller's use of a limit in the current window."""

    scope: str
    limit: int
    used: int
    #: Seconds until the next window.
    resets_in: int

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10)."""
        remaining = max(0, self.limit - self.used)
        return {
            "RateLimit-Policy": f'"{self.scope}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.scope}";r={remaining};t={self.resets_in}',
        }


@dataclass(frozen=True)
class StoredUsage(Usage):
    """A count in the database."""

    #: The row of RateCount, and the start of its window.
    key: str
    window: int

    def undo(self) -> None:
        """Take back the counted call. Does nothing once its window is over."""
        RateCount.objects.filter(key=self.key, started=self.window).update(used=F("used") - 1)


class TooManyCalls(DomainError):
    """Too many requests. Try again in a minute."""

    code = "throttled"
    retryable = True

    def __init__(self, usage: Usage) -> None:
        super().__init__()
        self.usage = usage


def count_call(scope: str, caller: str) -> Usage:
    """Count a call of a signed-in user, and return the usage."""
    count = call_counts.add_call(f"{scope}\x00{caller}")
    return Usage(scope, settings.RATE_LIMITS[scope], count.used, count.resets_in)


def count_in_database(scope: str, caller: str, *, amount: int = 1, stop_at_limit: bool = False) -> StoredUsage:
    """Add `amount` to the caller's stored count and return the usage; 0 only reads it.

    With `stop_at_limit`, a call over the limit is reported as exceeded but isn't counted.
    """
    key = hashlib.sha256(f"{scope}\x00{caller}".encode()).hexdigest()
    limit: int = settings.RATE_LIMITS[scope]
    try:
        used, window, now = _count(key, amount, stop_at_limit, limit)
    except DatabaseError as error:
        # A file of counters that is damaged is made anew when it is opened again (reportserver.databases.sqlite_cache).
        if settings.COUNTERS_DATABASE == DEFAULT_DB_ALIAS or "locked" in str(error):
            raise
        connections[settings.COUNTERS_DATABASE].close()
        used, window, now = _count(key, amount, stop_at_limit, limit)
    return StoredUsage(scope, limit, used, window + WINDOW_SECONDS - now, key, window)


def _count(key: str, amount: int, stop_at_limit: bool, limit: int) -> tuple[int, int, int]:
    """Count, and return the count, the start of its window and the time."""
    database = settings.COUNTERS_DATABASE
    statements = COUNT_STATEMENTS[connections[database].vendor]
    with transaction.atomic(using=database), connections[database].cursor() as cursor:
        cursor.execute(statements.count_call, [key, amount, not stop_at_limit, limit])
        row: tuple[int, int, int] | None = cursor.fetchone()
        if row is None:
            cursor.execute(statements.read, [key])
            row = (limit + 1, *cursor.fetchone())
    return row


def delete_old_counts() -> None:
    """Delete the counts of past windows, so the table contains only the callers of the last minutes."""
    connection = connections[settings.COUNTERS_DATABASE]
    with connection.cursor() as cursor:
        cursor.execute(COUNT_STATEMENTS[connection.vendor].delete_old)


class UserThrottle(BaseThrottle):
    """Counts a signed-in user's calls of one scope. The request keeps the usage for the response's headers."""

    scope = "api"

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return True
        self.usage = count_call(self.scope, f"user:{request.user.pk}")
        request._request.rate_usage = self.usage  # type: ignore[attr-defined]
        return not self.usage.exceeded

    def wait(self) -> float:
        return self.usage.resets_in


class ApiThrottle(UserThrottle):
    """Counts all calls of the API."""


class GenerateThrottle(UserThrottle):
    """Counts the calls that create a job."""

    scope = "generate"
