"""What people do with jobs: ask for one, retry, cancel; each one transaction with its event and audit entry."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.models import User
from audit import actions as audit
from audit.actions import actor_name
from audit.models import Action
from common.compiled_sql import insert
from jobs import exceptions
from jobs.clock import Now
from jobs.models import JobEvent, JobExecutionLog
from jobs.queue import broker
from jobs.queue.admission import Admission
from jobs.status import Status
from reports.exceptions import InvalidParameters, ReportNotFound
from reports.models import DeliveryTarget, ReportConfiguration, ReportVersion
from reports.parameters.values import to_json, typed_values

Mode = DeliveryTarget.Mode
#: A tab is the only control character that a header may hold.
_KEY = re.compile(r"[\t\x20-\x7e\xa0-\U0010ffff]{1,255}")


@dataclass(frozen=True)
class Idempotency:
    """The caller's Idempotency-Key, and what tells its request apart from another one under the same key."""

    key: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, body: object) -> Idempotency:
        """From the header's value (bare, or a quoted structured string) and the parsed body."""
        text = _as_sent(key)
        bare = text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text
        if not _KEY.fullmatch(bare):
            raise exceptions.InvalidIdempotencyKey
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
        return cls(bare, hashlib.sha256(canonical.encode()).hexdigest())


def _as_sent(header: str) -> str:
    """The characters of a header's value: UTF-8 where it is that, else Latin-1, which is how WSGI hands it over."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def submit(
    *,
    report: ReportConfiguration,
    actor: User,
    parameters: Mapping[str, object],
    format: str | None = None,
    from_text: bool = False,
    idempotency: Idempotency | None = None,
    mode: Mode | None = Mode.ASYNCHRONOUS,
) -> JobExecutionLog:
    """Queue a run of the report's current version. Job, event, audit entry and queue message are one transaction.

    Without `mode` nobody waits for an answer: then a report that is only sent to people may be run as well.
    ReportNotFound when it was deleted since it was found.
    """
    version = report.version
    if mode is not None or not version.has_outbound_delivery:
        check_mode(report, mode or Mode.ASYNCHRONOUS)
    job = _new_job(version, report, actor)
    job.format, job.parameters = _checked(version, format, parameters, from_text)
    if idempotency:
        job.idempotency_key, job.request_fingerprint = idempotency.key, idempotency.fingerprint
    try:
        with transaction.atomic():
            admission = Admission.of(job)
            admission.check_limits()
            job.turn = admission.turn
            _enqueue(job, actor, Action.JOB_GENERATE, {"report": report.slug, "version": version.number})
    except IntegrityError:
        if _is_gone(report):
            raise ReportNotFound from None
        raise
    return job


def check_mode(report: ReportConfiguration, mode: Mode) -> None:
    """Raise what says so when the report's result is not handed out in this mode."""
    if mode in report.version.modes:
        return
    if mode == Mode.SYNCHRONOUS:
        raise exceptions.ReportNotSynchronous
    raise exceptions.ReportNotAsynchronous


def submit_once(
    *,
    report: ReportConfiguration,
    actor: User,
    parameters: Mapping[str, object],
    format: str | None,
    idempotency: Idempotency,
    from_text: bool = False,
    mode: Mode | None = Mode.ASYNCHRONOUS,
) -> tuple[JobExecutionLog, bool]:
    """As submit, but the same request under the same key makes one job only. Also whether it was made before."""
    if earlier := _replayed(report, actor, idempotency):
        return earlier, True
    try:
        asked = {"parameters": parameters, "format": format, "idempotency": idempotency, "mode": mode}
        job = submit(report=report, actor=actor, from_text=from_text, **asked)  # type: ignore[arg-type]
    except IntegrityError:
        if earlier := _replayed(report, actor, idempotency):
            return earlier, True
        raise
    return job, False


def retry(*, job: JobExecutionLog, actor: User | str) -> JobExecutionLog:
    """Queue the same version, parameters and format again, as a new job. The failed one stays as it is."""
    if job.status != Status.FAILED:
        raise exceptions.JobNotFailed
    if job.report is None or job.version is None:
        raise exceptions.ReportConfigurationMissing
    again = _new_job(job.version, job.report, actor)
    again.format, again.parameters, again.retry_of = job.format, job.parameters, job
    try:
        with transaction.atomic():
            record_event(job, JobEvent.Kind.RETRIED, {"newJobId": str(again.pk), "actor": actor_name(actor)})
            details = {"originalJobId": str(job.pk), "newJobId": str(again.pk)}
            _enqueue(again, actor, Action.JOB_RETRY, details, target=job)
    except IntegrityError:
        if _is_gone(job.report):
            raise exceptions.ReportConfigurationMissing from None
        first = JobExecutionLog.objects.filter(retry_of=job).first()
        if first is None:
            raise
        raise exceptions.JobAlreadyRetried(jobId=str(first.pk)) from None
    return again


def cancel(*, job: JobExecutionLog, actor: User | str) -> None:
    """End a queued job at once; ask the worker of a running one to end it, which it does within seconds."""
    name = actor_name(actor)
    live = JobExecutionLog.objects.filter(pk=job.pk)
    error = {"error_code": "cancelled", "error_message": f"The job was cancelled by {name}."}
    with transaction.atomic():
        if live.filter(status=Status.QUEUED).update(
            status=Status.FAILED, ended_at=Now(), cancel_requested_at=Now(), cancel_requested_by=name, **error
        ):
            record_event(job, JobEvent.Kind.FAILED, {"code": "cancelled", "actor": name})
        elif live.filter(status=Status.RUNNING, cancel_requested_at=None).update(
            cancel_requested_at=Now(), cancel_requested_by=name
        ):
            record_event(job, JobEvent.Kind.CANCEL_REQUESTED, {"actor": name})
        elif live.filter(status=Status.RUNNING).exists():
            return
        else:
            raise exceptions.JobAlreadyEnded
        audit.record(Action.JOB_CANCEL, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk))


def record_event(job: JobExecutionLog, kind: JobEvent.Kind, details: Mapping[str, object] | None = None) -> None:
    """Add to the job's timeline."""
    insert(JobEvent(job=job, at=Now(), kind=kind, attempt=job.attempt, fence=job.fence, details=dict(details or {})))


def _replayed(report: ReportConfiguration, actor: User, idempotency: Idempotency) -> JobExecutionLog | None:
    jobs = JobExecutionLog.objects.filter(requested_by=actor, report=report, idempotency_key=idempotency.key)
    earlier = jobs.first()
    if earlier and earlier.request_fingerprint != idempotency.fingerprint:
        raise exceptions.IdempotencyConflict
    return earlier


def _new_job(version: ReportVersion, report: ReportConfiguration, actor: User | str) -> JobExecutionLog:
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
        concurrency_key=report.pk if report.version.max_running else None,
        max_attempts=version.max_attempts,
        timeout_seconds=version.timeout_seconds,
        queued_at=Now(),
        available_at=Now(),
        notified_at=Now(),
    )


def _checked(
    version: ReportVersion, format: str | None, parameters: Mapping[str, object], from_text: bool
) -> tuple[str, dict[str, object]]:
    """The format and the parameters to store; InvalidParameters with what is wrong with either, all at once."""
    chosen: str = format or version.formats[0]
    faults: dict[str, list[str]] = {}
    values: dict[str, object] = {}
    try:
        values = to_json(typed_values(version.declared_parameters(), parameters, from_text=from_text))
    except InvalidParameters as refused:
        faults = refused.fields
    if chosen not in version.formats:
        faults.setdefault("format", []).append(f"This report is offered as {', '.join(version.formats)}.")
    if faults:
        raise InvalidParameters(faults)
    return chosen, values


def _is_gone(report: ReportConfiguration) -> bool:
    """Whether somebody deleted it since it was found."""
    return not ReportConfiguration.objects.filter(pk=report.pk).exists()


def _enqueue(
    job: JobExecutionLog,
    actor: User | str,
    action: Action,
    details: Mapping[str, object],
    target: JobExecutionLog | None = None,
) -> None:
    job.assign_turn()
    insert(job)
    record_event(job, JobEvent.Kind.QUEUED, {"actor": actor_name(actor)})
    broker.notify(required=True)
    audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", (target or job).pk), details=details)
