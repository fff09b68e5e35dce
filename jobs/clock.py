"""The database's clock. It alone decides about times of jobs, because the clocks of hosts may disagree."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now as DjangoNow  # noqa: TID251 - extended here

from common.backoff import Backoff
from common.compiled_sql import Param
from jobs import sql
from jobs.sql import NOW_SQL

#: `available_at` of a job that waits for the end of another one, however long that takes.
WAITING = datetime(9999, 1, 1, tzinfo=UTC)


class Now(DjangoNow):
    """Django's Now, with six decimals on SQLite like every other stored time.

    SQLite compares times as text, and '.741' < '.741000'. With three decimals, a job that was released for .741 was not
    due at .741, and a page of the job list started with the last job of the previous page.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template=NOW_SQL["sqlite"].replace("%", "%%"), **context)


def from_now(wait: float | Param) -> Combinable:
    """Return the database's time plus `wait`: seconds, or a Param that is a duration."""
    duration = wait if isinstance(wait, Param) else timedelta(seconds=wait)
    return ExpressionWrapper(Now() + duration, output_field=DateTimeField())


def waits_too_long(waits: Backoff, *, lease: float = 0) -> Q:
    """Return the condition that a row waits for longer than it ever does after its last attempt.

    `lease`: the seconds for which an attempt that is not over may put off the next one. Such a row was written before
    the database's clock was set back.
    """
    condition = Q(attempt=0, available_at__gt=Now()) | Q(available_at__gt=from_now(max(lease, waits.longest)))
    attempt = 1
    while (seconds := max(lease, waits.seconds(attempt))) < max(lease, waits.longest):
        condition |= Q(attempt=attempt, available_at__gt=from_now(seconds))
        attempt += 1
    return condition


@dataclass
class ClockWatch:
    """Compares the database's clock with this machine's monotonic one, which is never set and stops while it sleeps."""

    #: A database that takes longer to answer says too little about its clock.
    longest_answer_seconds: float
    last: tuple[datetime, float] | None = None

    def step(self) -> float | None:
        """Return by how many seconds the database's clock was set forward since the last call; negative: back.

        None at the first call, 0 if the answer took too long.
        """
        asked_at, last = time.monotonic(), self.last
        now = (sql.now(), time.monotonic())
        if now[1] - asked_at > self.longest_answer_seconds:
            return 0.0 if last else None
        self.last = now
        return (now[0] - last[0]).total_seconds() - (now[1] - last[1]) if last else None
