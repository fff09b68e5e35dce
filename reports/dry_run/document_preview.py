"""A report's designed document from its first rows: for whoever writes the template, before anybody runs it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from django.utils import timezone

from reports.definitions import ReportDefinition
from reports.definitions.errors import FieldErrors
from reports.documents import context
from reports.documents.compiler import CompiledDocument, Fault, Task, TemplateFaulty, compile_document, syntax_faults
from reports.dry_run.preview import ROWS, first_rows
from reports.dry_run.target import DryRunTarget
from reports.exceptions import RunError, TemplateFailed
from reports.parameters.values import TypedValue, display_by_label, display_by_name
from reports.rendering.base import Document, Template
from reports.sources.base import SourceSpec

#: What making one may take: somebody waits for it.
_SECONDS = 15
_MEMORY_BYTES = 768 * 2**20
_MOST_BYTES = 32 * 2**20
#: Each keeps a thread and a processor of the server for seconds.
_AT_ONCE = threading.BoundedSemaphore(2)
_PATIENCE_SECONDS = 10
_BUSY = "Other documents are being tried at the moment. Try again in a few seconds."
_MORE = f"Only the first {ROWS} rows are here: this is a preview."


def preview_document(
    subject: DryRunTarget, values: Mapping[str, TypedValue], *, ppi: int | None = None
) -> CompiledDocument:
    """The document with the first rows, as a pdf or as pictures of its pages.

    Raises TemplateFaulty, other TemplateFailed, and the RunErrors of the data source.
    """
    table = first_rows(subject, values)
    truncated = _MORE if table.num_rows > ROWS else None
    batches = table.slice(0, ROWS).combine_chunks().to_batches()
    columns = context.columns_of(batches[0]) if batches else [[] for _ in table.schema]
    document = _document(subject, values)
    task = Task(
        template=subject.template or "",
        data=context.as_json(document, table.schema, columns, truncated),
        moment=document.generated_at,
        seconds=_SECONDS,
        memory_bytes=_MEMORY_BYTES,
        most_bytes=_MOST_BYTES,
        ppi=ppi,
    )
    if not _AT_ONCE.acquire(timeout=_PATIENCE_SECONDS):
        raise TemplateFailed(_BUSY)
    try:
        return compile_document(task)
    finally:
        _AT_ONCE.release()


def faults(subject: DryRunTarget, given: Mapping[str, object]) -> list[Fault]:
    """What is wrong with the template, as the first rows show; a required parameter that is not given is NULL.

    Where the data source gives no rows, not even the names of columns are known, and only the template's syntax is
    looked at.
    """
    if subject.template is None:
        return []
    try:
        preview_document(subject, subject.values(given))
    except TemplateFaulty as error:
        return error.faults
    except TemplateFailed as error:
        return [Fault(error.message)]
    except RunError:
        return syntax_faults(subject.template)
    return []


def definition_faults(definition: ReportDefinition, source: SourceSpec | None) -> FieldErrors:
    """The same by path, for a definition that is to be stored; `source` is None where it is not known yet."""
    if definition.template is None:
        return {}
    if source is None:
        found = syntax_faults(definition.template)
    else:
        found = faults(DryRunTarget.of_definition(definition, source), {})
    return {"template": [str(fault) for fault in found]} if found else {}


def _document(subject: DryRunTarget, values: Mapping[str, TypedValue]) -> Document:
    return Document(
        title=subject.name,
        description=subject.description,
        version=subject.version,
        generated_at=timezone.now(),
        parameters=display_by_label(subject.parameters, values),
        template=Template(text=subject.template or "", parameters=display_by_name(values)),
    )
