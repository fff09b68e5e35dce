"""What a child does with an uploaded file: find out what it is, read all of it, and convert workbooks to Parquet.

Uses neither Django nor the server's database.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from reports import sources
from reports.exceptions import RunError
from reports.sources.base import Limits, SchemaWidened, Source, SourceSpec
from reports.sources.placeholders import identifier
from reports.uploads.workbook import WorkbookFault, convert_sheets

READ_SECONDS = 60
MEMORY_BYTES = 512 << 20
_NOT_SUPPORTED = "Upload a CSV, Parquet or XLSX file."
_OTHER_FORMATS = (b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8", b"\x1f\x8b", b"\x7fELF", b"\xd0\xcf\x11\xe0")
_EMPTY = "The file is empty."
#: Of stored files.
SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class FoundTable:
    """A table in an uploaded file. `path` is the file to store; `sheet` is "" unless it comes from a workbook."""

    path: str
    suffix: str
    rows: int
    sheet: str = ""


@dataclass(frozen=True)
class Inspection:
    """The tables of an uploaded file, or the sentence that says why it is refused."""

    tables: list[FoundTable] = field(default_factory=list)
    fault: str = ""


def inspect_upload(path: str, folder: str) -> Inspection:
    """Look at the file by its content, whatever its name. Sheets of a workbook are written into the folder."""
    with Path(path).open("rb") as file:
        start = file.read(8)
    if not start:
        return Inspection(fault=_EMPTY)
    try:
        if start.startswith(b"PK\x03\x04"):
            sheets = convert_sheets(Path(path), Path(folder))
            return Inspection([_found(sheet.path, ".parquet", sheet.title) for sheet in sheets])
        suffix = ".parquet" if start.startswith(b"PAR1") else ".csv"
        if suffix == ".csv" and not _is_text(start):
            return Inspection(fault=_NOT_SUPPORTED)
        named = Path(folder) / f"table{suffix}"
        Path(path).rename(named)
        return Inspection([_found(named, suffix)])
    except WorkbookFault as error:
        return Inspection(fault=str(error))
    except RunError as error:
        return Inspection(fault=error.message)


def _is_text(start: bytes) -> bool:
    """False for the beginning of a file that no text has."""
    return b"\0" not in start and not start.startswith(_OTHER_FORMATS)


def _found(path: Path, suffix: str, sheet: str = "") -> FoundTable:
    """Read the whole file, so that what is stored can be read. Raises RunError."""
    spec = SourceSpec(kind="files", location=str(path.parent), files=(str(path),))
    query, source = f"select * from {identifier(path.stem)}", None  # noqa: S608 -- quoted
    while True:
        try:
            return FoundTable(str(path), suffix, _count(spec, query, source), sheet)
        except SchemaWidened as widened:
            source = widened.source


def _count(spec: SourceSpec, query: str, source: Source | None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        limits = Limits(timeout_seconds=READ_SECONDS, memory_bytes=MEMORY_BYTES, temp_dir=Path(folder))
        with sources.read(spec, query, {}, limits, source=source) as rows:
            return sum(batch.num_rows for batch in rows.batches)
