"""What a job's page tells beyond the row: times of attempts, retries, what changed since, failures of the same kind."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from accounts.models import User
from jobs.models import JobEvent, JobExecutionLog
from jobs.results import downloads
from reports.definitions.from_database import version_entry
from reports.editing.differences import Difference, changed_fields, differences
from reports.forms import PREFIX
from reports.models import ReportVersion

#: Formats whose first rows are text.
PREVIEWED = ("csv", "ndjson", "json")
_PREVIEW_BYTES, _PREVIEW_ROWS, _PREVIEW_COLUMNS = 16_384, 12, 12
_MOST_RETRIES = 10
#: Similar failures are counted up to this number.
MOST_SIMILAR = 1000


@dataclass(frozen=True)
class Attempt:
    """One try: how long the job waited for it and how long it ran, in seconds and as shares of the whole time."""

    number: int
    waited: float
    ran: float
    outcome: str
    start: float = 0
    wait_share: float = 0
    run_share: float = 0


def attempts(job: JobExecutionLog, events: list[JobEvent]) -> list[Attempt]:
    """From the job's events, the first one first."""
    found: list[Attempt] = []
    free_since: datetime = job.queued_at
    claimed: JobEvent | None = None
    for event in events:
        if event.kind == JobEvent.Kind.CLAIMED:
            claimed = event
        elif claimed and event.kind in _ENDS:
            found.append(_attempt(claimed, free_since, event.at, _ENDS[event.kind]))
            free_since, claimed = event.at, None
    if claimed:
        found.append(_attempt(claimed, free_since, timezone.now(), "running"))
    return _scaled(found)


_ENDS: dict[str, str] = {
    JobEvent.Kind.SUCCEEDED: "succeeded",
    JobEvent.Kind.FAILED: "failed",
    JobEvent.Kind.REQUEUED: "failed",
}


def _attempt(claimed: JobEvent, free_since: datetime, end: datetime, outcome: str) -> Attempt:
    second = timedelta(seconds=1)
    waited, ran = (claimed.at - free_since) / second, (end - claimed.at) / second
    return Attempt(claimed.attempt, max(waited, 0), max(ran, 0), outcome)


def _scaled(found: list[Attempt]) -> list[Attempt]:
    whole, start, scaled = sum(one.waited + one.ran for one in found) or 1, 0.0, []
    for one in found:
        wait, run = 100 * one.waited / whole, 100 * one.ran / whole
        scaled.append(Attempt(one.number, one.waited, one.ran, one.outcome, start, wait, run))
        start += wait + run
    return scaled


def retry_chain(job: JobExecutionLog) -> list[JobExecutionLog]:
    """The job with those it is a retry of and those it was retried as, the first one first; empty without any."""
    before: list[JobExecutionLog] = []
    after: list[JobExecutionLog] = []
    one = job
    while one.retry_of_id and len(before) < _MOST_RETRIES:
        one = JobExecutionLog.objects.defer("error_trace").get(pk=one.retry_of_id)
        before.append(one)
    again: JobExecutionLog | None = job.retry_job
    while again and len(after) < _MOST_RETRIES:
        after.append(again)
        again = JobExecutionLog.objects.filter(retry_of=again).defer("error_trace").first()
    return [*reversed(before), job, *after] if before or after else []


def similar_failures(user: User, job: JobExecutionLog) -> int:
    """Count the visible jobs that failed with the same error, this one included; at most MOST_SIMILAR + 1."""
    if not job.error_fingerprint:
        return 0
    same = JobExecutionLog.objects.visible_to(user).with_fingerprints([job.error_fingerprint])
    return same.order_by()[: MOST_SIMILAR + 1].count()


def rerun_query(job: JobExecutionLog) -> str:
    """The query string that fills the report's form with this job's parameters and format."""
    given: list[tuple[str, str]] = [("format", job.format)]
    for name, value in job.parameters.items():
        values = value if isinstance(value, list) else [value]
        given += [(PREFIX + name, _as_text(one)) for one in values]
    return urlencode(given)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix("Z")


@dataclass(frozen=True)
class Changes:
    """How the report's current version differs from the one that the job ran."""

    number: int
    fields: list[str]
    found: list[Difference]


def changes(job: JobExecutionLog) -> Changes | None:
    """None when the job ran the current version, or when either is gone."""
    ran = job.version
    if ran is None or job.report_id is None:
        return None
    now = ReportVersion.objects.filter(current_of=job.report_id).first()
    if now is None or ran.pk == now.pk:
        return None
    found = differences(version_entry(ran), version_entry(now))
    return Changes(now.number, changed_fields(found), found)


def preview(*, job: JobExecutionLog, actor: User) -> list[list[str]]:
    """The first rows of a result that is text, as a table; audited like a download, since data is read."""
    head = downloads.first_bytes(job, actor, _PREVIEW_BYTES)
    lines = head.decode("utf-8-sig", "replace").splitlines()
    # The last line may be cut off in its middle.
    whole = lines[:-1] if len(head) == _PREVIEW_BYTES and len(lines) > 1 else lines
    return _table(job.format, whole[: _PREVIEW_ROWS + 1])


def _table(format: str, lines: list[str]) -> list[list[str]]:
    if format == "csv":
        dialect = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=dialect))
        return [[cell[:200] for cell in row[:_PREVIEW_COLUMNS]] for row in rows]
    found = [row for line in lines if (row := _object(line))]
    names = list(dict.fromkeys(name for row in found for name in row))[:_PREVIEW_COLUMNS]
    return [names, *([str(row.get(name, ""))[:200] for name in names] for row in found)] if found else []


def _object(line: str) -> dict[str, Any] | None:
    """A line of NDJSON, or of a JSON array of one object per line."""
    try:
        row = json.loads(line.strip().removeprefix("[").removesuffix("]").removesuffix(","))
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
