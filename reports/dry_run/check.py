"""A look at a report before it is run: does its query prepare, what comes out, how much, and which formats hold it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.utils import timezone

from reports.documents.compiler import Fault
from reports.documents.renderer import described, renderer_of
from reports.dry_run import document_preview
from reports.dry_run.preview import Preview
from reports.dry_run.target import Column, DryRunTarget
from reports.exceptions import DesignMismatch, FormatCannotHold, RunError
from reports.models import ReportConfiguration, ReportVersion
from reports.parameters.values import to_json, typed_values
from reports.rendering.base import Document, Renderer
from reports.rendering.charts.chart import Chart
from reports.rendering.totals.group_totals import Totals
from reports.run_history import Origin, RunHistory, run_history_of, throughputs_of
from reports.sources import describe, read
from reports.sources.base import Described, Limits, SourceSpec

#: What a look may take: it runs in a web process, while somebody waits.
_SECONDS = 3
_MEMORY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Fit:
    """Whether a format holds the result: None where that is only known after the run. How many seconds it may take,
    and from whose runs that is known; None where it is not."""

    format: str
    fits: bool | None
    message: str = ""
    seconds: float | None = None
    seconds_from: Origin | None = None


@dataclass(frozen=True)
class Checked:
    """What was found out. Without faults, the query was taken by its data source; `driver` is for Administrators."""

    faults: list[str] = field(default_factory=list)
    driver: str = ""
    columns: list[Column] = field(default_factory=list)
    types_are_certain: bool = True
    estimated_rows: int | None = None
    formats: list[Fit] = field(default_factory=list)
    #: With their lines; as sentences they are among the faults, too.
    template_faults: list[Fault] = field(default_factory=list)
    #: Only for those who asked for it.
    preview: Preview | None = None
    #: How the report's own runs went; None for what is no report yet.
    past: RunHistory | None = None

    @property
    def all_fit(self) -> bool:
        """Whether every format surely holds the result."""
        return all(fit.fits for fit in self.formats)


def check(subject: DryRunTarget, given: Mapping[str, object], *, compiled: bool = True) -> Checked:
    """Look at it, with the values that are given; a required one that is not is NULL. Raises InvalidParameters.

    `compiled`: whether a template is compiled with the first rows, for which the query is run.
    """
    values = subject.values(given)
    with tempfile.TemporaryDirectory(prefix="reportserver-check-") as folder:
        limits = Limits(timeout_seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, temp_dir=Path(folder))
        try:
            found = describe(subject.source, subject.query, values, limits)
        except RunError as error:
            return Checked(faults=[error.message], driver=str(error.details.get("driver", "")))
    expected = _expected(subject, given, found)
    template_faults = document_preview.faults(subject, given) if compiled else []
    return Checked(
        faults=_design_faults(subject, found) + [f"The template: {fault}" for fault in template_faults],
        template_faults=template_faults,
        columns=[Column(column.name, str(column.type)) for column in found.schema],
        types_are_certain=found.certain,
        estimated_rows=expected,
        formats=[
            _fit(renderer_of(format, subject.template), found, expected, subject.max_rows) for format in subject.formats
        ],
    )


def _expected(subject: DryRunTarget, given: Mapping[str, object], found: Described) -> int | None:
    """How many rows there will be. Nothing matches NULL: without a required value, none at all says nothing."""
    is_whole = all(given.get(parameter.name) is not None for parameter in subject.parameters if parameter.required)
    if found.expected is None or (found.expected <= 1 and not is_whole):
        return None
    return found.expected if subject.max_rows is None else min(found.expected, subject.max_rows)


def unreachable(spec: SourceSpec) -> tuple[str, str] | None:
    """Ask a data source for one row. None when it answers; else why not, and what the driver said."""
    query = "select count(*) from sqlite_master" if spec.kind == "sqlite" else "select 1 as one"
    with tempfile.TemporaryDirectory(prefix="reportserver-check-") as folder:
        limits = Limits(timeout_seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, temp_dir=Path(folder))
        try:
            with read(spec, query, {}, limits) as rows:
                for _ in rows.batches:
                    pass
        except RunError as error:
            return error.message, str(error.details.get("driver", ""))
    return None


def _design_faults(subject: DryRunTarget, found: Described) -> list[str]:
    """Whether totals and chart fit the columns of the query, and Vega-Lite takes the chart."""
    faults = []
    try:
        if subject.totals:
            Totals(subject.totals, found.schema)
    except DesignMismatch as error:
        faults.append(error.message)
    try:
        if subject.chart:
            Chart(subject.chart, found.schema).check()
    except DesignMismatch as error:
        faults.append(error.message)
    return faults


def timed(found: Checked, report: ReportConfiguration) -> Checked:
    """The same with how the report's runs went, and how long this one may take in each format."""
    paces = throughputs_of(report) if found.estimated_rows is not None else {}
    formats = []
    for fit in found.formats:
        pace = paces.get(fit.format)
        seconds = pace.seconds(found.estimated_rows or 0) if pace and fit.fits is not False else None
        if pace and seconds is not None:
            fit = replace(fit, seconds=round(seconds, 2), seconds_from=pace.origin)
        formats.append(fit)
    return replace(found, past=run_history_of(report), formats=formats)


def estimate(version: ReportVersion, raw: Mapping[str, object], format: str) -> Checked:
    """What a run with these texts of a form would come to, for whoever may run it. Raises InvalidParameters."""
    given = to_json(typed_values(version.declared(), raw, from_text=True))
    try:
        subject = replace(DryRunTarget.of_version(version), formats=[one for one in version.formats if one == format])
    except RunError as error:
        return Checked(faults=[error.message])
    return timed(replace(check(subject, given, compiled=False), driver=""), version.report)


def _fit(renderer: Renderer, found: Described, expected: int | None, max_rows: int | None) -> Fit:
    format = renderer.format
    try:
        renderer.open(io.BytesIO(), found.schema, Document(title="", generated_at=timezone.now()))
    except FormatCannotHold as error:
        return Fit(format, False, error.message)
    most = renderer.max_rows
    if most is None or (max_rows is not None and max_rows <= most):
        return Fit(format, True)
    holds = f"A {described(renderer)} holds at most {most:,} rows"
    if expected is None:
        return Fit(format, None, f"{holds}; how many there will be is not known.")
    if expected > most:
        return Fit(format, False, f"{holds}, and about {expected:,} are expected.")
    return Fit(format, True)
