"""One table in a workbook: its rows, on as many sheets as they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import pyarrow as pa

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.columns.views import column_views
from reports.rendering.text_arrays import TEXT, slices, value_bytes
from reports.rendering.totals.group_totals import Totals, interleave
from reports.rendering.xlsx.book import Book
from reports.rendering.xlsx.cells import ColumnStyles, column_letters, column_width, inline_text
from reports.rendering.xlsx.namespaces import DECLARATION, MAIN
from reports.rendering.xlsx.package import Sheet
from reports.rendering.xlsx.paper import FIT_TO_WIDTH, page_setup
from reports.rendering.xlsx.styles import heading_style
from reports.rendering.xlsx.totals import SUM_EXTRA_WIDTH, outline, row_numbers, total_rows_xml

#: Excel's limits.
MAX_COLUMNS = 16_384
SHEET_ROWS = 1_048_576
#: Beyond 2 GiB, a zip entry needs an extension that not all programs read.
SHEET_BYTES = 2_000_000_000


class Table(Writer):
    """Writes rows into a book. `name` is that of its first sheet, `title` is printed on each."""

    def __init__(
        self, book: Book, schema: pa.Schema, document: Document, name: str, title: str, sheet_rows: int = SHEET_ROWS
    ) -> None:
        """`document` has the columns, totals and chart of the table."""
        if len(schema) > MAX_COLUMNS:
            message = f"The result has {len(schema):,} columns, and a sheet can have at most {MAX_COLUMNS:,}. "
            raise FormatCannotHold(message + "Choose csv instead.", alternative="csv")
        self.name = name
        self.title = title
        #: Known once it is closed.
        self.rows, self.is_cut = 0, False
        self._book = book
        self._sheet_rows = sheet_rows
        self._letters = [column_letters(index) for index in range(len(schema))]
        self._views = column_views(schema, document.columns, document.locale)
        self._styles = [ColumnStyles(book.styles, view) for view in self._views]
        self.totals = Totals(document.totals, schema, self._views) if document.totals else None
        self.chart = Chart(document.chart, schema) if document.chart else None
        self._widths: list[float] = []
        #: The number of finished sheets.
        self.sheets = 0
        #: The current sheet, and its rows and bytes so far.
        self._sheet: IO[bytes] | None = None
        self._rows = self._bytes = 0
        #: Rows at the end of the sheet that its filter doesn't cover: the grand total.
        self._unfiltered_rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if self.chart:
            self.chart.add(batch)
        for rows in slices(batch):
            self._widths = self._widths or self._column_widths(rows)
            if self.totals:
                self._write_with_totals(rows, self.totals)
            else:
                self._write_rows(rows)

    def close(self, *, rows: int, truncated: str | None) -> None:
        self.rows, self.is_cut = rows, bool(truncated)
        if not self.sheets and self._sheet is None:
            self._open_sheet()
        if self.totals:
            self._write_last_totals(self.totals, truncated=bool(truncated))
        self._close_sheet()

    @property
    def _shown_widths(self) -> list[float]:
        return [width for width, view in zip(self._widths, self._views, strict=True) if not view.is_hidden]

    @property
    def _last_letters(self) -> str:
        return self._letters[-1] if self._letters else "A"

    def _column_widths(self, rows: pa.RecordBatch) -> list[float]:
        functions = self.totals.functions() if self.totals else {}
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
        return self._book.cells.rows(rows.columns, self._letters, self._widths, self._styles, addresses, attributes)

    # Sheets

    def _make_room(self, rows: int) -> None:
        """Start the next sheet if the current one doesn't have room for this many rows."""
        if self._rows + rows > self._sheet_rows or self._bytes >= SHEET_BYTES:
            self._close_sheet()
        if self._sheet is None:
            self._open_sheet()

    def _open_sheet(self) -> None:
        self._sheet = self._book.open_sheet()
        self._bytes = 0
        self._widths = self._widths or [float(view.options.width or len(view.label) + 4) for view in self._views]
        hidden = [' hidden="1"' if view.is_hidden else "" for view in self._views]
        columns = "".join(
            f'<col min="{number}" max="{number}" width="{width:.1f}" customWidth="1"{attribute}/>'
            for number, (width, attribute) in enumerate(zip(self._widths, hidden, strict=True), 1)
        )
        outline_levels = self.totals.depth if self.totals else 0
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
            f"{page_setup(self.title, sum(self._shown_widths))}</worksheet>".encode()
        )
        self._sheet.close()
        self.sheets += 1
        name = self.name if self.sheets == 1 else self._book.unused_name(f"{self.name} {self.sheets}")
        self._book.sheets.append(Sheet(name, filtered_rows, self._last_letters))
        self._sheet = None

    def _write(self, data: bytes | memoryview) -> None:
        if self._sheet is not None:
            self._bytes += self._sheet.write(data)
