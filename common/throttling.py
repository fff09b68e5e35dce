"""Rate limits whose counters are atomic and shared by all web processes.

DRF's own throttles read, change and write back a list in the cache: parallel calls overwrite each other, and a cache in
memory counts per process. Here one SQL statement counts a call in a fixed window of a minute.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connections, transaction
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

WINDOW_SECONDS = 60
#: How long an attempt waits for those before it, and how often it looks.
_PATIENCE_SECONDS, _LOOK_SECONDS = 15.0, 0.05


@dataclass(frozen=True)
class Count:
    """Where a caller stands in the window that `resets_in` seconds end."""

    scope: str
    limit: int
    used: int
    resets_in: int
    #: Of the row that counts.
    key: str
    window: int

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        """RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10)."""
        left = max(0, self.limit - self.used)
        return {
            "RateLimit-Policy": f'"{self.scope}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.scope}";r={left};t={self.resets_in}',
        }

    def give_back(self) -> None:
        """Take this call from the count again, as if it had not been made."""
        with connections[_alias()].cursor() as cursor:
            # Not in a later window, which has not counted it.
            given_back = "update rate_count set used = used - 1 where key = %s and started = %s"
            cursor.execute(given_back, [self.key, self.window])


def count(scope: str, who: str, *, amount: int = 1, capped: bool = False) -> Count:
    """Add `amount` calls (0 only looks) to the caller's count in this window, and return it.

    `capped`: a call beyond the limit is told as such, but not added.
    """
    now = int(time.time())
    window = now - now % WINDOW_SECONDS
    key = hashlib.sha256(f"{scope}\x00{who}".encode()).hexdigest()
    limit = settings.RATE_LIMITS[scope]
    used = _add(key, window, amount, limit if capped else None)
    return Count(scope, limit, used, window + WINDOW_SECONDS - now, key, window)


@dataclass(frozen=True)
class Attempt:
    """What counts only when it fails, as a sign-in. Whoever began it says how it ended, unless it is refused."""

    counted: Count
    who: str

    @property
    def refused(self) -> bool:
        return self.counted.exceeded

    def failed(self) -> None:
        count(self.counted.scope, _failures_of(self.who))

    def not_failed(self) -> None:
        self.counted.give_back()


def attempt(scope: str, who: str) -> Attempt:
    """Begin one. It is counted before it is made, so that guesses at the same time are not more than others.

    Those that are being made and may succeed yet are waited for: many right ones at the same time are refused nothing.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while (counted := count(scope, who, capped=True)).exceeded:
        if time.monotonic() > until or count(scope, _failures_of(who), amount=0).used >= counted.limit:
            break
        time.sleep(_LOOK_SECONDS)
    return Attempt(counted, who)


def _failures_of(who: str) -> str:
    return f"failures of {who}"


def _add(key: str, window: int, amount: int, most: int | None) -> int:
    """The new count; one more than `most` when it was that already, and is left so."""
    alias = _alias()
    _ensure_table(alias)
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute(
            "insert into rate_count (key, started, used) values (%s, %s, %s) on conflict (key) do update set "
            "used = case when rate_count.started = excluded.started then rate_count.used else 0 end + excluded.used, "
            "started = excluded.started where %s or rate_count.started <> excluded.started or rate_count.used < %s "
            "returning used",
            [key, window, amount, most is None, most or 0],
        )
        found = cursor.fetchone()
    return int(found[0]) if found else (most or 0) + 1


def delete_old_counts() -> None:
    """Drop the counts of past windows, so that the table holds only callers of the last minutes."""
    _ensure_table(_alias())
    with connections[_alias()].cursor() as cursor:
        cursor.execute("delete from rate_count where started < %s", [int(time.time()) - 2 * WINDOW_SECONDS])


def _alias() -> str:
    return "counters" if "counters" in settings.DATABASES else "default"


@cache
def _ensure_table(alias: str) -> None:
    # Not a model: the counts are worth nothing after a crash, so they live where no migration and no fsync reaches.
    unlogged = "unlogged" if connections[alias].vendor == "postgresql" else ""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"create {unlogged} table if not exists rate_count "
            "(key char(64) primary key, started bigint not null, used bigint not null)"
        )


class UserThrottle(BaseThrottle):
    """Counts the signed-in user's calls of one scope, and leaves the headers to reportserver.errors and the views."""

    scope = "api"

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return True
        self.counted = count(self.scope, f"user:{request.user.pk}")
        request._request.rate_count = self.counted  # type: ignore[attr-defined]
        return not self.counted.exceeded

    def wait(self) -> float:
        return self.counted.resets_in


class ApiThrottle(UserThrottle):
    """All calls of the API."""


class GenerateThrottle(UserThrottle):
    """Calls that make a job."""

    scope = "generate"
