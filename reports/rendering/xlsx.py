"""XLSX, written as it is read: a zip of sheet XML that Arrow joins, so memory does not grow with the rows."""

from __future__ import annotations

from typing import IO, BinaryIO, ClassVar
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
from isal import isal_zlib

from reports.exceptions import FormatCannotHold
from reports.rendering import xlsx_parts as parts
from reports.rendering.base import Document, Writer
from reports.rendering.cells import join, pieces, value_bytes
from reports.rendering.moments import TEXT
from reports.rendering.xlsx_cells import CellMaker, column_letters, inline_text, width_of

MAX_COLUMNS = 16_384
#: Excel's own number, and what a sheet may weigh: past 2 GiB a zip entry needs an extension that not all readers know.
SHEET_ROWS = 1_048_576
SHEET_BYTES = 2_000_000_000
#: Level 1 takes a third of the time of level 6 and gives a file a quarter larger.
COMPRESSION = 1


class _Zip(ZipFile):
    """Deflated by ISA-L: as small as zlib's first level, in a quarter of its time, which was a third of the whole."""

    def deflating(self, name: str) -> IO[bytes]:
        """An entry to write to."""
        # By name: an entry opened by ZipInfo forgets the compression level of the archive.
        entry = self.open(name, "w")
        # The one attribute that says by whom an entry is compressed; without it, zlib does it.
        if hasattr(entry, "_compressor"):
            entry._compressor = isal_zlib.compressobj(COMPRESSION, isal_zlib.DEFLATED, -15)
        return entry

    def __del__(self) -> None:
        """A run that failed leaves the file unfinished; the base class would write an ending into a closed file."""


class XlsxWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        if len(schema) > MAX_COLUMNS:
            message = f"The result has {len(schema):,} columns, a sheet has room for {MAX_COLUMNS:,}. csv holds them."
            raise FormatCannotHold(message, alternative="csv")
        self._zip = _Zip(out, "w", ZIP_DEFLATED, compresslevel=COMPRESSION)
        self._schema = schema
        self._document = document
        self._letters = [column_letters(index) for index in range(len(schema))]
        self._cells = CellMaker()
        self._widths: list[float] = []
        #: Rows of each finished sheet, the header included.
        self._sheets: list[int] = []
        self._sheet: IO[bytes] | None = None
        self._row = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            self._widths = self._widths or [
                width_of(name, piece.column(i)) for i, name in enumerate(batch.schema.names)
            ]
            while piece.num_rows:
                room = self._room()
                self._write_rows(piece.slice(0, room))
                piece = piece.slice(room)

    def close(self, *, rows: int, truncated: str | None) -> None:
        if not self._sheets and self._sheet is None:
            self._begin_sheet()
        self._end_sheet()
        about = parts.about_facts(self._document, rows, truncated, len(self._sheets), self._cells.cut)
        self._add(f"xl/worksheets/sheet{len(self._sheets) + 1}.xml", parts.about_sheet(self._document.title, about))
        last_letter = self._letters[-1] if self._letters else "A"
        for name, content in parts.package(self._sheets, last_letter, self._document).items():
            self._add(name, content)
        self._zip.close()

    def _room(self) -> int:
        """Rows that fit into the current sheet; opens the next one where there is none left."""
        if self._row >= SHEET_ROWS or self._bytes >= SHEET_BYTES:
            self._end_sheet()
        if self._sheet is None:
            self._begin_sheet()
        return SHEET_ROWS - self._row

    def _write_rows(self, piece: pa.RecordBatch) -> None:
        numbers = pa.array(range(self._row + 1, self._row + piece.num_rows + 1)).cast(TEXT)
        cells = [
            self._cells.cells(column, letters, numbers)
            for column, letters in zip(piece.columns, self._letters, strict=True)
        ]
        self._put(value_bytes(join('<row r="', numbers, '">', *cells, "</row>\n")))
        self._row += piece.num_rows

    def _begin_sheet(self) -> None:
        self._sheet = self._zip.deflating(f"xl/worksheets/sheet{len(self._sheets) + 1}.xml")
        self._row = self._bytes = 0
        widths = self._widths or [float(len(name) + 4) for name in self._schema.names]
        self._put(parts.sheet_opening(widths).encode())
        heads = zip(self._letters, self._schema.names, strict=True)
        cells = "".join(f'<c r="{letters}1" s="{parts.HEAD}"{inline_text(name)}</c>' for letters, name in heads)
        self._put(f'<row r="1">{cells}</row>\n'.encode())
        self._row = 1

    def _end_sheet(self) -> None:
        if self._sheet is not None:
            last_letter = self._letters[-1] if self._letters else "A"
            self._put(parts.sheet_ending(last_letter, self._row).encode())
            self._sheet.close()
            self._sheets.append(self._row)
            self._sheet = None

    def _put(self, data: bytes | memoryview) -> None:
        if self._sheet is not None:
            self._bytes += self._sheet.write(data)

    def _add(self, name: str, content: str) -> None:
        with self._zip.open(name, "w") as part:
            part.write(content.encode())


class XlsxRenderer:
    format: ClassVar[str] = "xlsx"
    media_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension: ClassVar[str] = "xlsx"
    max_rows: ClassVar[int | None] = None
    streams: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return XlsxWriter(out, schema, document)
