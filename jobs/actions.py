"""Users' actions on jobs: submit, retry, cancel. Each action is one transaction with its event and audit entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils import timezone

from accounts.models import User
from audit import actions as audit
from audit.actions import actor_name
from audit.models import Action
from common.compiled_sql import insert
from jobs import exceptions
from jobs.clock import Now
from jobs.models import JobEvent, JobExecutionLog
from jobs.notices import events
from jobs.queue import broker
from jobs.queue.admission import Admission
from jobs.queue.idempotency import Idempotency
from jobs.queue.new_jobs import bind_to, enqueue, new_job_of, plan_of, run_as_before, validate
from jobs.results.downloads import downloadable_artifact
from jobs.results.wanted_files import format_errors, section_of_files
from jobs.splitting.actions import split_again
from jobs.status import Status
from reports.choices.checking import check_choices
from reports.exceptions import InvalidParameters, ReportNotFound
from reports.models import ReportConfiguration, ReportVersion
from reports.parameters.date_math import Moment
from reports.parameters.values import to_json
from reports.targets.models import DeliveryTarget

Mode = DeliveryTarget.Mode
#: Sent with `job`, which has failed, and the `new_job` that takes its place, in the transaction of the retry.
job_retried = Signal()


class Submission(NamedTuple):
    """A submitted job. `is_replay`: an earlier request with the same Idempotency-Key created it.

    `is_reused`: it is an earlier one whose result is new enough.
    """

    job: JobExecutionLog
    is_replay: bool
    is_reused: bool = False


def submit(
    *,
    report: ReportConfiguration,
    actor: User,
    parameters: Mapping[str, object],
    format: str | None = None,
    formats: Sequence[str] | None = None,
    max_age: int | None = None,
    deliver: bool = False,
    notify: bool = False,
    locale: str = "",
    section: str | None = None,
    from_text: bool = False,
    moment: Moment | None = None,
    mode: Mode | None = Mode.ASYNCHRONOUS,
    idempotency: Idempotency | None = None,
) -> Submission:
    """Queue a run of the report's current version. Job, event, audit entry and queue message are one transaction.

    The result has all `formats`, or one `format`, by default the report's first; in the `locale` of the report or its
    tenant by default, and with its first `section` where files have one. `max_age`: return a job that already has the
    user's result, read at most this many seconds ago. `deliver`: send the result to the report's targets on request.
    `notify`: send the user a mail when the job has ended. `from_text`: the parameters are texts from a form. Relative
    dates are resolved against `moment`, by default now in the report's time zone. `mode`: how a caller of the API gets
    the result; None for others. `idempotency`: return the job of the same request under this key.

    Raise CallerAttributeMissing, ReportNotAsynchronous, ReportNotSynchronous, InvalidParameters, ChoicesUnavailable,
    TooManyJobs, QueueUnavailable, IdempotencyConflict, or ReportNotFound if the report was deleted meanwhile.
    """
    if idempotency and (earlier := _earlier_job(report, actor, idempotency)):
        return Submission(earlier, is_replay=True)
    version = report.version
    if mode is not None:
        check_mode(report, mode)
    broker.ping()
    job = new_job_of(version, report, actor)
    bind_to(job, version, actor)
    _check_addresses(version, actor, deliver=deliver, notify=notify)
    moment = moment or report.moment(timezone.now())
    values = validate(job, version, format, formats, section, parameters, moment, from_text, locale)
    job.parameters, job.parameter_labels = to_json(values), check_choices(version, values, actor=actor)
    job.requested_parameters = _given(parameters) if from_text else dict(parameters)
    job.deliver, job.locale, job.notify = deliver, locale or None, actor if notify else None
    if max_age is not None and not deliver and (recent := _recent(job, max_age)):
        return Submission(recent, is_replay=False, is_reused=True)
    if idempotency:
        job.idempotency_key, job.request_fingerprint = idempotency.key, idempotency.fingerprint
    try:
        with transaction.atomic():
            job.turn = _admitted(job)
            enqueue(job, actor, Action.JOB_GENERATE, {"report": report.slug, "version": version.number})
    except IntegrityError:
        # Either the report was deleted since it was read, or a concurrent request with the same key was faster.
        if _is_deleted(report):
            raise ReportNotFound from None
        if idempotency and (earlier := _earlier_job(report, actor, idempotency)):
            return Submission(earlier, is_replay=True)
        raise
    return Submission(job, is_replay=False)


def check_mode(report: ReportConfiguration, mode: Mode) -> None:
    """Raise ReportNotAsynchronous or ReportNotSynchronous if the report has no API target in this mode."""
    if mode not in report.version.modes:
        raise exceptions.ReportNotSynchronous if mode == Mode.SYNCHRONOUS else exceptions.ReportNotAsynchronous


def retry(*, job: JobExecutionLog, actor: User | str, requested_by: User | None = None) -> JobExecutionLog:
    """Queue a new job with the failed job's version, parameters and formats. The failed job doesn't change.

    It is the actor's, or that of the user whom it was `requested_by`.
    Raise JobNotFailed, JobAlreadyRetried, ReportConfigurationMissing or QueueUnavailable.
    """
    if job.status != Status.FAILED:
        raise exceptions.JobNotFailed
    if job.report is None or job.version is None:
        raise exceptions.ReportConfigurationMissing
    broker.ping()
    new_job = new_job_of(job.version, job.report, requested_by or actor)
    new_job.formats, new_job.parameters, new_job.retry_of = job.formats, job.parameters, job
    new_job.requested_parameters, new_job.is_scheduled = job.requested_parameters, job.is_scheduled
    new_job.deliver, new_job.parameter_labels, new_job.locale = job.deliver, job.parameter_labels, job.locale
    new_job.section, new_job.converted_from, new_job.notify_id = job.section, job.converted_from, job.notify_id
    new_job.split_from = job.split_from
    run_as_before(new_job, job)
    try:
        with transaction.atomic():
            record_event(job, JobEvent.Kind.RETRIED, {"newJobId": str(new_job.pk), "actor": actor_name(actor)})
            details = {"originalJobId": str(job.pk), "newJobId": str(new_job.pk)}
            enqueue(new_job, actor, Action.JOB_RETRY, details, target=job, plan=plan_of(job))
            split_again(job, new_job)
            job_retried.send(JobExecutionLog, job=job, new_job=new_job)
    except IntegrityError:
        # Either a foreign key failed, or `retry_of`, which is unique: two clicks must not create two jobs.
        if _is_deleted(job.report):
            raise exceptions.ReportConfigurationMissing from None
        earlier = JobExecutionLog.objects.filter(retry_of=job).first()
        if earlier is None:
            raise
        raise exceptions.JobAlreadyRetried(jobId=str(earlier.pk)) from None
    return new_job


def convert(*, job: JobExecutionLog, actor: User, format: str, section: str | None = None) -> JobExecutionLog:
    """Queue a job that renders the kept rows of this one in another format, without reading the source.

    In a format that has one section of a report, it is `section`, by default the one of this job, or else the first.

    Raise CallerAttributesChanged, ResultNotReady, ResultOfFailedJob, JobNotFound, RowsNotKept,
    ReportConfigurationMissing, InvalidParameters, TooManyJobs or QueueUnavailable.
    """
    if downloadable_artifact(job, actor).kept is None:
        raise exceptions.RowsNotKept
    if job.report is None or job.version is None:
        raise exceptions.ReportConfigurationMissing
    if errors := format_errors(job.version, format, None, section):
        raise InvalidParameters(errors)
    broker.ping()
    new_job = new_job_of(job.version, job.report, actor)
    new_job.formats, new_job.converted_from = [format], job.pk
    new_job.section = section_of_files(job.version, [format], section or job.section)
    new_job.parameters, new_job.requested_parameters = job.parameters, job.requested_parameters
    new_job.parameter_labels, new_job.locale = job.parameter_labels, job.locale
    run_as_before(new_job, job)
    try:
        with transaction.atomic():
            new_job.turn = _admitted(new_job)
            details = {"originalJobId": str(job.pk), "newJobId": str(new_job.pk), "format": format}
            enqueue(new_job, actor, Action.JOB_CONVERT, details, target=job)
    except IntegrityError:
        if _is_deleted(job.report):
            raise exceptions.ReportConfigurationMissing from None
        raise
    return new_job


def cancel(*, job: JobExecutionLog, actor: User | str) -> None:
    """End a queued job now; let the worker of a running job end it, within seconds. Raise JobAlreadyEnded."""
    name = actor_name(actor)
    current = JobExecutionLog.objects.filter(pk=job.pk)
    with transaction.atomic():
        # Locked, because a job that is claimed or released between two of these statements would match neither.
        current.select_for_update().values_list("pk").first()
        if current.filter(status=Status.QUEUED).update(
            status=Status.FAILED,
            ended_at=Now(),
            cancel_requested_at=Now(),
            cancel_requested_by=name,
            error_code="cancelled",
            error_message=f"The job was cancelled by {name}.",
        ):
            record_event(job, JobEvent.Kind.FAILED, {"code": "cancelled", "actor": name})
            events.job_ended(job, error=f"The job was cancelled by {name}.")
        elif current.filter(status=Status.RUNNING, cancel_requested_at=None).update(
            cancel_requested_at=Now(), cancel_requested_by=name
        ):
            record_event(job, JobEvent.Kind.CANCEL_REQUESTED, {"actor": name})
        elif current.filter(status=Status.RUNNING).exists():
            return  # Cancellation was already requested.
        else:
            raise exceptions.JobAlreadyEnded
        audit.record(Action.JOB_CANCEL, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk))


def record_event(job: JobExecutionLog, kind: JobEvent.Kind, details: Mapping[str, object] | None = None) -> None:
    """Add an event to the job's timeline."""
    insert(JobEvent.of(job, kind, details))


def _earlier_job(report: ReportConfiguration, actor: User, idempotency: Idempotency) -> JobExecutionLog | None:
    """Return the job that the same request created earlier. Raise IdempotencyConflict if it was another request."""
    jobs = JobExecutionLog.objects.filter(requested_by=actor, report=report, idempotency_key=idempotency.key)
    job = jobs.first()
    if job and job.request_fingerprint != idempotency.fingerprint:
        raise exceptions.IdempotencyConflict
    return job


def _admitted(job: JobExecutionLog) -> int:
    """Return the job's turn in the queue. Raise TooManyJobs."""
    admission = Admission.of(job)
    admission.check_limits()
    return admission.turn


def _check_addresses(version: ReportVersion, actor: User, *, deliver: bool, notify: bool) -> None:
    """Raise InvalidParameters if there is no address to which something is to be sent."""
    errors: dict[str, list[str]] = {}
    if deliver and not version.has_outbound_delivery:
        errors["deliver"] = ["This report has no addresses, webhooks or file shares to send to."]
    if notify and not actor.email:
        errors["notify"] = ["Your account has no e-mail address."]
    if errors:
        raise InvalidParameters(errors)


def _recent(job: JobExecutionLog, max_age: int) -> JobExecutionLog | None:
    """Return an earlier job with the result that this one would have. Tells the user, if that was asked for."""
    recent: JobExecutionLog | None = JobExecutionLog.objects.recent_like(job, max_age)
    if recent and job.notify:
        with transaction.atomic():
            events.tell_user_again(recent, job.notify)
    return recent


def _is_deleted(report: ReportConfiguration) -> bool:
    return not ReportConfiguration.objects.filter(pk=report.pk).exists()


def _given(texts: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a form that aren't empty."""
    return {name: text for name, text in texts.items() if text not in ("", None, [])}
