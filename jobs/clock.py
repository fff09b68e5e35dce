"""The database's clock. It alone decides about times of jobs, because the clocks of hosts may disagree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.expressions import Combinable
from django.db.models.functions import Now as DjangoNow  # noqa: TID251 - extended here

from common.compiled_sql import Param
from jobs.sql import NOW_SQL


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
