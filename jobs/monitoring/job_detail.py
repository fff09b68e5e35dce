"""Details on a job's page besides the job itself: its attempts, retries, parameters and similar failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from jobs.models import JobEvent, JobExecutionLog
from jobs.status import Status
from reports.definitions.from_database import version_entry
from reports.editing.differences import Difference, changed_fields, differences
from reports.forms import PREFIX
from reports.models import ReportVersion
from reports.parameters.date_math import is_relative
from reports.rendering import ONE_SECTION

#: Similar failures are counted up to this number.
MAX_SIMILAR = 1000
#: A chain of retries is followed so far in either direction.
_MAX_RETRIES = 10
#: What people call the phases of an attempt, in their order.
_PHASES = {
    "connect": _("connecting"),
    "firstRow": _("first row"),
    "read": _("reading"),
    "render": _("rendering"),
    "publish": _("publishing"),
}
#: How an attempt ended, by the event that ended it.
_OUTCOMES: dict[str, str] = {
    JobEvent.Kind.SUCCEEDED: "succeeded",
    JobEvent.Kind.FAILED: "failed",
    JobEvent.Kind.REQUEUED: "failed",
}


def attempt_seconds(job: JobExecutionLog) -> float | None:
    """Return how long the last attempt took or has taken so far; None if the job waits for an attempt."""
    if job.started_at is None or job.status == Status.QUEUED:
        return None
    return ((job.ended_at or timezone.now()) - job.started_at).total_seconds()


@dataclass
class Attempt:
    """One attempt: how long the job waited for it and how long it ran, in seconds.

    The last three place it on a bar that represents all attempts, in percent of the bar's length.
    """

    number: int
    waited: float
    ran: float
    outcome: str
    start: float = 0
    wait_percent: float = 0
    run_percent: float = 0


def attempts(job: JobExecutionLog, events: list[JobEvent]) -> list[Attempt]:
    """Return the attempts that the job's events describe, the first one first."""
    found: list[Attempt] = []
    waiting_since = job.queued_at
    claimed: JobEvent | None = None
    for event in events:
        if event.kind == JobEvent.Kind.CLAIMED:
            claimed = event
        elif claimed and event.kind in _OUTCOMES:
            found.append(_attempt(claimed, waiting_since, event.at, _OUTCOMES[event.kind]))
            waiting_since, claimed = event.at, None
    if claimed:
        found.append(_attempt(claimed, waiting_since, timezone.now(), "running"))

    total = sum(attempt.waited + attempt.ran for attempt in found) or 1
    start = 0.0
    for attempt in found:
        attempt.start = start
        attempt.wait_percent, attempt.run_percent = 100 * attempt.waited / total, 100 * attempt.ran / total
        start += attempt.wait_percent + attempt.run_percent
    return found


def _attempt(claimed: JobEvent, waiting_since: datetime, end: datetime, outcome: str) -> Attempt:
    # The end of a running attempt is by this host's clock, the rest by the database's: a difference can be negative.
    waited, ran = (claimed.at - waiting_since).total_seconds(), (end - claimed.at).total_seconds()
    return Attempt(claimed.attempt, max(waited, 0), max(ran, 0), outcome)


def phases(events: list[JobEvent]) -> list[tuple[str, float]]:
    """Return what the attempt that succeeded spent its time on, and how many seconds; empty if none has."""
    seconds: dict[str, float] = next((event.details["phases"] for event in events if "phases" in event.details), {})
    return [(str(title), seconds[phase]) for phase, title in _PHASES.items() if phase in seconds]


def retry_chain(job: JobExecutionLog) -> list[JobExecutionLog]:
    """Return the job with those it is a retry of and its own retries, the first one first; empty if it has neither."""
    jobs = JobExecutionLog.objects.defer("error_trace")
    earlier: list[JobExecutionLog] = []
    original_id = job.retry_of_id
    while original_id and len(earlier) < _MAX_RETRIES:
        earlier.append(jobs.get(pk=original_id))
        original_id = earlier[-1].retry_of_id
    later: list[JobExecutionLog] = []
    retry = job.retry_job
    while retry and len(later) < _MAX_RETRIES:
        later.append(retry)
        retry = jobs.filter(retry_of=retry).first()
    return [*reversed(earlier), job, *later] if earlier or later else []


def similar_failures(user: User, job: JobExecutionLog) -> int:
    """Count the visible jobs that failed with the same error, this one included; MAX_SIMILAR + 1 means more."""
    if not job.error_fingerprint:
        return 0
    similar = JobExecutionLog.objects.visible_to(user).with_fingerprints([job.error_fingerprint])
    return similar.order_by()[: MAX_SIMILAR + 1].count()


class JobParameter(NamedTuple):
    """A parameter of a job, with None for NULL. `requested`: the relative date that was sent; "" if none was.

    `label`: what people see in place of a value that was chosen from a query; None otherwise.
    """

    title: str
    value: object
    requested: str
    label: str | list[str] | None


def titled_parameters(job: JobExecutionLog) -> list[JobParameter]:
    """Return the parameters that the version declares. Those that it doesn't declare go by their names."""
    titles = {parameter.name: parameter.title for parameter in job.version.declared_parameters()} if job.version else {}
    undeclared = [name for name in job.parameters if name not in titles]
    return [
        JobParameter(
            titles.get(name, name),
            job.parameters.get(name),
            _relative_dates(job, name),
            job.parameter_labels.get(name),
        )
        for name in [*titles, *undeclared]
    ]


def _relative_dates(job: JobExecutionLog, name: str) -> str:
    sent, value = job.sent_parameters.get(name), job.parameters.get(name)
    # The text "now" is a relative date only if a date came of it.
    differs = sent != value and is_relative(sent[0] if sent and isinstance(sent, list) else sent)
    return (", ".join(map(str, sent)) if isinstance(sent, list) else str(sent)) if differs else ""


def convertible_formats(job: JobExecutionLog) -> list[str]:
    """Return the formats of the version that the job's kept rows can be converted into."""
    if job.result is None or job.result.kept is None or job.version is None or job.report_id is None:
        return []
    # Those that have one section can be made of any other one.
    again = ONE_SECTION if job.version.sections else frozenset()
    return [format for format in job.version.formats if format not in job.formats or format in again]


def rerun_query(job: JobExecutionLog) -> str:
    """Return the query string that fills the report's form with this job's parameters and format."""
    return _form_query(job, job.parameters)


def repeat_query(job: JobExecutionLog) -> str:
    """As `rerun_query`, with the parameters as they were sent: relative dates stay relative."""
    return f"{urlencode([('formats', format) for format in job.formats])}&{_form_query(job, job.sent_parameters)}"


def _form_query(job: JobExecutionLog, parameters: Mapping[str, Any]) -> str:
    fields = [("format", job.format), *([("section", job.section)] if job.section else [])]
    for name, value in parameters.items():
        for item in value if isinstance(value, list) else [value]:
            text = "" if item is None else str(item)
            # As the form's fields expect it: a datetime-local field takes no offset, and its times are in UTC.
            text = text.lower() if isinstance(item, bool) else text.removesuffix("Z")
            fields.append((PREFIX + name, text))
    return urlencode(fields)


class Changes(NamedTuple):
    """The differences between the report's current version and the one that the job ran."""

    number: int
    fields: list[str]
    differences: list[Difference]


def changes_since(job: JobExecutionLog) -> Changes | None:
    """Return None if the job ran the current version, or if either version no longer exists."""
    if job.version is None or job.report_id is None:
        return None
    current = ReportVersion.objects.filter(current_of=job.report_id).first()
    if current is None or current.pk == job.version.pk:
        return None
    changes = differences(version_entry(job.version), version_entry(current))
    return Changes(current.number, changed_fields(changes), changes)
