"""Runs the tasks of dry runs in limited children."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from accounts.models import User
from audit.actions import actor_name
from common.children.client import ChildFailed, Reason, TaskError, children
from common.children.fair_queue import Caller
from common.children.messages import ChildLimits
from reports.dry_run.tasks import NO_MEMORY
from reports.exceptions import DryRunBusy, DryRunLost, QueryFailed, QueryTimeout, RunError

Result = TypeVar("Result")
_ERRORS: dict[Reason, RunError] = {
    Reason.OUT_OF_MEMORY: QueryFailed(NO_MEMORY),
    Reason.TIMEOUT: QueryTimeout(),
    Reason.TOO_LARGE: QueryFailed("The result is too large to be shown. Select fewer columns, or shorter values."),
    Reason.LOST: DryRunLost(),
}


def run_in_child(task: Callable[..., Result], *arguments: object, actor: User | str, limits: ChildLimits) -> Result:
    """Return what the task returns. Raises QueryFailed, QueryTimeout, DryRunLost and DryRunBusy."""
    caller = Caller(str(actor.tenant_id) if isinstance(actor, User) else "", actor_name(actor))
    try:
        return children.run(task, *arguments, caller=caller, limits=limits)
    except TaskError as error:
        raise DryRunLost from error
    except ChildFailed as error:
        if error.reason is Reason.BUSY:
            raise DryRunBusy from None
        known = _ERRORS[error.reason]
        raise type(known)(known.message) from None
