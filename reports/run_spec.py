"""From a stored version and stored parameters to what the engine runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from reports import sources
from reports.engine import RunSpec
from reports.models import ReportVersion
from reports.parameters.values import TypedValue, display_by_label, display_by_name, typed_values
from reports.rendering.base import CsvOptions, Document, Template, TotalsOptions
from reports.sources.base import Limits

#: The share of a job's memory that a source may use; the rest is for the format.
_SOURCE_SHARE = 0.25
#: What making a designed document may take of a job's memory, and seconds.
_DOCUMENT_SHARE, _DOCUMENT_SECONDS = 0.5, 60
_ENDING_BYTES = 64 * 2**20


def totals_options(options: Mapping[str, Any]) -> TotalsOptions | None:
    """The totals that the options of a version, or of a definition, ask for."""
    given = options.get("totals")
    return TotalsOptions(**given | {"group_by": tuple(given.get("group_by", ()))}) if given else None


def run_spec(version: ReportVersion, parameters: Mapping[str, object], format: str, temp_dir: Path) -> RunSpec:
    """What to run. `parameters` are stored ones, already checked when the job was asked for."""
    declared = version.declared_parameters()
    values = typed_values(declared, parameters)
    document = Document(
        title=version.name,
        description=version.description,
        version=version.number,
        generated_at=timezone.now(),
        parameters=display_by_label(declared, values),
        csv=CsvOptions(**version.options.get("csv", {})),
        totals=totals_options(version.options),
        template=_template(version, values),
        chart=version.options.get("chart"),
    )
    # The process that writes may not write a byte more than JOB_FILE_BYTES: the end of the file needs room, too.
    most = settings.JOB_FILE_BYTES - min(_ENDING_BYTES, settings.JOB_FILE_BYTES // 16)
    return RunSpec(
        source=version.source(),
        query=version.query,
        values=values,
        format=format,
        document=document,
        limits=_limits(version, temp_dir),
        max_rows=version.max_rows,
        max_bytes=min(most, version.options.get("max_bytes", most)),
        on_limit=version.options.get("on_limit", "truncate"),
    )


def _limits(version: ReportVersion, temp_dir: Path) -> Limits:
    memory = int(settings.JOB_MEMORY_BYTES * _SOURCE_SHARE)
    return Limits(timeout_seconds=version.timeout_seconds, memory_bytes=memory, temp_dir=temp_dir)


def _template(version: ReportVersion, values: Mapping[str, TypedValue]) -> Template | None:
    if "template" not in version.options:
        return None
    return Template(
        text=version.options["template"],
        parameters=display_by_name(values),
        seconds=_DOCUMENT_SECONDS,
        memory_bytes=int(settings.JOB_MEMORY_BYTES * _DOCUMENT_SHARE),
    )


def end_left_behind(version: ReportVersion | None, temp_dir: Path) -> None:
    """End what a killed run of the version left at its data source's server."""
    if version is not None and version.data_source is not None:
        sources.end_orphaned_query(version.source(), temp_dir)
