"""Checks whether a data source answers, and whether its account may do no more than it should."""

from __future__ import annotations

from accounts.models import User
from common.children.messages import ChildLimits
from reports.dry_run import tasks
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import SourceCheck
from reports.exceptions import RunError
from reports.sources.base import SourceSpec

#: The task stops by itself; a child that doesn't is killed a little later.
_LIMITS = ChildLimits(seconds=2 * tasks.DESCRIBE_SECONDS + 2)


def check_source(spec: SourceSpec, *, actor: User | str) -> SourceCheck:
    """Read one row from the data source, and ask what its account may do beyond reading. Raises DryRunBusy."""
    try:
        return run_in_child(tasks.check_source, spec, actor=actor, limits=_LIMITS)
    except RunError as error:
        return SourceCheck(error.message)
