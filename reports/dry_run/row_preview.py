"""Previews the first rows of a report's queries, as text, for its author."""

from __future__ import annotations

from collections.abc import Mapping

from accounts.models import User
from common.children.messages import ChildLimits
from reports.dry_run import tasks
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import RowPreview
from reports.dry_run.target import DryRunTarget
from reports.exceptions import RunError

#: The task stops by itself; a child that doesn't is killed a little later.
_SPARE_SECONDS = 2


def preview_rows(target: DryRunTarget, values: Mapping[str, object], *, actor: User | str) -> list[RowPreview]:
    """Run the query, or that of each section, for its first rows with these JSON values; a missing required value is
    NULL.

    Takes a few seconds at most. Raises InvalidParameters and DryRunBusy.
    """
    typed_values = target.typed_values(values)
    limits = ChildLimits(seconds=tasks.rows_seconds(target) + _SPARE_SECONDS, result_bytes=4 << 20)
    try:
        return run_in_child(tasks.preview_rows, target, typed_values, actor=actor, limits=limits)
    except RunError as error:
        return [RowPreview(error=error.message)]
