"""New jobs: what they are made of, and how they get into the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from accounts.localization import NO_SUCH_LOCALE, is_locale
from accounts.models import User
from audit import actions as audit
from audit.actions import PendingEntry, actor_name
from audit.models import Action
from common.api import tracing
from common.compiled_sql import insert
from jobs.clock import Now
from jobs.models import DeliveryPlan, JobEvent, JobExecutionLog
from jobs.queue import broker
from jobs.queue.admission import Admission
from jobs.results.wanted_files import format_errors, section_of_files
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration, ReportVersion
from reports.parameters.caller import caller_values, to_stored
from reports.parameters.date_math import Moment
from reports.parameters.values import TypedValue, typed_values

#: Rows of one statement.
_BATCH = 200
#: Messages that are sent for jobs that are queued together. Workers that end a job, and reconcilers, send others.
_MOST_MESSAGES = 32


def new_job_of(version: ReportVersion, report: ReportConfiguration, actor: User | str) -> JobExecutionLog:
    """Return a job that isn't stored yet, without formats and parameters."""
    return JobExecutionLog(
        tenant_id=report.tenant_id,
        report=report,
        version=version,
        report_uuid=report.pk,
        report_slug=report.slug,
        report_name=version.name,
        version_number=version.number,
        requested_by=actor if isinstance(actor, User) else None,
        requested_by_name=actor_name(actor),
        key_name=actor.key.name if isinstance(actor, User) and actor.key else None,
        concurrency_key=report.pk if report.version.max_running else None,
        max_attempts=version.max_attempts,
        timeout_seconds=version.timeout_seconds,
        queued_at=Now(),
        available_at=Now(),
        notified_at=Now(),
    )


def plan_of(job: JobExecutionLog) -> DeliveryPlan | None:
    """Return what a job of a schedule sends, for its retry."""
    plan = DeliveryPlan.objects.filter(job=job).first() if job.is_scheduled else None
    if plan:
        plan.pk = None
    return plan


def bind_to(job: JobExecutionLog, version: ReportVersion, identity: User) -> None:
    """Give the job the attributes of that user which the version's queries use. Raise CallerAttributeMissing."""
    if version.caller_names:
        job.caller_values = to_stored(caller_values(identity, version.caller_names))
        job.ran_as, job.ran_as_name = identity, identity.username


def run_as_before(new_job: JobExecutionLog, job: JobExecutionLog) -> None:
    """Keep as whom the job runs, whoever asks for the new one: nobody else may see its rows."""
    new_job.ran_as, new_job.ran_as_name, new_job.caller_values = job.ran_as, job.ran_as_name, job.caller_values


def validate(
    job: JobExecutionLog,
    version: ReportVersion,
    format: str | None,
    formats: Sequence[str] | None,
    section: str | None,
    parameters: Mapping[str, object],
    moment: Moment,
    from_text: bool,
    locale: str = "",
) -> dict[str, TypedValue]:
    """Set the job's formats and section, and return the values of the parameters.

    Raise InvalidParameters with all errors of both.
    """
    errors: dict[str, list[str]] = {}
    values: dict[str, TypedValue] = {}
    try:
        declared = version.declared_parameters()
        values = typed_values(declared, parameters, moment, rules=version.rules, from_text=from_text)
    except InvalidParameters as error:
        errors = error.fields
    # A parameter may have the same name.
    for name, sentences in format_errors(version, format, formats, section).items():
        errors.setdefault(name, []).extend(sentences)
    if locale and not is_locale(locale):
        errors.setdefault("locale", []).append(NO_SUCH_LOCALE)
    if errors:
        raise InvalidParameters(errors)
    job.formats = list(formats or [format or version.formats[0]])
    job.section = section_of_files(version, job.formats, section)
    return values


def enqueue(
    job: JobExecutionLog,
    actor: User | str,
    action: Action,
    details: Mapping[str, object],
    target: JobExecutionLog | None = None,
    plan: DeliveryPlan | None = None,
) -> None:
    """Insert the job with its plan, notify the workers and audit the action, by default as done to the job itself."""
    job.assign_turn()
    insert(job)
    if plan and plan.is_needed:
        plan.job = job
        plan.save(force_insert=True)
    insert(_queued(job, actor))
    broker.notify()
    # Last: from here to the commit, everybody else who writes to the audit log waits.
    audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", (target or job).pk), details=details)


class NewJob(NamedTuple):
    """A job to enqueue, what it sends, and what is added to its audit entry."""

    job: JobExecutionLog
    plan: DeliveryPlan | None
    details: Mapping[str, object]


def enqueue_all(new: Sequence[NewJob], actor: User | str, action: Action) -> None:
    """Do for jobs of one report and one user what `enqueue` does for each, with few statements."""
    if not new:
        return
    jobs = [each.job for each in new]
    admission = Admission.of(jobs[0])
    for at, job in enumerate(jobs):
        job.turn = admission.turn + at * admission.step
    JobExecutionLog.objects.bulk_create(jobs, batch_size=_BATCH)
    plans = []
    for job, plan, _details in new:
        if plan and plan.is_needed:
            plan.job = job
            plans.append(plan)
    DeliveryPlan.objects.bulk_create(plans, batch_size=_BATCH)
    JobEvent.objects.bulk_create([_queued(job, actor) for job in jobs], batch_size=_BATCH)
    for _ in jobs[:_MOST_MESSAGES]:
        broker.notify()
    entries = [PendingEntry(action, job.tenant_id, ("job", job.pk), details) for job, _plan, details in new]
    audit.record_all(entries, actor)


def _queued(job: JobExecutionLog, actor: User | str) -> JobEvent:
    trace = tracing.current.get()
    return JobEvent.of(
        job, JobEvent.Kind.QUEUED, {"actor": actor_name(actor), **({"trace": list(trace)} if trace else {})}
    )
