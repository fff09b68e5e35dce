"""Previews a report's designed document with the first rows, for the author of its template."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from accounts.models import User
from common.children.messages import ChildLimits
from reports.definitions import ReportDefinition
from reports.definitions.errors import FieldErrors
from reports.documents.diagnostics import Diagnostic
from reports.dry_run import html_document, tasks
from reports.dry_run.design_errors import CHART_SECONDS
from reports.dry_run.limited import run_in_child
from reports.dry_run.results import DocumentPreview, HtmlPreview
from reports.dry_run.target import DryRunTarget
from reports.exceptions import CallerAttributeMissing, RunError
from reports.parameters.date_math import Moment
from reports.parameters.values import TypedValue
from reports.sources.base import SourceSpec

#: Pages that are shown.
MAX_PAGES = 10
#: The task stops by itself; a child that doesn't is killed a little later.
_SPARE_SECONDS = 2


def preview_document(
    target: DryRunTarget, values: Mapping[str, TypedValue], *, actor: User | str, ppi: int | None = None
) -> DocumentPreview:
    """Compile the document with the first rows; with `ppi`, to pictures of its first pages. Raises DryRunBusy."""
    seconds = settings.DOCUMENT_PREVIEW_SECONDS
    limits = ChildLimits(
        # Without rows, the template is compiled once more.
        seconds=tasks.rows_seconds(target) + 2 * seconds,
        # In base64.
        result_bytes=tasks.MAX_DOCUMENT_BYTES * 3 // 2,
        wait_seconds=settings.DOCUMENT_PREVIEW_WAIT_SECONDS,
    )
    try:
        return run_in_child(tasks.preview_document, target, values, seconds, ppi, MAX_PAGES, actor=actor, limits=limits)
    except RunError as error:
        return DocumentPreview(error=error.message)


def preview_html(target: DryRunTarget, values: Mapping[str, TypedValue], *, actor: User | str) -> HtmlPreview:
    """Make the html document of the first rows. Raises DryRunBusy."""
    charts = sum(table.chart is not None for table in target.tables())
    limits = ChildLimits(
        seconds=tasks.rows_seconds(target) + CHART_SECONDS * charts + _SPARE_SECONDS,
        result_bytes=html_document.MAX_HTML_BYTES * 2,
    )
    try:
        return run_in_child(html_document.preview_html, target, values, actor=actor, limits=limits)
    except RunError as error:
        return HtmlPreview(error=error.message)


def syntax_errors(template: str, *, actor: User | str) -> list[Diagnostic]:
    """Return the errors of the template that can be found without rows. Raises DryRunBusy."""
    limits = ChildLimits(seconds=settings.DOCUMENT_PREVIEW_SECONDS)
    try:
        return run_in_child(tasks.check_syntax, template, actor=actor, limits=limits)
    except RunError as error:
        return [Diagnostic(error.message)]


def template_errors(target: DryRunTarget, values: Mapping[str, object], *, actor: User | str) -> list[Diagnostic]:
    """Compile the template with the first rows for these JSON values, and return its errors.

    A missing required value is NULL. If the data source fails, the columns are unknown and only the syntax is checked.
    """
    if target.template is None:
        return []
    preview = preview_document(target, target.typed_values(values), actor=actor)
    return preview.errors if preview.no_rows or not preview.error else [Diagnostic(preview.error)]


def definition_errors(
    definition: ReportDefinition, source: SourceSpec | None, moment: Moment, *, actor: User | str
) -> FieldErrors:
    """Return the template errors of a definition by path; without a source, only the syntax is checked."""
    if definition.template is None:
        return {}
    try:
        target = DryRunTarget.of_definition(definition, source, moment, actor) if source else None
    except CallerAttributeMissing:
        # Its author needn't be somebody for whom it has rows.
        target = None
    if target is None:
        errors = syntax_errors(definition.template, actor=actor)
    else:
        errors = template_errors(target, {}, actor=actor)
    return {"template": [str(error) for error in errors]} if errors else {}
