"""Jobs whose rows depend on the attributes of a user: what they found must not outlive those attributes."""

from __future__ import annotations

from accounts.models import User
from jobs.models import JobExecutionLog
from reports.exceptions import CallerAttributeMissing, CallerAttributesChanged
from reports.parameters.caller import StoredCaller, caller_values, to_stored


def check_caller_unchanged(job: JobExecutionLog, actor: User | None) -> None:
    """Raise CallerAttributesChanged if the user as whom the job ran would get other rows by now, or was deactivated.

    Not to Administrators. To be called before anything of the result is handed out. `actor`: None for a delivery.
    """
    is_exempt = actor is not None and actor.administers(job.tenant_id)
    if job.caller_values is not None and not is_exempt and not _is_unchanged(job.ran_as_id, job.caller_values):
        raise CallerAttributesChanged


def _is_unchanged(user_id: int | None, values: StoredCaller) -> bool:
    # Read now: the user of a request may have been changed since it began.
    identity = User.objects.select_related("tenant").filter(pk=user_id or 0, is_active=True).first()
    if identity is None:
        return False
    try:
        return to_stored(caller_values(identity, values)) == values
    except CallerAttributeMissing:
        return False
