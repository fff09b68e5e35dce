"""The database's clock. Moments of a job are told by it alone: the clocks of hosts disagree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.expressions import Combinable
from django.db.models.functions import Now as ThreeDecimals  # noqa: TID251 - mended here

from common.compiled_sql import Param

_ON_SQLITE = "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')"
#: For statements written by hand.
NOW_SQL = {"sqlite": _ON_SQLITE, "postgresql": "statement_timestamp()"}


class Now(ThreeDecimals):
    """Django's, but on SQLite with six decimals, as it writes every other moment. SQLite compares them as text, and
    .741 < .741000: a job put back for .741 was not due at .741, and a page began with the last job of the one before.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template=_ON_SQLITE.replace("%", "%%"), **context)


def from_now(wait: float | Param) -> Combinable:
    """The database's clock, that many seconds on, or a given time."""
    span = wait if isinstance(wait, Param) else timedelta(seconds=wait)
    return ExpressionWrapper(Now() + span, output_field=DateTimeField())
