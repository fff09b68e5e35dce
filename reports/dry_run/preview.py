"""The first rows of a report, as people read them: for whoever writes its query, before anybody runs it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from reports.dry_run.target import Column, DryRunTarget
from reports.exceptions import RunError
from reports.parameters.values import TypedValue
from reports.rendering.cells import read_text
from reports.rendering.kinds import NUMBERS, kind_of
from reports.sources import read
from reports.sources.base import Limits, Rows, SchemaWidened, Source

ROWS = 50
#: What it may take: it runs in a web process, while somebody waits.
_SECONDS = 5
_MEMORY_BYTES = 256 * 2**20
#: Characters of one value. Fifty texts of megabytes are no look at anything.
_LONGEST = 1_000


@dataclass(frozen=True)
class Shown(Column):
    """A column of the preview, and whether its values are numbers, which belong on the right."""

    is_number: bool


@dataclass(frozen=True)
class Preview:
    """The first rows, by row; None is NULL. `truncated`: there are more. A fault is why there is nothing to show;
    `driver` is what the data source said, for Administrators."""

    columns: list[Shown] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    truncated: bool = False
    fault: str = ""
    driver: str = ""


def preview(subject: DryRunTarget, given: Mapping[str, object]) -> Preview:
    """Run the query for its first rows, with the values that are given; a required one that is not is NULL.

    It takes seconds at most and is then given up. Raises InvalidParameters.
    """
    try:
        table = first_rows(subject, subject.values(given))
    except RunError as error:
        return Preview(fault=error.message, driver=str(error.details.get("driver", "")))
    shown = table.slice(0, ROWS).combine_chunks()
    columns = [Shown(one.name, str(one.type), kind_of(one.type) in NUMBERS) for one in table.schema]
    texts = [_texts(shown.column(index)) for index in range(shown.num_columns)]
    return Preview(columns, [list(row) for row in zip(*texts, strict=True)], truncated=table.num_rows > ROWS)


def first_rows(subject: DryRunTarget, values: Mapping[str, TypedValue]) -> pa.Table:
    """One more than ROWS, where there are as many. Raises RunErrors."""
    source: Source | None = None
    with tempfile.TemporaryDirectory(prefix="reportserver-preview-") as folder:
        limits = Limits(timeout_seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, temp_dir=Path(folder))
        while True:
            try:
                with read(subject.source, subject.query, values, limits, source=source) as rows:
                    return pa.Table.from_batches(_until_enough(rows), rows.schema)
            except SchemaWidened as widened:
                source = widened.source


def _until_enough(rows: Rows) -> Iterator[pa.RecordBatch]:
    missing = ROWS + 1
    for batch in rows.batches:
        yield batch.slice(0, missing)
        missing -= batch.num_rows
        if missing <= 0:
            return


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    return [_short(value) for chunk in column.chunks for value in read_text(chunk).to_pylist()]


def _short(value: str | None) -> str | None:
    return value if value is None or len(value) <= _LONGEST else f"{value[:_LONGEST]} …"
