"""Previews the first rows of a report's query, as text, for its author."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from reports.dry_run.target import Column, DryRunTarget, type_name
from reports.exceptions import RunError
from reports.parameters.values import TypedValue
from reports.rendering.column_kinds import NUMBERS, kind_of
from reports.rendering.column_text import display_text
from reports.sources import read
from reports.sources.base import Limits, Rows, SchemaWidened, Source

ROWS = 50
#: A preview runs in a web process while somebody waits for it.
_SECONDS = 5
_MEMORY_BYTES = 256 * 2**20
#: Longer values are cut: fifty texts of megabytes each would not fit a page.
_MAX_CHARACTERS = 1_000


@dataclass(frozen=True)
class PreviewColumn(Column):
    """A column of a preview. Numbers are right-aligned."""

    is_number: bool


@dataclass(frozen=True)
class RowPreview:
    """The first rows as text, None for NULL; or the error that prevented them, and what the driver said about it.

    `truncated`: the query returns more rows. `driver_message` is for Administrators only.
    """

    columns: list[PreviewColumn] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    truncated: bool = False
    error: str = ""
    driver_message: str = ""


def preview_rows(target: DryRunTarget, values: Mapping[str, object]) -> RowPreview:
    """Run the query for its first rows with these JSON values; a missing required value is NULL.

    Takes a few seconds at most. Raises InvalidParameters.
    """
    try:
        table = first_rows(target, target.typed_values(values))
    except RunError as error:
        return RowPreview(error=error.message, driver_message=str(error.details.get("driver", "")))
    columns = [
        PreviewColumn(field.name, type_name(field.type), kind_of(field.type) in NUMBERS) for field in table.schema
    ]
    texts = [
        [_shortened(value) for chunk in column.chunks for value in display_text(chunk).to_pylist()]
        for column in table.slice(0, ROWS).combine_chunks().columns
    ]
    return RowPreview(columns, [list(row) for row in zip(*texts, strict=True)], truncated=table.num_rows > ROWS)


def first_rows(target: DryRunTarget, values: Mapping[str, TypedValue]) -> pa.Table:
    """Return up to ROWS + 1 rows, so that the caller can tell whether there are more than ROWS. Raises RunErrors."""
    source: Source | None = None
    with tempfile.TemporaryDirectory(prefix="reportserver-preview-") as folder:
        limits = Limits(timeout_seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, temp_dir=Path(folder))
        while True:
            try:
                with read(target.source, target.query, values, limits, source=source) as rows:
                    return pa.Table.from_batches(_first_batches(rows), rows.schema)
            except SchemaWidened as widened:
                source = widened.source


def _first_batches(rows: Rows) -> Iterator[pa.RecordBatch]:
    missing = ROWS + 1
    for batch in rows.batches:
        yield batch.slice(0, missing)
        missing -= batch.num_rows
        if missing <= 0:
            return


def _shortened(value: str | None) -> str | None:
    return value if value is None or len(value) <= _MAX_CHARACTERS else f"{value[:_MAX_CHARACTERS]} …"
