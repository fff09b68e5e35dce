"""Who can see, cancel, retry and resend which jobs, by the rights at the time of the call.

The only place that decides who can cancel, retry and resend. Each rule comes in up to three forms: `job_to_…` for a
call or page about one job, `may_…` for its button, and a queryset for bulk actions. A rule of the first form tests
rights only: a job in the wrong state is the action's error (409), not a missing right (403).
"""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import PermissionDenied

from accounts.models import User
from common.ids import parse_uuid
from jobs.exceptions import DeliveryNotFound
from jobs.models import Delivery, JobExecutionLog
from jobs.querysets import JobQuerySet
from jobs.status import UNFINISHED, Status
from reports.permissions import Right, rights_on


def visible_job(user: User, job_id: object) -> JobExecutionLog:
    """Return the job. Raise JobNotFound or, for users who can't see it, PermissionDenied."""
    job = JobExecutionLog.objects.find(user, str(job_id))
    rights = rights_on(user, job.report_id)
    if job.caller_values is not None and not user.administers(job.tenant_id):
        if rights and job.ran_as_id == user.pk:
            return job
        raise PermissionDenied("Only Administrators and the user this job ran as can see it.")
    if Right.VIEW in rights or (Right.GENERATE in rights and job.requested_by_id == user.pk):
        return job
    raise PermissionDenied("You don't have the view right on this job's report.")


def job_to_cancel(user: User, job_id: object) -> JobExecutionLog:
    """Return the job. Raise JobNotFound or, for users who can't cancel it, PermissionDenied."""
    job = visible_job(user, job_id)
    if not _owns_or_administers(user, job):
        raise PermissionDenied("Only the user who requested the job or an Administrator can cancel it.")
    return job


def job_to_retry(user: User, job_id: object) -> JobExecutionLog:
    """Return the job. Raise JobNotFound or, for users who can't retry it, PermissionDenied."""
    return _administered_job(user, job_id)


def job_to_resend(user: User, job_id: object) -> JobExecutionLog:
    """Return the job. Raise JobNotFound or, for users who can't resend its deliveries, PermissionDenied."""
    return _administered_job(user, job_id)


def delivery_to_decide(user: User, delivery_id: str) -> Delivery:
    """Return the delivery. Raise DeliveryNotFound or, for users who can't release or discard it, PermissionDenied."""
    delivery = _delivery(user, delivery_id)
    user.check_administers(delivery.job.tenant_id)
    return delivery


def delivery_to_revoke(user: User, delivery_id: str) -> Delivery:
    """Return the delivery. Raise DeliveryNotFound or, for users who can't take back its link, PermissionDenied."""
    delivery = _delivery(user, delivery_id)
    # A key may not cover the job's report.
    visible_job(user, delivery.job_id)
    if not may_see_recipients(user, delivery.job):
        raise PermissionDenied("Only the user who requested the job or an Administrator can revoke its links.")
    return delivery


def _delivery(user: User, delivery_id: str) -> Delivery:
    uuid = parse_uuid(delivery_id)
    related = ("job__tenant", "job__artifact", "job__delivery_plan__owner")
    delivery = Delivery.objects.select_related(*related).filter(pk=uuid).first() if uuid else None
    if delivery is None or not (user.is_superuser or delivery.job.tenant_id == user.tenant_id):
        raise DeliveryNotFound
    return delivery


def may_see_recipients(user: User, job: JobExecutionLog) -> bool:
    """Whether this user may know to whom the job's result is sent."""
    return _owns_or_administers(user, job)


def may_cancel(user: User, job: JobExecutionLog) -> bool:
    """True if a Cancel button makes sense: the job can still end, and wasn't cancelled yet."""
    return job.status in UNFINISHED and job.cancel_requested_at is None and _owns_or_administers(user, job)


def may_retry(user: User, job: JobExecutionLog) -> bool:
    """True if a Retry button makes sense: the job failed and wasn't retried yet."""
    # The retry is a query unless it was loaded with the job, so it is tested last.
    return job.status == Status.FAILED and user.administers(job.tenant_id) and job.retry_job is None


def may_resend(user: User, job: JobExecutionLog, deliveries: Iterable[Delivery]) -> bool:
    """True if a Resend button makes sense: one of the job's deliveries failed, and its result still exists."""
    has_failed = any(delivery.state == Delivery.State.FAILED for delivery in deliveries)
    return has_failed and job.result is not None and user.administers(job.tenant_id)


def cancellable(jobs: JobQuerySet, user: User) -> JobQuerySet:
    """Narrow jobs that the user can see to those for which `may_cancel` is true."""
    unfinished = jobs.filter(status__in=UNFINISHED, cancel_requested_at=None)
    if user.is_administrator:
        return unfinished
    return unfinished.filter(requested_by=user) if user.key_allows(Right.GENERATE) else unfinished.none()


def retryable(jobs: JobQuerySet, user: User) -> JobQuerySet:
    """Narrow jobs that the user can see to those for which `may_retry` is true."""
    return jobs.filter(status=Status.FAILED, retried_as__isnull=True) if may_bulk_retry(user) else jobs.none()


def may_bulk_retry(user: User) -> bool:
    """True if there may be jobs that the user can retry."""
    return user.is_administrator


def _owns_or_administers(user: User, job: JobExecutionLog) -> bool:
    is_own = job.requested_by_id == user.pk and user.key_allows(Right.GENERATE)
    return is_own or user.administers(job.tenant_id)


def _administered_job(user: User, job_id: object) -> JobExecutionLog:
    job = JobExecutionLog.objects.find(user, str(job_id))
    user.check_administers(job.tenant_id)
    return job
