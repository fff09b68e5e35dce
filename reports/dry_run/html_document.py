"""Makes a report's html document of its first rows. It runs in children only: see `tasks`."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa

from reports.dry_run.results import HtmlPreview
from reports.dry_run.target import DryRunTable, DryRunTarget
from reports.dry_run.tasks import ROWS, Values, error_message, error_of_driver, first_rows, preview_note, rows_seconds
from reports.exceptions import RunError
from reports.parameters.values import display_by_label
from reports.rendering.base import Document, Writer
from reports.rendering.html.sort_script import SCRIPT, SECTIONS_SCRIPT
from reports.rendering.html.writer import HtmlRenderer
from reports.sources.base import Rows
from reports.sources.deadline import Deadline

MAX_HTML_BYTES = 8 << 20
_TOO_LARGE = f"The document of the first {ROWS} rows is larger than {MAX_HTML_BYTES >> 20} MB."


def preview_html(target: DryRunTarget, values: Values) -> HtmlPreview:
    """Return the document without its script: it is shown where none may run."""
    out = io.BytesIO()
    try:
        _write(target, values, out)
    except RunError as error:
        return HtmlPreview(error=error_message(error), driver_message=error_of_driver(error))
    if out.tell() > MAX_HTML_BYTES:
        return HtmlPreview(error=_TOO_LARGE)
    html = out.getvalue().decode()
    for script in (SCRIPT, SECTIONS_SCRIPT):
        html = html.replace(f"<script>{script}</script>", "")
    return HtmlPreview(html=html)


def _write(target: DryRunTarget, values: Values, out: io.BytesIO) -> None:
    renderer, document, deadline = HtmlRenderer(), _document(target, values), Deadline(rows_seconds(target))
    if not target.sections:
        (table,) = target.tables()
        _write_table(target, table, values, deadline, lambda schema: renderer.open(out, schema, document))
        return
    sections, number, note = renderer.open_sections(out, document), 0, None
    for table in target.tables():
        rows, has_more = _write_table(target, table, values, deadline, _section_writer(sections.begin, table))
        number, note = number + rows, preview_note() if has_more else note
    sections.close(rows=number, truncated=note)


def _section_writer(begin: Callable[..., Writer], table: DryRunTable) -> Callable[[pa.Schema], Writer]:
    return lambda schema: begin(table.section, schema)


def _write_table(
    target: DryRunTarget,
    table: DryRunTable,
    values: Values,
    deadline: Deadline,
    open_writer: Callable[[pa.Schema], Writer],
) -> tuple[int, bool]:
    """Write the first rows. Return how many there are, and whether the query returns more. Raises RunErrors."""
    try:
        schema, batches = first_rows(target, table, values, deadline, _head)
        writer, left = open_writer(schema), ROWS
        for batch in batches:
            if left:
                shown = batch.slice(0, left)
                writer.write(shown)
                left -= shown.num_rows
        has_more = sum(batch.num_rows for batch in batches) > ROWS
        writer.close(rows=ROWS - left, truncated=preview_note() if has_more else None)
    except RunError as error:
        error.message = table.named(error_message(error))
        raise
    return ROWS - left, has_more


def _head(rows: Rows) -> list[pa.RecordBatch]:
    """One row more than is shown tells whether there are others."""
    batches, missing = [], ROWS + 1
    for batch in rows.batches:
        batches.append(batch.slice(0, missing))
        missing -= batches[-1].num_rows
        if missing <= 0:
            break
    return batches


def _document(target: DryRunTarget, values: Values) -> Document:
    return Document(
        title=target.name,
        description=target.description,
        version=target.version,
        generated_at=datetime.now(UTC),
        parameters=display_by_label(target.parameters, values),
        columns=target.columns,
        locale=target.locale,
        totals=target.totals,
        chart=target.chart,
        sections=[section for section, _ in target.sections],
    )
