"""Rows that were kept beside a result: reading them, page by page, and finding those that a conversion renders."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from accounts.localization import DEFAULT
from accounts.models import User
from audit import actions as audit
from audit.models import Action
from common.children.client import ChildFailed, TaskError, children
from common.children.fair_queue import Caller
from common.children.messages import ChildLimits
from jobs.exceptions import ResultMissing, ResultPurged, RowsBusy, RowsGone, RowsNotKept, StorageUnavailable
from jobs.models import Artifact, JobExecutionLog
from jobs.results import rows_copies
from jobs.results.downloads import downloadable_artifact
from jobs.results.opening import name_of, open_result
from jobs.results.publishing import NamedFile, StoredFile
from jobs.results.wanted_files import unknown_section
from reports.exceptions import InvalidParameters
from reports.kept_rows.mail_preview import MailPreview, mail_preview
from reports.kept_rows.page import RowsPage, RowsQuery, json_page, text_page
from reports.rendering.base import totals_options
from reports.rendering.columns.options import ColumnOptions, column_options
from reports.rendering.columns.views import label_of

log = logging.getLogger(__name__)
MAX_LIMIT = 1_000
_LIMITS = ChildLimits(seconds=20, result_bytes=160 << 20)


class Wanted(NamedTuple):
    """Which rows to read: from `offset` on, at most `limit`. `sort`: a column, after a minus for descending order.

    `section`: None if the report has no sections.
    """

    offset: int = 0
    limit: int = 100
    sort: str = ""
    search: str = ""
    section: str | None = None


def section_to_show(job: JobExecutionLog, name: str | None) -> str | None:
    """Return the section with this name; without a name, that of the job's files, or else the report's first.

    Raises InvalidParameters.
    """
    if name is not None and (sentence := unknown_section(job.version, name)):
        raise InvalidParameters({"section": [sentence]})
    names = list(job.version.section_queries) if job.version else []
    return name or job.section or (names[0] if names else None)


def read_page(*, job: JobExecutionLog, actor: User, wanted: Wanted, as_json: bool) -> RowsPage:
    """Return the rows, as JSON or for a page. Audited, since data is read.

    Raises ResultNotReady, ResultOfFailedJob, JobNotFound, RowsNotKept, InvalidParameters, RowsBusy or
    StorageUnavailable.
    """
    path = local_path(job, downloadable_artifact(job, actor))
    descending = wanted.sort.startswith("-")
    query = RowsQuery(
        path=str(path),
        offset=wanted.offset,
        limit=wanted.limit,
        sort=wanted.sort.removeprefix("-") if wanted.sort else None,
        descending=descending,
        search=wanted.search,
        section=wanted.section,
    )
    try:
        caller = Caller(str(actor.tenant_id), actor.username)
        page = children.run(json_page if as_json else text_page, query, caller=caller, limits=_LIMITS)
    except (ChildFailed, TaskError) as error:
        # Deleted meanwhile: the row is marked before the file goes.
        if not path.exists():
            raise RowsNotKept from error
        raise RowsBusy from error
    if not page.known_sort:
        names = ", ".join(column.name for column in page.columns)
        raise InvalidParameters({"sort": [f"Must be one of: {names}; with - before it for descending order."]})
    with transaction.atomic():
        audit.record(Action.ROWS_READ, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk))
    return page


def column_labels(job: JobExecutionLog, page: RowsPage, section: str | None) -> list[str]:
    """Return the columns' labels, as the formats for people show them."""
    options = options_of_columns(job, section)
    return [label_of(column.name, options) for column in page.columns]


def options_of_columns(job: JobExecutionLog, section: str | None) -> dict[str, ColumnOptions]:
    """Return what the version that ran says about its columns, by name."""
    options = column_options(job.version.options) if job.version else {}
    for each in job.version.sections if job.version else ():
        if each.name == section:
            options = dict(each.columns)
    return options


def locale_of(job: JobExecutionLog) -> str:
    """Return the locale in which its files write numbers and dates."""
    of_version = job.version.options.get("locale") if job.version else None
    return str(job.locale or of_version or job.tenant.locale or DEFAULT)


def preview_for_mail(job: JobExecutionLog) -> MailPreview | None:
    """Return the first rows and the totals of a result; None if its rows aren't kept or can't be shown now.

    Of a report with sections, those of the one in the files, or else of the first.
    """
    if job.result is None or job.version is None:
        return None
    options, locale = job.version.options, locale_of(job)
    try:
        path = str(local_path(job, job.result))
        caller = Caller(str(job.tenant_id), job.requested_by_name)
        section = section_to_show(job, None)
        columns, totals = column_options(options), totals_options(options)
        for each in job.version.sections:
            if each.name == section:
                columns, totals = dict(each.columns), each.totals
        return children.run(mail_preview, path, section, columns, totals, locale, caller=caller, limits=_LIMITS)
    except (RowsNotKept, StorageUnavailable):
        return None
    except (ChildFailed, TaskError):
        log.warning("A mail has no preview.", exc_info=True, extra={"job_id": str(job.pk)})
        return None


def check(artifact: Artifact) -> StoredFile:
    """Return the file of the kept rows. Raises RowsNotKept."""
    if artifact.kept is None:
        raise RowsNotKept
    return artifact.kept


class ToConvert(NamedTuple):
    """The kept rows that a conversion renders, and why they are incomplete, if they are."""

    rows: NamedFile
    truncated: str | None


def to_convert(original_id: UUID) -> ToConvert:
    """Return the kept rows of this job. Raises RowsGone."""
    original = JobExecutionLog.objects.with_result().filter(pk=original_id).first()
    if original is None or original.result is None or original.result.kept is None:
        raise RowsGone
    kept = original.result.kept
    return ToConvert(NamedFile(name_of(original, original.result, kept), kept), original.result.truncated or None)


def local_path(job: JobExecutionLog, artifact: Artifact) -> Path:
    """Return the path of the kept rows on this host, if they are what was published. Raises RowsNotKept."""
    kept = check(artifact)
    try:
        open_result(job, artifact, kept).close()
        return rows_copies.path(name_of(job, artifact, kept), kept)
    except (ResultMissing, ResultPurged) as error:
        raise RowsNotKept from error
