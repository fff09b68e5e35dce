"""One case: a random table goes through one source into one format, and two readers have to find what it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from reports.engine import RunSpec, run
from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document
from reports.sources.base import Limits
from tests.fidelity.expectations import Impossible, expected
from tests.fidelity.matching import same_json
from tests.fidelity.readers import READERS, Reader, Rows
from tests.fidelity.source_types import COLUMN_TYPES
from tests.fidelity.stores import Places, create
from tests.fidelity.tables import Kind, Table, Type
from tests.fidelity.values import values

FORMATS = tuple(READERS)
SOURCES = tuple(COLUMN_TYPES)
_TITLE = "Fidelity"
#: What pdf draws for NULL.
_DASH = "\u2013"
#: More rows than programs look at to guess types, in one of so many tables in files.
_FILLER, _FILLER_SHARE = 21_000, 20
_FILES_WITHOUT_TYPES = ("csv", "ndjson", "json")
#: A page has room for so many columns without breaking words.
_PDF_COLUMNS = 2
_NAMES = ("amount", "a b", "=1+1", 'say "x"', "Ж,中", "<b>&", "it's")


class Difference(AssertionError):
    """What a reader found isn't what the source has."""


@st.composite
def tables(draw: st.DrawFn, source: str, format: str) -> Table:
    """A table that the source can have and the format can hold."""
    plain = format == "pdf"
    types = draw(st.lists(COLUMN_TYPES[source], min_size=1, max_size=_PDF_COLUMNS if plain else 6))
    # A JSON file without rows has no columns.
    fewest = 1 if source in ("json", "ndjson") else 0
    rows = draw(st.lists(st.tuples(*(values(type, plain=plain) for type in types)), min_size=fewest, max_size=5))
    names = [f"c{number}" for number in range(len(types))]
    if not plain and draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(_NAMES), min_size=len(types), max_size=len(types), unique=True))
    filler = 0
    if source in _FILES_WITHOUT_TYPES and rows and draw(st.integers(1, _FILLER_SHARE)) == _FILLER_SHARE:
        filler = _FILLER
    return Table(types, names, [list(row) for row in rows], filler)


def check(source: str, format: str, table: Table, places: Places) -> None:
    """Raise Difference unless both readers find the table in the file."""
    spec, query = create(source, table, places)
    path = places.folder / f"result.{format}"
    run_spec = RunSpec(
        source=spec,
        query=query,
        values={},
        formats=(format,),
        document=Document(title=_TITLE, generated_at=datetime(2024, 1, 1, tzinfo=UTC)),
        limits=Limits(timeout_seconds=60, memory_bytes=300_000_000, temp_dir=places.folder / "spill"),
    )
    try:
        wanted = _expected_rows(format, table)
    except Impossible:
        _check_refusal(run_spec, path)
        return
    try:
        result = run(run_spec, path, lambda rows, size, total: None)
    except Exception as error:
        # Any other than a RunError would be an internal error to the user.
        raise Difference(f"The run failed: {type(error).__name__}: {error}") from error
    if result.rows != len(table.rows):
        raise Difference(f"The run wrote {result.rows} rows instead of {len(table.rows)}.")
    for reader in READERS[format]:
        try:
            found = reader.read(path)
        except Exception as error:
            raise Difference(f"{reader.name} can't read the file: {type(error).__name__}: {error}") from error
        for difference in _differences(format, found, wanted, reader):
            raise Difference(f"{reader.name}: {difference}")


def _check_refusal(run_spec: RunSpec, path: Any) -> None:
    try:
        run(run_spec, path, lambda rows, size, total: None)
    except FormatCannotHold:
        return
    except Exception as error:
        raise Difference(f"The run failed with another error: {type(error).__name__}: {error}") from error
    raise Difference("The format can't hold a value, and the run didn't say so.")


def _expected_rows(format: str, table: Table) -> Rows:
    rows: Rows = [[_heading(format, name) for name in ("n", *table.names)]]
    number_type = Type(Kind.INTEGER, "integer")
    for number, row in enumerate(table.rows):
        cells = [_expected_cell(format, table, number, column) for column in range(len(row))]
        rows.append([expected(format, number_type, number), *cells])
    return rows


def _expected_cell(format: str, table: Table, row: int, column: int) -> Any:
    if (row, column) in table.server_texts:
        return expected(format, Type(Kind.SERVER_TEXT), table.server_texts[row, column])
    return expected(format, table.types[column], table.rows[row][column])


def _heading(format: str, name: str) -> str:
    if format in ("html", "pdf", "xlsx") and name.isidentifier():
        words = name.replace("_", " ").strip() or name
        return words[0].upper() + words[1:]
    return str(expected("csv", Type(Kind.TEXT), name)) if format == "csv" else name


def _differences(format: str, found: Rows, wanted: Rows, reader: Reader) -> Iterator[str]:
    if format == "pdf":
        yield from _pdf_differences(found[0][0], wanted)
        return
    if format in ("json", "ndjson") and len(wanted) == 1:
        # Without rows there are no objects, and without objects no names.
        wanted = []
    if len(found) != len(wanted):
        yield f"{len(found)} rows instead of {len(wanted)}"
        return
    for number, (row, wanted_row) in enumerate(zip(found, wanted, strict=True)):
        # Readers of workbooks leave out empty cells at the end of a row.
        row = [*row, *[None] * (len(wanted_row) - len(row))] if format == "xlsx" else row
        if len(row) != len(wanted_row):
            yield f"row {number}: {len(row)} cells instead of {len(wanted_row)}: {row!r}"
            return
        for column, (cell, wanted_cell) in enumerate(zip(row, wanted_row, strict=True)):
            if not _is_same(format, cell, wanted_cell, reader):
                yield f"row {number}, column {column}: {_shown(cell)} instead of {_shown(wanted_cell)}"


def _is_same(format: str, cell: Any, wanted: Any, reader: Reader) -> bool:
    if not reader.tells_null and cell in (None, ""):
        return wanted in (None, "")
    if cell is None or wanted is None:
        return cell is None and wanted is None
    if format in ("json", "ndjson"):
        return same_json(cell, wanted)
    if isinstance(wanted, bool) or isinstance(cell, bool):
        return wanted is cell or (not isinstance(wanted, bool) and wanted == cell)
    return bool(wanted == cell)


def _pdf_differences(found: str, wanted: Rows) -> Iterator[str]:
    """The page has the title and details before the table, and a footer after it. `wanted` are regular expressions."""
    table = "".join(str(_DASH if cell is None else cell) for row in wanted for cell in row)
    if not re.search(table, found):
        yield f"the page doesn't have {_shown(table)}: {_shown(found)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 500 else f"{text[:400]} … {text[-60:]}"
