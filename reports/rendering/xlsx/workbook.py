"""The xlsx format: a zip of XML that Arrow joins and that is written at once, so memory doesn't grow with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, ClassVar
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
from isal import isal_zlib

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Renderer, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.columns.views import column_views
from reports.rendering.text_arrays import TEXT, slices, value_bytes
from reports.rendering.totals.group_totals import Totals, interleave
from reports.rendering.xlsx.about_sheet import about_facts, about_sheet, totals_fact
from reports.rendering.xlsx.cells import CellBuilder, ColumnStyles, column_letters, column_width, inline_text
from reports.rendering.xlsx.chart import PICTURE, chart_parts
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN
from reports.rendering.xlsx.package import package_parts
from reports.rendering.xlsx.paper import FIT_TO_WIDTH, page_setup
from reports.rendering.xlsx.styles import StyleSheet, heading_style
from reports.rendering.xlsx.totals import SUM_EXTRA_WIDTH, outline, row_numbers, total_rows_xml

#: Excel's limits.
MAX_COLUMNS = 16_384
SHEET_ROWS = 1_048_576
#: Beyond 2 GiB, a zip entry needs an extension that not all programs read.
SHEET_BYTES = 2_000_000_000
#: Level 1 takes a third of the time of level 6, for a file that is a quarter larger.
COMPRESSION_LEVEL = 1


class IsalZipFile(ZipFile):
    """Compresses with ISA-L: as well as zlib's level 1, in a quarter of its time."""

    def open_sheet(self, name: str) -> IO[bytes]:
        """An entry to write to."""
        # By name: an entry that is opened by ZipInfo doesn't get the compression level of the archive.
        entry = self.open(name, "w")
        # zipfile has no public way to replace the compressor. Without this attribute, zlib is used.
        if hasattr(entry, "_compressor"):
            entry._compressor = isal_zlib.compressobj(COMPRESSION_LEVEL, isal_zlib.DEFLATED, -15)
        return entry

    def __del__(self) -> None:
        """Do nothing. After a failed run, the base class would write an ending into a file that is closed already."""


class XlsxWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document, sheet_rows: int = SHEET_ROWS) -> None:
        if len(schema) > MAX_COLUMNS:
            message = f"The result has {len(schema):,} columns, and a sheet can have at most {MAX_COLUMNS:,}. "
            raise FormatCannotHold(message + "Choose csv instead.", alternative="csv")
        self._zip = IsalZipFile(out, "w", ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL)
        self._schema = schema
        self._document = document
        self._sheet_rows = sheet_rows
        self._letters = [column_letters(index) for index in range(len(schema))]
        self._cells = CellBuilder()
        self._views = column_views(schema, document.columns, document.locale)
        self._style_sheet = StyleSheet()
        self._styles = [ColumnStyles(self._style_sheet, view) for view in self._views]
        self._totals = Totals(document.totals, schema, self._views) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None
        self._widths: list[float] = []
        #: By finished sheet: the number of rows that its filter covers, including the header.
        self._filtered_rows: list[int] = []
        #: The current sheet, and its rows and bytes so far.
        self._sheet: IO[bytes] | None = None
        self._rows = self._bytes = 0
        #: Rows at the end of the sheet that its filter doesn't cover: the grand total.
        self._unfiltered_rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart:
            self._chart.add(batch)
        for rows in slices(batch):
            self._widths = self._widths or self._column_widths(rows)
            if self._totals:
                self._write_with_totals(rows, self._totals)
            else:
                self._write_rows(rows)

    def close(self, *, rows: int, truncated: str | None) -> None:
        if not self._filtered_rows and self._sheet is None:
            self._open_sheet()
        if self._totals:
            self._write_last_totals(self._totals, truncated=bool(truncated))
        self._close_sheet()
        sheets = len(self._filtered_rows)
        facts = about_facts(self._document, rows, truncated, sheets, self._cells.cut_texts)
        if self._totals:
            facts.append(totals_fact(self._totals.description()))
        title = self._document.title
        chart = chart_parts(self._chart, title, sheets + 1, truncated=bool(truncated)) if self._chart else {}
        about_number = sheets + (2 if self._chart else 1)
        parts: dict[str, str | bytes] = {
            f"xl/worksheets/sheet{about_number}.xml": about_sheet(title, facts),
            **chart,
            **package_parts(
                self._filtered_rows,
                self._last_letters,
                self._document,
                self._style_sheet,
                has_picture=PICTURE in chart,
            ),
        }
        for name, content in parts.items():
            with self._zip.open(name, "w") as part:
                part.write(content.encode() if isinstance(content, str) else content)
        self._zip.close()

    @property
    def _shown_widths(self) -> list[float]:
        return [width for width, view in zip(self._widths, self._views, strict=True) if not view.is_hidden]

    @property
    def _last_letters(self) -> str:
        return self._letters[-1] if self._letters else "A"

    def _column_widths(self, rows: pa.RecordBatch) -> list[float]:
        functions = self._totals.functions() if self._totals else {}
        return [
            column_width(view, rows.column(at), extra=SUM_EXTRA_WIDTH if functions.get(at) == "sum" else 0.0)
            for at, view in enumerate(self._views)
        ]

    # Rows

    def _write_rows(self, rows: pa.RecordBatch) -> None:
        while rows.num_rows:
            self._make_room(1)
            part = rows.slice(0, self._sheet_rows - self._rows)
            numbers = range(self._rows + 1, self._rows + part.num_rows + 1)
            self._write(value_bytes(self._row_texts(part, numbers)))
            self._rows += part.num_rows
            rows = rows.slice(part.num_rows)

    def _write_with_totals(self, rows: pa.RecordBatch, totals: Totals) -> None:
        total_rows = totals.add(rows)
        self._make_room(rows.num_rows + len(total_rows))
        of_rows, of_total_rows = row_numbers(self._rows + 1, rows.num_rows, total_rows)
        texts = self._row_texts(rows, of_rows, outline(totals.depth))
        xml = total_rows_xml(total_rows, of_total_rows, totals, self._letters, self._styles)
        for part in interleave(texts, total_rows, xml):
            self._write(part)
        self._rows += rows.num_rows + len(total_rows)

    def _write_last_totals(self, totals: Totals, *, truncated: bool) -> None:
        total_rows = totals.finish(truncated=truncated)
        self._make_room(len(total_rows))
        numbers = range(self._rows + 1, self._rows + len(total_rows) + 1)
        for row in total_rows_xml(total_rows, numbers, totals, self._letters, self._styles):
            self._write(row.encode())
        self._rows += len(total_rows)
        self._unfiltered_rows = total_rows.depths.count(0)

    def _row_texts(self, rows: pa.RecordBatch, numbers: Sequence[int], attributes: str = "") -> pa.Array:
        addresses = pa.array(numbers, pa.int64()).cast(TEXT)
        return self._cells.rows(rows.columns, self._letters, self._widths, self._styles, addresses, attributes)

    # Sheets

    def _make_room(self, rows: int) -> None:
        """Start the next sheet if the current one doesn't have room for this many rows."""
        if self._rows + rows > self._sheet_rows or self._bytes >= SHEET_BYTES:
            self._close_sheet()
        if self._sheet is None:
            self._open_sheet()

    def _open_sheet(self) -> None:
        self._sheet = self._zip.open_sheet(f"xl/worksheets/sheet{len(self._filtered_rows) + 1}.xml")
        self._bytes = 0
        self._widths = self._widths or [float(view.options.width or len(view.label) + 4) for view in self._views]
        hidden = [' hidden="1"' if view.is_hidden else "" for view in self._views]
        columns = "".join(
            f'<col min="{number}" max="{number}" width="{width:.1f}" customWidth="1"{attribute}/>'
            for number, (width, attribute) in enumerate(zip(self._widths, hidden, strict=True), 1)
        )
        outline_levels = self._totals.depth if self._totals else 0
        row_format = f'<sheetFormatPr defaultRowHeight="15" outlineLevelRow="{outline_levels}"/>'
        headings = "".join(
            f'<c r="{letters}1" s="{heading_style(view.kind, view.options.align)}"{inline_text(view.label)}</c>'
            for letters, view in zip(self._letters, self._views, strict=True)
        )
        self._write(
            f'{DECLARATION}<worksheet xmlns="{MAIN}">{FIT_TO_WIDTH}<sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            '<selection pane="bottomLeft" activeCell="A2" sqref="A2"/></sheetView></sheetViews>'
            f"{row_format if outline_levels else ''}{f'<cols>{columns}</cols>' if columns else ''}<sheetData>\n"
            f'<row r="1">{headings}</row>\n'.encode()
        )
        self._rows = 1

    def _close_sheet(self) -> None:
        if self._sheet is None:
            return
        filtered_rows = self._rows - self._unfiltered_rows
        self._write(
            f'</sheetData><autoFilter ref="A1:{self._last_letters}{filtered_rows}"/>'
            f"{page_setup(self._document.title, sum(self._shown_widths))}</worksheet>".encode()
        )
        self._sheet.close()
        self._filtered_rows.append(filtered_rows)
        self._sheet = None

    def _write(self, data: bytes | memoryview) -> None:
        if self._sheet is not None:
            self._bytes += self._sheet.write(data)


@dataclass(frozen=True)
class XlsxRenderer(Renderer):
    format: ClassVar[str] = "xlsx"
    media_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension: ClassVar[str] = "xlsx"

    #: Including the header.
    sheet_rows: int = SHEET_ROWS

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return XlsxWriter(out, schema, document, self.sheet_rows)
