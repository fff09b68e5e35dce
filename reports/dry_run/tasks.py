"""The work of dry runs: runs in children only, because authors and users decide what it takes.

Uses neither Django nor the server's database: see common.children.
"""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from reports import sources
from reports.documents import context
from reports.documents.compiler import (
    CompiledDocument,
    CompileRequest,
    TemplateInvalid,
    compile_document,
    syntax_errors,
)
from reports.documents.diagnostics import Diagnostic
from reports.documents.template_renderer import MAX_BYTES, file_noun, renderer_for
from reports.dry_run.design_errors import design_errors, errors_in_columns
from reports.dry_run.results import (
    Column,
    Description,
    DocumentPreview,
    Fits,
    FormatFit,
    PreviewColumn,
    QueryRows,
    RowPreview,
    SectionDescription,
    SourceCheck,
)
from reports.dry_run.target import DryRunTable, DryRunTarget
from reports.exceptions import FormatCannotHold, QueryFailed, RunError, TemplateFailed
from reports.parameters.values import TypedValue, display_by_label, display_by_name
from reports.rendering.base import Document, Renderer, Template
from reports.rendering.column_kinds import NUMBERS, kind_of
from reports.rendering.column_text import as_text, display_text
from reports.sources import errors
from reports.sources.base import Limits, QueryDescription, Rows, SchemaWidened, Source, SourceSpec
from reports.sources.deadline import Deadline

ROWS = 50
DESCRIBE_SECONDS, ROWS_SECONDS, ALL_ROWS_SECONDS = 3, 5, 30
#: Of a report with many sections, each query gets less time.
_MOST_AT_LENGTH = 4
_SOURCE_BYTES = 256 << 20
#: Of a preview. Longer values are cut: fifty texts of megabytes each would not fit a page.
_MAX_CHARACTERS, _MAX_CHARACTERS_OF_VALUE, _MAX_CELLS, _MAX_COLUMNS = 500_000, 1_000, 20_000, 2_000
#: Memory of the process that compiles a document, and size of its pages together.
_DOCUMENT_MEMORY_BYTES, MAX_DOCUMENT_BYTES = 768 << 20, 8 << 20
NO_MEMORY = "The query needs more memory than a preview can use."
_TOO_WIDE = f"A preview can have at most {_MAX_COLUMNS:,} columns, and the query returns more."

Values = Mapping[str, TypedValue]


def describe(target: DryRunTarget, values: Values, is_complete: bool) -> Description:
    """Ask the data source for the columns and rows of each query, and check the design against them.

    `is_complete`: no required value is missing.
    """
    tables = target.tables()
    try:
        described = _described(target, tables, values)
    except RunError as error:
        return Description(errors=[error_message(error)], driver_message=error_of_driver(error))
    too_wide = [table for table, prepared in described if len(prepared.schema) > _MAX_COLUMNS]
    if too_wide:
        return Description(errors=[table.named(_TOO_WIDE) for table in too_wide])
    rows = [_estimated(prepared.expected_rows, is_complete) for _, prepared in described]
    total = None if None in rows else sum(each or 0 for each in rows)
    if total is not None and target.max_rows is not None:
        total = min(total, target.max_rows)
    columns = [[Column(column.name, type_name(column.type)) for column in prepared.schema] for _, prepared in described]
    return Description(
        errors=[table.named(error) for table, prepared in described for error in design_errors(table, prepared)],
        columns=columns[0],
        types_are_certain=all(prepared.certain for _, prepared in described),
        estimated_rows=total,
        formats=[
            _format_fit(renderer_for(format, target.template), described, total, target.max_rows)
            for format in target.formats
        ],
        sections=[
            SectionDescription(table.section.name, table.section.title, of_table, estimated)
            for (table, _), of_table, estimated in zip(described, columns, rows, strict=True)
            if table.section
        ],
    )


def _described(
    target: DryRunTarget, tables: list[DryRunTable], values: Values
) -> list[tuple[DryRunTable, QueryDescription]]:
    """Ask about one query after the other. Raises RunErrors."""
    deadline = Deadline(describe_seconds(target))
    described = []
    with tempfile.TemporaryDirectory() as folder:
        for table in tables:
            seconds = max(1, min(DESCRIBE_SECONDS, ceil(deadline.remaining)))
            try:
                prepared = sources.describe(target.source, table.query, values, _limits(seconds, folder))
            except RunError as error:
                error.message = table.named(error_message(error))
                raise
            described.append((table, prepared))
    return described


def describe_seconds(target: DryRunTarget) -> int:
    """Return the most seconds that asking about the queries may take."""
    return DESCRIBE_SECONDS * min(len(target.tables()), _MOST_AT_LENGTH)


def rows_seconds(target: DryRunTarget) -> int:
    """Return the most seconds that reading the first rows may take."""
    return ROWS_SECONDS * min(len(target.tables()), _MOST_AT_LENGTH)


def _estimated(rows: int | None, is_complete: bool) -> int | None:
    # A missing required value is NULL, which matches nothing: an estimate of no rows then means nothing.
    return None if rows is not None and rows <= 1 and not is_complete else rows


def column_errors(target: DryRunTarget, values: Values) -> dict[str, list[str]]:
    """Return what is wrong with the report's columns, by path; nothing if the data source doesn't tell."""
    try:
        described = _described(target, target.tables(), values)
    except RunError:
        return {}
    errors: dict[str, list[str]] = {}
    for at, (table, prepared) in enumerate(described):
        prefix = f"sections[{at}]." if table.section else ""
        errors |= {f"{prefix}{path}": found for path, found in errors_in_columns(table, prepared).items()}
    return errors


def check_source(spec: SourceSpec) -> SourceCheck:
    """Read one row from the data source, and ask what its account may do beyond reading."""
    # SQLite opens its file only when a query reads from it.
    query = "select count(*) from sqlite_master" if spec.kind == "sqlite" else "select 1 as one"
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            sources.read(spec, query, {}, _limits(DESCRIBE_SECONDS, folder)) as rows,
        ):
            for _ in rows.batches:
                pass
    except RunError as error:
        return SourceCheck(error_message(error), error_of_driver(error))
    return SourceCheck(warnings=_warnings(spec))


def _warnings(spec: SourceSpec) -> list[str]:
    try:
        with tempfile.TemporaryDirectory() as folder:
            return [excess.sentence for excess in sources.excess_rights(spec, _limits(DESCRIBE_SECONDS, folder))]
    except RunError:
        return ["Its server didn't tell what the account in its URL may do beyond reading."]


def preview_rows(target: DryRunTarget, values: Values) -> list[RowPreview]:
    """Run the queries for their first rows."""
    tables = target.tables()
    deadline = Deadline(rows_seconds(target))
    return [_preview(target, table, values, deadline, len(tables)) for table in tables]


def _preview(target: DryRunTarget, table: DryRunTable, values: Values, deadline: Deadline, tables: int) -> RowPreview:
    """Run one query for its first rows. `tables` share what a preview may have."""
    section = (table.section.name, table.section.title) if table.section else ("", "")
    try:
        schema, batches = first_rows(target, table, values, deadline, _shortened_texts)
    except RunError as error:
        message = table.named(error_message(error))
        return RowPreview([], [], False, message, error_of_driver(error), *section)
    columns = [PreviewColumn(field.name, type_name(field.type), kind_of(field.type) in NUMBERS) for field in schema]
    rows = [list(row) for batch in batches for row in zip(*batch, strict=True)]
    shown = min(ROWS, _MAX_CELLS // tables // max(1, len(columns)))
    # Every value of a preview with few or short ones is shown up to the same length.
    longest = max(20, min(_MAX_CHARACTERS_OF_VALUE, _MAX_CHARACTERS // tables // max(1, shown * len(columns))))
    texts = [[_shortened(value, longest) for value in row] for row in rows[:shown]]
    return RowPreview(columns, texts, len(rows) > shown, "", "", *section)


def read_rows(source: SourceSpec, query: str, max_rows: int) -> QueryRows:
    """Run the query for its first `max_rows` rows, or for none if it fails before."""
    opened: Source | None = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            while True:
                try:
                    with sources.read(source, query, {}, _limits(ALL_ROWS_SECONDS, folder), source=opened) as rows:
                        texts = _exact_texts(rows, max_rows + 1)
                        return QueryRows(rows.schema.names, texts[:max_rows], more=len(texts) > max_rows)
                except SchemaWidened as widened:
                    opened = widened.source
    except RunError as error:
        return QueryRows(fault=error_message(error))


def _exact_texts(rows: Rows, number: int) -> list[list[str | None]]:
    texts: list[list[str | None]] = []
    for batch in rows.batches:
        first = batch.slice(0, number - len(texts))
        texts += map(list, zip(*(as_text(column).to_pylist() for column in first.columns), strict=True))
        if len(texts) >= number:
            break
    return texts


def preview_document(
    target: DryRunTarget, values: Values, seconds: int, ppi: int | None, pages: int
) -> DocumentPreview:
    """Compile the document with the first rows: to pictures of its first `pages` with `ppi`, else to check it."""
    template = target.template or ""
    try:
        document = _compile(target, values, seconds, ppi)
    except TemplateInvalid as error:
        return DocumentPreview(errors=error.diagnostics)
    except TemplateFailed as error:
        return DocumentPreview(error=error.message)
    except RunError as error:
        # Without rows, the template can still be checked for syntax errors.
        return DocumentPreview(error=error_message(error), errors=syntax_errors(template), no_rows=True)
    pictures = document.files[:pages] if ppi else []
    return DocumentPreview(
        pictures=[base64.b64encode(picture).decode() for picture in pictures],
        pages=len(document.files),
        missing_characters=document.missing_characters,
        warnings=document.warnings,
    )


def check_syntax(template: str) -> list[Diagnostic]:
    """Return the errors of the template that can be found without rows."""
    try:
        return syntax_errors(template)
    except TemplateFailed as error:
        return [Diagnostic(error.message)]


def _compile(target: DryRunTarget, values: Values, seconds: int, ppi: int | None) -> CompiledDocument:
    tables, has_more, deadline = [], False, Deadline(rows_seconds(target))
    for table in target.tables():
        schema, batches = first_rows(target, table, values, deadline, _whole_texts)
        rows = [row for batch in batches for row in zip(*batch, strict=True)]
        has_more = has_more or len(rows) > ROWS
        columns = list(zip(*rows[:ROWS], strict=True)) or [()] * len(schema)
        tables.append(context.Table(schema, columns, table.section))
    truncated = preview_note() if has_more else None
    shown = {parameter.name: values[parameter.name] for parameter in target.parameters}
    document = Document(
        title=target.name,
        description=target.description,
        version=target.version,
        generated_at=datetime.now(UTC),
        parameters=display_by_label(target.parameters, values),
        template=Template(text=target.template or "", parameters=display_by_name(shown)),
        sections=[section for section, _ in target.sections],
    )
    return compile_document(
        CompileRequest(
            template=target.template or "",
            data=context.as_json(document, tables, truncated),
            timestamp=document.generated_at,
            seconds=seconds,
            memory_bytes=_DOCUMENT_MEMORY_BYTES,
            max_bytes=MAX_DOCUMENT_BYTES,
            ppi=ppi,
        )
    )


# --- The first rows ---------------------------------------------------------------------------------------------------

Texts = list[list[str | None]]
Taken = TypeVar("Taken")


def preview_note() -> str:
    return f"This is a preview of the first {ROWS} rows."


def first_rows(
    target: DryRunTarget, table: DryRunTable, values: Values, deadline: Deadline, take: Callable[[Rows], Taken]
) -> tuple[pa.Schema, Taken]:
    """Return the schema, and what `take` takes of the rows: ROWS + 1 at most, so that the caller can tell whether there
    are more than ROWS. Raises RunErrors.
    """
    source: Source | None = None
    with tempfile.TemporaryDirectory() as folder:
        while True:
            limits = _limits(max(1, min(ROWS_SECONDS, ceil(deadline.remaining))), folder)
            try:
                with sources.read(target.source, table.query, values, limits, source=source) as rows:
                    if len(rows.schema) > _MAX_COLUMNS:
                        raise QueryFailed(_TOO_WIDE)
                    return rows.schema, take(rows)
            except SchemaWidened as widened:
                source = widened.source


def _whole_texts(rows: Rows) -> list[Texts]:
    return list(_batch_texts(rows, shorten=False))


def _shortened_texts(rows: Rows) -> list[Texts]:
    """The texts by batch and column, with only the beginnings of long values."""
    return list(_batch_texts(rows, shorten=True))


def _batch_texts(rows: Rows, *, shorten: bool) -> Iterator[Texts]:
    missing, size = ROWS + 1, 0
    for batch in rows.batches:
        first = batch.slice(0, missing)
        texts: Texts = [display_text(column).to_pylist() for column in first.columns]
        if shorten:
            texts = [[_shortened(value, _MAX_CHARACTERS_OF_VALUE) for value in column] for column in texts]
        size += sum(len(value or "") for column in texts for value in column)
        if size > MAX_BYTES:
            raise QueryFailed(f"The first {ROWS} rows have more than {MAX_BYTES >> 20} MB of values.")
        yield texts
        missing -= batch.num_rows
        if missing <= 0:
            return


def _shortened(value: str | None, longest: int) -> str | None:
    if value is None or len(value) <= longest:
        return value
    return f"{value[:longest].removesuffix(' …')} …"


# --- The columns ------------------------------------------------------------------------------------------------------


def type_name(data_type: pa.DataType) -> str:
    """Arrow's name of a type, but `json` and `numeric` for those that it only stores as text."""
    return re.sub(r"extension<arrow\.(json|opaque\[.*?type_name=(\w+).*?\])>", lambda m: m[2] or m[1], str(data_type))


def _format_fit(
    renderer: Renderer,
    described: list[tuple[DryRunTable, QueryDescription]],
    rows: int | None,
    max_rows: int | None,
) -> FormatFit:
    format = renderer.format
    for table, prepared in described:
        try:
            # Opening a writer checks the columns.
            renderer.open(io.BytesIO(), prepared.schema, Document(title="", generated_at=datetime.now(UTC)))
        except FormatCannotHold as error:
            return FormatFit(format, Fits.NO, table.named(error.message))
    limit = renderer.max_rows
    if limit is None or (max_rows is not None and max_rows <= limit):
        return FormatFit(format, Fits.YES)
    capacity = f"A {file_noun(renderer)} can have at most {limit:,} rows"
    if rows is None:
        return FormatFit(format, Fits.UNKNOWN, f"{capacity}. How many rows there are isn't known before the run.")
    if rows > limit:
        return FormatFit(format, Fits.NO, f"{capacity}, and about {rows:,} are expected.")
    return FormatFit(format, Fits.YES)


def _limits(seconds: int, folder: str) -> Limits:
    return Limits(timeout_seconds=seconds, memory_bytes=_SOURCE_BYTES, temp_dir=Path(folder))


def error_message(error: RunError) -> str:
    return NO_MEMORY if error.message == errors.NO_MEMORY else error.message


def error_of_driver(error: RunError) -> str:
    return str(error.details.get("driver", ""))
