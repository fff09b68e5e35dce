"""Comparing two results of a report by their kept rows."""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from audit import actions as audit
from audit.models import Action
from common.children.client import ChildFailed, TaskError, children
from common.children.fair_queue import Caller
from common.children.messages import ChildLimits
from jobs.exceptions import ComparisonFailed, RowsNotKept
from jobs.models import JobExecutionLog
from jobs.results import kept_rows
from jobs.results.downloads import downloadable_artifact
from reports.exceptions import InvalidParameters
from reports.kept_rows.comparison import Change, CompareQuery, Comparison, compare

_LIMITS = ChildLimits(seconds=30, result_bytes=64 << 20)


class Wanted(NamedTuple):
    """Which differences to return: from `offset` on, at most `limit`, of one kind, or all; in a section, if there are.

    `as_json`: with values as the json format writes them, in place of those of documents.
    """

    offset: int = 0
    limit: int = 25
    change: Change | None = None
    section: str | None = None
    as_json: bool = False


class Compared(NamedTuple):
    """The two jobs in order of time, what differs, and whether one of the results lacks rows."""

    later: JobExecutionLog
    earlier: JobExecutionLog
    comparison: Comparison
    is_truncated: bool


def compare_results(*, job: JobExecutionLog, other: JobExecutionLog, actor: User, wanted: Wanted) -> Compared:
    """Compare the results of two jobs that the actor can see. Audited for both, since data is read.

    Raises ResultNotReady, ResultOfFailedJob, JobNotFound, RowsNotKept, InvalidParameters, ComparisonFailed,
    StorageUnavailable or CallerAttributesChanged.
    """
    if job.pk == other.pk or job.report_id is None or job.report_id != other.report_id:
        raise InvalidParameters({"with": ["Must be another job of the same report."]})
    earlier, later = sorted((job, other), key=lambda each: (each.started_at or each.queued_at, each.pk))
    artifacts = [downloadable_artifact(each, actor) for each in (later, earlier)]
    section = _common_section(later, earlier, wanted.section)
    try:
        paths = [
            str(kept_rows.local_path(each, found)) for each, found in zip((later, earlier), artifacts, strict=True)
        ]
    except RowsNotKept:
        raise RowsNotKept("The rows of one of these results weren't kept, so they can't be compared.") from None
    query = CompareQuery(
        later=paths[0],
        earlier=paths[1],
        section=section,
        keys=_keys(later, section),
        change=wanted.change or "",
        offset=wanted.offset,
        limit=wanted.limit,
        options=kept_rows.options_of_columns(later, section),
        locale="" if wanted.as_json else kept_rows.locale_of(later),
    )
    found = _run(query, actor)
    with transaction.atomic():
        for each, against in ((later, earlier), (earlier, later)):
            details = {"comparedWith": str(against.pk)}
            audit.record(
                Action.ROWS_READ, actor=actor, tenant_id=each.tenant_id, target=("job", each.pk), details=details
            )
    return Compared(later, earlier, found, any(found.truncated for found in artifacts))


def _run(query: CompareQuery, actor: User) -> Comparison:
    try:
        return children.run(compare, query, caller=Caller(str(actor.tenant_id), actor.username), limits=_LIMITS)
    except (ChildFailed, TaskError) as error:
        raise ComparisonFailed from error


def _common_section(later: JobExecutionLog, earlier: JobExecutionLog, name: str | None) -> str | None:
    section = kept_rows.section_to_show(later, name)
    names = earlier.version.section_queries if earlier.version else {}
    if (section is None) != (not names):
        raise InvalidParameters({"with": ["Only one of these results has sections, so they can't be compared."]})
    if section is not None and section not in names:
        raise InvalidParameters({"section": ["Only one of these results has this section."]})
    return section


def _keys(job: JobExecutionLog, section: str | None) -> tuple[str, ...]:
    """The columns that identify a row: those that the report names now, so that earlier results have them as well."""
    version = (job.report.current if job.report else None) or job.version
    if version is None:
        return ()
    if section is None:
        return tuple(version.options.get("compare_by", ()))
    return next((each.compare_by for each in version.sections if each.name == section), ())
