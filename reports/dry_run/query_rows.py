"""Reads all rows of a small query, such as the one that names a schedule's recipients. It runs in a limited child."""

from __future__ import annotations

from accounts.models import User
from common.children.messages import ChildLimits
from reports.dry_run import tasks
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import QueryRows
from reports.exceptions import RunError
from reports.sources.base import SourceSpec

#: The task stops by itself; a child that doesn't is killed a little later.
_LIMITS = ChildLimits(seconds=tasks.ALL_ROWS_SECONDS + 2, result_bytes=16 << 20)


def read_rows(source: SourceSpec, query: str, max_rows: int, *, actor: User | str) -> QueryRows:
    """Return the rows of a query without parameters, `max_rows` at most.

    Never within a transaction: it takes up to half a minute. `actor` is for whom it runs. Raises DryRunBusy.
    """
    try:
        return run_in_child(tasks.read_rows, source, query, max_rows, actor=actor, limits=_LIMITS)
    except RunError as error:
        return QueryRows(fault=error.message)
