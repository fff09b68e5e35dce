"""Checks a report without running it: does its query prepare, which columns and how many rows does it return, and
which formats can hold them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from django.utils import timezone

from reports.documents.diagnostics import Diagnostic
from reports.documents.template_renderer import file_noun, renderer_for
from reports.dry_run.document_preview import template_errors
from reports.dry_run.row_preview import RowPreview
from reports.dry_run.target import Column, DryRunTarget, type_name
from reports.exceptions import DesignMismatch, FormatCannotHold, RunError
from reports.rendering.base import Document, Renderer
from reports.rendering.charts.chart import Chart
from reports.rendering.totals.group_totals import Totals
from reports.runner_port import Origin, RunHistory
from reports.sources import describe
from reports.sources.base import Limits, QueryDescription

#: A check runs in a web process while somebody waits for it.
_SECONDS = 3
_MEMORY_BYTES = 256 * 2**20


class Fits(Enum):
    """Whether a format can hold a result. The values are those of the API."""

    YES = True
    NO = False
    #: Only the run will tell.
    UNKNOWN = None


@dataclass(frozen=True)
class FormatFit:
    """Whether a format can hold the result, and the estimated run time in seconds, if there is one."""

    format: str
    fits: Fits
    message: str = ""
    seconds: float | None = None
    seconds_from: Origin | None = None


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check. Without errors, the data source accepts the query and the design fits it."""

    errors: list[str] = field(default_factory=list)
    #: The message of the data source's driver. Only for Administrators: it may name tables and hosts.
    driver_message: str = ""
    columns: list[Column] = field(default_factory=list)
    types_are_certain: bool = True
    estimated_rows: int | None = None
    formats: list[FormatFit] = field(default_factory=list)
    #: With their lines; `errors` has them as sentences, too.
    template_errors: list[Diagnostic] = field(default_factory=list)
    #: None unless it was requested.
    preview: RowPreview | None = None
    #: None for a report that isn't stored or has no successful run.
    run_history: RunHistory | None = None

    @property
    def all_fit(self) -> bool:
        return all(format.fits is Fits.YES for format in self.formats)


def check(target: DryRunTarget, values: Mapping[str, object], *, compile_template: bool = True) -> CheckResult:
    """Check the target with these JSON values; a missing required value is NULL. Raises InvalidParameters.

    `compile_template`: also compile a template with the first rows, for which the query is run.
    """
    typed_values = target.typed_values(values)
    with tempfile.TemporaryDirectory(prefix="reportserver-check-") as folder:
        limits = Limits(timeout_seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, temp_dir=Path(folder))
        try:
            prepared = describe(target.source, target.query, typed_values, limits)
        except RunError as error:
            return CheckResult(errors=[error.message], driver_message=str(error.details.get("driver", "")))
    in_template = template_errors(target, values) if compile_template else []
    rows = _estimated_rows(target, values, prepared)
    return CheckResult(
        errors=_design_errors(target, prepared) + [f"Template: {error}" for error in in_template],
        template_errors=in_template,
        columns=[Column(column.name, type_name(column.type)) for column in prepared.schema],
        types_are_certain=prepared.certain,
        estimated_rows=rows,
        formats=[
            _format_fit(renderer_for(format, target.template), prepared, rows, target.max_rows)
            for format in target.formats
        ],
    )


def _estimated_rows(target: DryRunTarget, values: Mapping[str, object], prepared: QueryDescription) -> int | None:
    is_complete = all(values.get(parameter.name) is not None for parameter in target.parameters if parameter.required)
    # A missing required value is NULL, which matches nothing: an estimate of no rows then means nothing.
    if prepared.expected_rows is None or (prepared.expected_rows <= 1 and not is_complete):
        return None
    return prepared.expected_rows if target.max_rows is None else min(prepared.expected_rows, target.max_rows)


def _design_errors(target: DryRunTarget, prepared: QueryDescription) -> list[str]:
    errors = []
    try:
        if target.totals:
            Totals(target.totals, prepared.schema)
    except DesignMismatch as error:
        errors.append(error.message)
    try:
        if target.chart:
            Chart(target.chart, prepared.schema).check()
    except DesignMismatch as error:
        errors.append(error.message)
    return errors


def _format_fit(renderer: Renderer, prepared: QueryDescription, rows: int | None, max_rows: int | None) -> FormatFit:
    format = renderer.format
    try:
        # Opening a writer checks the columns.
        renderer.open(io.BytesIO(), prepared.schema, Document(title="", generated_at=timezone.now()))
    except FormatCannotHold as error:
        return FormatFit(format, Fits.NO, error.message)
    limit = renderer.max_rows
    if limit is None or (max_rows is not None and max_rows <= limit):
        return FormatFit(format, Fits.YES)
    capacity = f"A {file_noun(renderer)} can have at most {limit:,} rows"
    if rows is None:
        return FormatFit(format, Fits.UNKNOWN, f"{capacity}. How many rows there are isn't known before the run.")
    if rows > limit:
        return FormatFit(format, Fits.NO, f"{capacity}, and about {rows:,} are expected.")
    return FormatFit(format, Fits.YES)
