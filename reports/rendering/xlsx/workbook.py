"""XLSX, written as it is read: a zip of sheet XML that Arrow joins, so memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, BinaryIO, ClassVar
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
from isal import isal_zlib

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.kinds import kind_of
from reports.rendering.text_arrays import TEXT, concat, slices, value_bytes
from reports.rendering.totals.group_totals import Totals, interleave
from reports.rendering.xlsx import parts as parts
from reports.rendering.xlsx.cells import CellMaker, column_letters, inline_text, width_of
from reports.rendering.xlsx.chart import PICTURE, chart_parts
from reports.rendering.xlsx.totals import SUM_WIDTH, line_rows, numbered, outline

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
        self._totals = Totals(document.totals, schema) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None
        self._widths: list[float] = []
        #: Rows of each finished sheet that its filter has, the header included.
        self._sheets: list[int] = []
        self._sheet: IO[bytes] | None = None
        self._row = self._bytes = 0
        #: Rows at the end of the sheet that its filter leaves alone: the total of everything.
        self._below = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart is not None:
            self._chart.add(batch)
        for piece in slices(batch):
            self._widths = self._widths or self._widths_of(piece)
            if self._totals is not None:
                self._write_with_totals(piece, self._totals)
                continue
            while piece.num_rows:
                room = self._room()
                self._write_rows(piece.slice(0, room))
                piece = piece.slice(room)

    def close(self, *, rows: int, truncated: str | None) -> None:
        if not self._sheets and self._sheet is None:
            self._begin_sheet()
        self._write_last_lines(truncated=bool(truncated))
        self._end_sheet()
        about = parts.about_facts(self._document, rows, truncated, len(self._sheets), self._cells.cut)
        if self._totals is not None:
            about += parts.totals_facts(self._totals.description())
        chart = {}
        if self._chart is not None:
            chart = chart_parts(self._chart, len(self._sheets) + 1, truncated=bool(truncated))
        number = len(self._sheets) + (2 if self._chart else 1)
        self._add(f"xl/worksheets/sheet{number}.xml", parts.about_sheet(self._document.title, about))
        last_letter = self._letters[-1] if self._letters else "A"
        package = parts.package(self._sheets, last_letter, self._document, picture=PICTURE in chart)
        for name, content in [*chart.items(), *package.items()]:
            self._add(name, content)
        self._zip.close()

    def _room(self, needed: int = 1) -> int:
        """Rows that fit into the current sheet; opens the next one where there is not the room that is needed."""
        if self._row + needed > SHEET_ROWS or self._bytes >= SHEET_BYTES:
            self._end_sheet()
        if self._sheet is None:
            self._begin_sheet()
        return SHEET_ROWS - self._row

    def _write_rows(self, piece: pa.RecordBatch) -> None:
        self._put(value_bytes(self._row_texts(piece, range(self._row + 1, self._row + piece.num_rows + 1))))
        self._row += piece.num_rows

    def _row_texts(self, piece: pa.RecordBatch, numbers: Sequence[int], attributes: str = "") -> pa.Array:
        addresses = pa.array(numbers, pa.int64()).cast(TEXT)
        cells = [
            self._cells.cells(column, letters, addresses)
            for column, letters in zip(piece.columns, self._letters, strict=True)
        ]
        return concat('<row r="', addresses, f'"{attributes}>', *cells, "</row>\n")

    def _write_with_totals(self, piece: pa.RecordBatch, totals: Totals) -> None:
        lines = totals.add(piece)
        self._room(piece.num_rows + len(lines))
        of_rows, of_lines = numbered(self._row + 1, piece.num_rows, lines)
        rows = self._row_texts(piece, of_rows, outline(totals.depth))
        for part in interleave(rows, lines, line_rows(lines, of_lines, totals, self._letters)):
            self._put(part)
        self._row += len(of_rows) + len(of_lines)

    def _write_last_lines(self, *, truncated: bool) -> None:
        if self._totals is None:
            return
        lines = self._totals.finish(truncated=truncated)
        self._room(len(lines))
        numbers = range(self._row + 1, self._row + len(lines) + 1)
        for row in line_rows(lines, numbers, self._totals, self._letters):
            self._put(row.encode())
        self._row += len(lines)
        self._below = lines.depths.count(0)

    def _widths_of(self, piece: pa.RecordBatch) -> list[float]:
        functions = self._totals.functions() if self._totals else {}
        return [
            width_of(name, piece.column(at), more=SUM_WIDTH if functions.get(at) == "sum" else 0.0)
            for at, name in enumerate(self._schema.names)
        ]

    def _begin_sheet(self) -> None:
        self._sheet = self._zip.deflating(f"xl/worksheets/sheet{len(self._sheets) + 1}.xml")
        self._row = self._bytes = 0
        widths = self._widths or [float(len(name) + 4) for name in self._schema.names]
        self._put(parts.sheet_opening(widths, self._totals.depth if self._totals else 0).encode())
        heads = (self._head(letters, field) for letters, field in zip(self._letters, self._schema, strict=True))
        self._put(f'<row r="1">{"".join(heads)}</row>\n'.encode())
        self._row = 1

    def _head(self, letters: str, field: pa.Field) -> str:
        return f'<c r="{letters}1" s="{parts.style_of_head(kind_of(field.type))}"{inline_text(field.name)}</c>'

    def _end_sheet(self) -> None:
        if self._sheet is not None:
            last_letter = self._letters[-1] if self._letters else "A"
            filtered = self._row - self._below
            self._put(parts.sheet_ending(last_letter, filtered).encode())
            self._sheet.close()
            self._sheets.append(filtered)
            self._sheet = None

    def _put(self, data: bytes | memoryview) -> None:
        if self._sheet is not None:
            self._bytes += self._sheet.write(data)

    def _add(self, name: str, content: str | bytes) -> None:
        with self._zip.open(name, "w") as part:
            part.write(content.encode() if isinstance(content, str) else content)


class XlsxRenderer:
    format: ClassVar[str] = "xlsx"
    media_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension: ClassVar[str] = "xlsx"
    max_rows: ClassVar[int | None] = None
    streams: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return XlsxWriter(out, schema, document)
