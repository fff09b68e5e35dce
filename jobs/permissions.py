"""Who may do what with a job, at the time of the call."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import PermissionDenied

from accounts.models import User
from jobs.models import Delivery, JobExecutionLog
from jobs.status import ENDED, Status
from reports.querysets import Right, rights_on


def visible_job(user: User, job_id: object) -> JobExecutionLog:
    """The job, for somebody who may see it. JobNotFound or PermissionDenied for others."""
    job = JobExecutionLog.objects.find(user, str(job_id))
    held = rights_on(user, job.report_id)
    if Right.VIEW in held or (Right.GENERATE in held and job.requested_by_id == user.pk):
        return job
    raise PermissionDenied("You have no view right on this job's report.")


def administered_job(user: User, job_id: object) -> JobExecutionLog:
    """The job, for an Administrator of its tenant. JobNotFound or PermissionDenied for others."""
    job = JobExecutionLog.objects.find(user, str(job_id))
    if not user.administers(job.tenant_id):
        raise PermissionDenied("Only an Administrator may do this.")
    return job


def may_retry(user: User, job: JobExecutionLog) -> bool:
    """Whether a Retry control makes sense: an Administrator, a Failed job, not retried before."""
    failed = job.status == Status.FAILED and user.administers(job.tenant_id)
    return failed and getattr(job, "retried_as", None) is None


def may_send_again(user: User, job: JobExecutionLog, deliveries: Iterable[Delivery]) -> bool:
    """Whether a Send again control makes sense: an Administrator, a delivery that was given up, and what it brings."""
    given_up = any(one.state == Delivery.State.FAILED for one in deliveries)
    return given_up and job.result is not None and user.administers(job.tenant_id)


def may_cancel(user: User, job: JobExecutionLog) -> bool:
    """Whether a Cancel control makes sense: the one who asked or an Administrator, and the job can still end."""
    stoppable = job.status not in ENDED and job.cancel_requested_at is None
    return stoppable and is_in_charge(user, job)


def is_in_charge(user: User, job: JobExecutionLog) -> bool:
    return job.requested_by_id == user.pk or user.administers(job.tenant_id)
