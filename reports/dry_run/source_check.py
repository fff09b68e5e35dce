"""Checks whether a data source answers."""

from __future__ import annotations

from accounts.models import User
from common.children.messages import ChildLimits
from reports.dry_run import tasks
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import SourceError
from reports.exceptions import RunError
from reports.sources.base import SourceSpec

#: The task stops by itself; a child that doesn't is killed a little later.
_LIMITS = ChildLimits(seconds=tasks.DESCRIBE_SECONDS + 2)


def source_error(spec: SourceSpec, *, actor: User | str) -> SourceError | None:
    """Read one row from the data source; None if that succeeds. Raises DryRunBusy."""
    try:
        return run_in_child(tasks.check_source, spec, actor=actor, limits=_LIMITS)
    except RunError as error:
        return SourceError(error.message, "")
