"""Previews a report's designed document with the first rows, for the author of its template."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone

from reports.definitions import ReportDefinition
from reports.definitions.errors import FieldErrors
from reports.documents import context
from reports.documents.compiler import (
    CompiledDocument,
    CompileRequest,
    TemplateInvalid,
    compile_document,
    syntax_errors,
)
from reports.documents.diagnostics import Diagnostic
from reports.dry_run.row_preview import ROWS, first_rows
from reports.dry_run.target import DryRunTarget
from reports.exceptions import RunError, TemplateFailed
from reports.parameters.values import TypedValue, display_by_label, display_by_name
from reports.rendering.base import Document, Template
from reports.sources.base import SourceSpec

_MEMORY_BYTES = 768 * 2**20
_MAX_BYTES = 32 * 2**20
#: Each compilation occupies a thread and a core of the web server for seconds.
SLOTS = threading.BoundedSemaphore(2)


def preview_document(
    target: DryRunTarget, values: Mapping[str, TypedValue], *, ppi: int | None = None
) -> CompiledDocument:
    """Compile the document with the first rows: to a PDF, or with `ppi` to a picture of each page.

    Raises TemplateInvalid, other TemplateFailed, and the RunErrors of the data source.
    """
    table = first_rows(target, values)
    truncated = f"This is a preview of the first {ROWS} rows." if table.num_rows > ROWS else None
    batches = table.slice(0, ROWS).combine_chunks().to_batches()
    columns = context.column_texts(batches[0]) if batches else [[] for _ in table.schema]
    document = Document(
        title=target.name,
        description=target.description,
        version=target.version,
        generated_at=timezone.now(),
        parameters=display_by_label(target.parameters, values),
        template=Template(text=target.template or "", parameters=display_by_name(values)),
    )
    request = CompileRequest(
        template=target.template or "",
        data=context.as_json(document, table.schema, columns, truncated),
        timestamp=document.generated_at,
        seconds=settings.DOCUMENT_PREVIEW_SECONDS,
        memory_bytes=_MEMORY_BYTES,
        max_bytes=_MAX_BYTES,
        ppi=ppi,
    )
    if not SLOTS.acquire(timeout=settings.DOCUMENT_PREVIEW_WAIT_SECONDS):
        raise TemplateFailed("Too many previews are running. Try again in a few seconds.")
    try:
        return compile_document(request)
    finally:
        SLOTS.release()


def template_errors(target: DryRunTarget, values: Mapping[str, object]) -> list[Diagnostic]:
    """Compile the template with the first rows for these JSON values, and return its errors.

    A missing required value is NULL. If the data source fails, the columns are unknown and only the syntax is checked.
    """
    if target.template is None:
        return []
    try:
        preview_document(target, target.typed_values(values))
    except TemplateInvalid as error:
        return error.diagnostics
    except TemplateFailed as error:
        return [Diagnostic(error.message)]
    except RunError:
        return syntax_errors(target.template)
    return []


def definition_errors(definition: ReportDefinition, source: SourceSpec | None) -> FieldErrors:
    """Return the template errors of a definition by path; without a source, only the syntax is checked."""
    if definition.template is None:
        return {}
    if source is None:
        errors = syntax_errors(definition.template)
    else:
        errors = template_errors(DryRunTarget.of_definition(definition, source), {})
    return {"template": [str(error) for error in errors]} if errors else {}
