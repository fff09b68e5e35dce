"""Builds what the engine runs from a stored version and a job's stored parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from accounts.localization import DEFAULT
from accounts.models import Tenant
from reports import sources
from reports.engine import RunSpec
from reports.kept_rows.pieces import Split
from reports.models import ReportVersion
from reports.parameters.caller import StoredCaller, from_stored
from reports.parameters.values import Labels, display_by_label, display_by_name, stored_values
from reports.rendering.base import LOCALIZED, CsvOptions, Document, Template, totals_options
from reports.rendering.columns.options import column_options
from reports.sources.base import Limits

#: The share of a job's memory for the data source. The rest is for the renderer.
_SOURCE_SHARE = 0.25
#: Limits of compiling a designed document: its share of a job's memory, and seconds.
_DOCUMENT_SHARE, _DOCUMENT_SECONDS = 0.5, 60
#: A report that offers one of these gives out its rows anyway, so that it may keep them.
_KEEPING_FORMATS = frozenset({"csv", "xlsx", "json", "ndjson", "parquet"})
_MAX_FOOTER_BYTES = 64 * 2**20


def build_run_spec(
    version: ReportVersion,
    parameters: Mapping[str, object],
    formats: Sequence[str],
    spill_folder: Path,
    *,
    labels: Labels,
    caller: StoredCaller | None,
    locale: str = "",
    section: str | None = None,
    truncated: str | None = None,
    split: Split | None = None,
    digests_content: bool = False,
) -> RunSpec:
    """Return the run of a version with stored parameters, which were checked when the job was created.

    `labels` are those of values that were chosen from a query; `caller` are the attributes of the user as whom it runs;
    `locale` is that of this run, "" for the report's, else the tenant's; `section`, `truncated` and `split` are as in
    RunSpec.
    """
    options, declared = version.options, version.declared_parameters()
    values = stored_values(declared, parameters)
    # The kernel limits each file of the child to JOB_FILE_BYTES. Rows stop earlier: the end of a file needs room, too.
    max_bytes = settings.JOB_FILE_BYTES - min(_MAX_FOOTER_BYTES, settings.JOB_FILE_BYTES // 16)
    return RunSpec(
        source=version.source(),
        query=version.query,
        queries=version.section_queries,
        section=section,
        values=values | from_stored(caller),
        formats=tuple(formats),
        document=Document(
            title=version.name,
            description=version.description,
            version=version.number,
            generated_at=timezone.now(),
            parameters=display_by_label(declared, values, labels),
            csv=CsvOptions(**options.get("csv", {})),
            columns=column_options(options),
            locale=locale or options.get("locale") or _tenant_locale(version, formats),
            totals=totals_options(options),
            template=_template(options.get("template"), display_by_name(values, labels)),
            chart=options.get("chart"),
            sections=version.sections,
        ),
        limits=Limits(
            timeout_seconds=version.timeout_seconds,
            memory_bytes=int(settings.JOB_MEMORY_BYTES * _SOURCE_SHARE),
            temp_dir=spill_folder,
        ),
        max_rows=version.max_rows,
        max_bytes=min(max_bytes, options.get("max_bytes", max_bytes)),
        on_limit=options.get("on_limit", "truncate"),
        keep_rows=_rows_to_keep(version),
        truncated=truncated,
        split=split,
        digests_content=digests_content,
    )


def _template(text: str | None, parameters: Mapping[str, str | None]) -> Template | None:
    if not text:
        return None
    memory_bytes = int(settings.JOB_MEMORY_BYTES * _DOCUMENT_SHARE)
    return Template(text=text, parameters=parameters, seconds=_DOCUMENT_SECONDS, memory_bytes=memory_bytes)


def _rows_to_keep(version: ReportVersion) -> int:
    if not _KEEPING_FORMATS.intersection(version.formats):
        return 0
    limit: int | None = version.options.get("keep_rows")
    return settings.KEEP_ROWS if limit is None else limit


def _tenant_locale(version: ReportVersion, formats: Sequence[str]) -> str:
    """The locale of a report that has none. Only formats that depend on it cost a query."""
    if LOCALIZED.isdisjoint(formats):
        return DEFAULT
    names = Tenant.objects.filter(reports__pk=version.report_id).values_list("locale", flat=True)
    return names.first() or DEFAULT


def end_orphaned_query(version: ReportVersion | None, spill_folder: Path) -> None:
    """End the query that a killed run of the version may have left on its data source's server."""
    if version is not None and version.data_source is not None:
        sources.end_orphaned_query(version.source(), spill_folder)
