"""The jobs of schedules. Limits of users don't apply to them, and what they send is up to the schedule."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from accounts.models import User
from audit.models import Action
from jobs.clock import WAITING, Now
from jobs.models import DeliveryPlan, JobExecutionLog
from jobs.queue.new_jobs import NewJob, bind_to, enqueue, enqueue_all, new_job_of, validate
from jobs.status import Status
from reports.choices.checked import checked_labels
from reports.models import ReportConfiguration
from reports.parameters.date_math import Moment
from reports.parameters.values import to_json


def scheduled_job(
    *,
    report: ReportConfiguration,
    owner: User,
    parameters: Mapping[str, object],
    formats: Sequence[str] | None,
    section: str | None,
    moment: Moment,
) -> JobExecutionLog:
    """Return a run for a schedule that isn't queued yet.

    Within a transaction in a function that `looks_up_choices`. Raise InvalidParameters, ChoicesUnavailable,
    CallerAttributeMissing or ReportIncomplete.
    """
    version = report.version
    job = new_job_of(version, report, owner)
    bind_to(job, version, owner)
    values = validate(job, version, None, formats, section, parameters, moment, from_text=False)
    job.parameters, job.parameter_labels = to_json(values), checked_labels(version, values, actor=owner)
    job.requested_parameters, job.is_scheduled = dict(parameters), True
    return job


def enqueue_scheduled(
    job: JobExecutionLog, owner: User, *, waits: bool, details: Mapping[str, object], plan: DeliveryPlan
) -> None:
    """Queue the run of a schedule, in the caller's transaction.

    `waits`: the job isn't claimed before `release_waiting`. `details` are added to the audit entry. `plan`: what it
    sends, without its job; stored unless that is nothing.
    """
    _let_wait([job], waits)
    enqueue(job, owner, Action.JOB_GENERATE, {**_version(job), **details}, plan=plan)


def enqueue_burst(new: Sequence[NewJob], owner: User | str, *, waits: bool) -> None:
    """Queue several runs of one schedule, as `enqueue_scheduled` queues one."""
    _let_wait([each.job for each in new], waits)
    detailed = [each._replace(details={**_version(each.job), **each.details}) for each in new]
    enqueue_all(detailed, owner, Action.JOB_GENERATE)


def release_waiting(job_ids: Collection[UUID]) -> None:
    """Let jobs be claimed that were queued with `waits`. The reconciler notifies the workers."""
    queued = JobExecutionLog.objects.filter(pk__in=job_ids, status=Status.QUEUED)
    queued.update(available_at=Now(), notified_at=None)


def _let_wait(jobs: Sequence[JobExecutionLog], waits: bool) -> None:
    for job in jobs if waits else ():
        job.available_at, job.notified_at = WAITING, None


def _version(job: JobExecutionLog) -> dict[str, object]:
    return {"report": job.report_slug, "version": job.version_number}
