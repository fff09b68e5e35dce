"""The pages of a PDF report: title block, table with repeated header, footer, and what is said at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from reports.rendering.base import Document
from reports.rendering.charts.chart import Chart
from reports.rendering.pdf.chart import ChartPlace
from reports.rendering.pdf.fonts import Face, Glyphs, bold, is_from_right, regular, wrapped
from reports.rendering.pdf.layout import MARGIN, PADDING, Layout
from reports.rendering.pdf.pen import ALERT, BAND, FAINT, INK, LINE, SOFT, TOTAL, Pen
from reports.rendering.pdf.totals import Band, draw_band

#: Height kept free for the footer, and the width of " of 12,345" at its right end.
_FOOTER = 24.0
_TOTAL_WIDTH = 32.0
_SMALL = 7.0
_MAX_HEAD_LINES = 8
#: Drawn on every page, defined after the last: only then the number of pages and the reason to stop are known.
_ENDING = "ending"
_NULL = ["\u2013"]


class Pages:
    """Draws rows from top to bottom, and a new page wherever one is full."""

    def __init__(
        self,
        canvas: Any,
        document: Document,
        layout: Layout,
        glyphs: Glyphs,
        *,
        totals: str = "",
        chart: Chart | None = None,
    ) -> None:
        self._canvas = canvas
        self._document = document
        self._layout = layout
        self._glyphs = glyphs
        self._totals = totals
        self._pen = Pen(canvas)
        self._number = 0
        self._y = 0.0
        self._moment = f"{document.generated_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        self._title = glyphs.shown(document.title).replace("\n", " ")
        self._heads = [_head(column.name, layout.size, column.width) for column in layout.columns]
        canvas.setPageSize(layout.page)
        self._start_page()
        self._draw_title()
        self._chart = self._keep_place(chart) if chart else None
        self._draw_head()

    def draw_row(self, values: Sequence[str | None]) -> None:
        face, size = regular(), self._layout.size
        cells = [
            _NULL if value is None else wrapped(value, face, size, column.width)
            for value, column in zip(values, self._layout.columns, strict=True)
        ]
        height = max(map(len, cells), default=1)
        if self._room() < height <= self._most():
            self._next_page()
        start = 0
        while start < height:
            if self._room() < 1:
                self._next_page()
            stop = min(height, start + self._room())
            self._draw_lines(cells, start, stop)
            start = stop

    def draw_total(self, band: Band) -> None:
        """Draw a line of totals."""
        if self._room() < 1:
            self._next_page()
        height, layout = self._layout.line + PADDING, self._layout
        self._pen.band(MARGIN, self._y - height, layout.table_width, height, BAND if band.grand else TOTAL)
        self._pen.rule(MARGIN, self._y, layout.table_width, 0.9 if band.grand else 0.5, FAINT)
        draw_band(self._pen, band, layout, self._y - layout.size - PADDING / 2 + 0.8)
        self._y -= height

    def finish(self, rows: int, truncated: str | None) -> None:
        """Count, notice and notes below the table; then what all footers were waiting for."""
        if self._chart is not None:
            self._chart.draw(self._glyphs, truncated=bool(truncated))
        self._y -= 12
        self._draw_prose([f"{rows:,} {'row' if rows == 1 else 'rows'}"], regular(), 8, SOFT)
        if truncated:
            self._draw_prose([self._glyphs.shown(truncated)], bold(), 8, ALERT)
        self._draw_prose(self._glyphs.notes(), regular(), 8, SOFT)
        self._end_page()
        self._draw_ending(truncated)

    # Pages

    def _start_page(self) -> None:
        self._number += 1
        self._y = self._layout.page[1] - MARGIN
        if self._number > 1:
            self._pen.text(MARGIN, self._y - _SMALL + 4, self._short(self._title), regular(), _SMALL, SOFT)
            self._y -= 14

    def _next_page(self) -> None:
        self._end_page()
        self._start_page()
        self._draw_head()

    def _end_page(self) -> None:
        width, y = self._layout.width, MARGIN - 10
        self._pen.rule(MARGIN, y + 12, width)
        self._pen.text(MARGIN, y, self._moment, regular(), _SMALL, SOFT)
        page = f"Page {self._number:,}"
        right = MARGIN + width - _TOTAL_WIDTH - regular().width(page, _SMALL)
        self._pen.text(right, y, page, regular(), _SMALL, SOFT)
        self._pen.flush()
        self._canvas.doForm(_ENDING)
        self._canvas.showPage()

    def _draw_ending(self, truncated: str | None) -> None:
        self._canvas.beginForm(_ENDING, 0, 0, *self._layout.page)
        pen, y = Pen(self._canvas), MARGIN - 10
        pen.text(MARGIN + self._layout.width - _TOTAL_WIDTH, y, f" of {self._number:,}", regular(), _SMALL, SOFT)
        notice = "".join([self._glyphs.shown(truncated)] if truncated else self._glyphs.notes())
        if notice:
            pen.text(MARGIN + 110, y, self._short(notice, 230), bold(), _SMALL, ALERT if truncated else SOFT)
        pen.flush()
        self._canvas.endForm()

    def _short(self, text: str, taken: float = 0.0) -> str:
        """The first line of the text that fits beside `taken` points."""
        lines = wrapped(text, bold(), _SMALL, self._layout.width - taken - 12)
        return lines[0] if len(lines) == 1 else f"{lines[0]} …"

    # Title block, chart and notes

    def _keep_place(self, chart: Chart) -> ChartPlace:
        place = ChartPlace(self._canvas, chart, self._layout)
        if self._y - place.height < MARGIN + _FOOTER:
            self._end_page()
            self._start_page()
        place.keep(self._y)
        self._y -= place.height
        return place

    def _draw_title(self) -> None:
        self._draw_prose([self._title], bold(), 15, INK)
        if self._document.description:
            self._y -= 2
            self._draw_prose([self._glyphs.shown(self._document.description)], regular(), 9, SOFT)
        self._y -= 6
        facts = [*self._document.parameters.items(), ("Generated", self._moment)]
        facts.append(("Version", str(self._document.version)))
        if self._totals:
            facts.append(("Totals", self._totals))
        label_width = min(160.0, max(regular().width(label, 8) for label, _ in facts) + 14)
        for label, value in facts:
            self._draw_fact(self._glyphs.shown(label), self._glyphs.shown(value), label_width)
        self._y -= 10

    def _draw_fact(self, label: str, value: str, label_width: float) -> None:
        labels = wrapped(label, regular(), 8, label_width - 6)
        values = wrapped(value, regular(), 8, self._layout.width - label_width)
        for index in range(max(len(labels), len(values))):
            self._advance(11.5)
            self._draw_nth(labels, index, MARGIN, SOFT)
            self._draw_nth(values, index, MARGIN + label_width, INK)

    def _draw_nth(self, lines: Sequence[str], index: int, x: float, colour: str) -> None:
        if index < len(lines):
            self._pen.text(x, self._y, lines[index], regular(), 8, colour)

    def _draw_prose(self, paragraphs: Iterable[str], face: Face, size: float, colour: str) -> None:
        for paragraph in paragraphs:
            for line in wrapped(paragraph, face, size, self._layout.width):
                self._advance(size * 1.35)
                self._pen.text(MARGIN, self._y, line, face, size, colour)

    def _advance(self, height: float) -> None:
        """Go down one line of prose, to the next page where this one is full."""
        if self._y - height < MARGIN + _FOOTER:
            self._end_page()
            self._start_page()
        self._y -= height

    # Table

    def _room(self) -> int:
        """Lines of a row that fit below what is drawn."""
        return int((self._y - MARGIN - _FOOTER + 6 - PADDING) / self._layout.line)

    def _most(self) -> int:
        """Lines that fit below the header of a page with nothing else on it."""
        height = self._layout.page[1] - 2 * MARGIN - _FOOTER - 14 - self._head_height()
        return int((height + 6 - PADDING) / self._layout.line)

    def _head_height(self) -> float:
        return max(map(len, self._heads), default=1) * self._layout.line + PADDING

    def _draw_head(self) -> None:
        height = self._head_height()
        if self._y - height - 3 * self._layout.line < MARGIN + _FOOTER:
            self._end_page()
            self._start_page()
        self._pen.band(MARGIN, self._y - height, self._layout.table_width, height, BAND)
        self._draw_cells(self._heads, 0, _MAX_HEAD_LINES, bold())
        self._y -= height
        self._pen.rule(MARGIN, self._y, self._layout.table_width, 0.8, FAINT)

    def _draw_lines(self, cells: Sequence[Sequence[str]], start: int, stop: int) -> None:
        """Lines `start` to `stop` of a row; all of them, but for rows higher than a page."""
        self._draw_cells(cells, start, stop, regular())
        self._y -= (stop - start) * self._layout.line + PADDING
        self._pen.rule(MARGIN, self._y, self._layout.table_width, 0.4, LINE)

    def _draw_cells(self, cells: Sequence[Sequence[str]], start: int, stop: int, face: Face) -> None:
        layout, text = self._layout, self._pen.text
        size, first = layout.size, self._y - layout.size - PADDING / 2 + 0.8
        for lines, column in zip(cells, layout.columns, strict=True):
            y = first
            for line in lines[start:stop]:
                from_right = column.right or is_from_right(line)
                x = column.x + column.width - face.width(line, size) if from_right else column.x
                text(x, y, line, face, size, FAINT if lines is _NULL else INK)
                y -= layout.line


def _head(name: str, size: float, width: float) -> list[str]:
    lines = wrapped(name, bold(), size, width)
    return lines if len(lines) <= _MAX_HEAD_LINES else [*lines[: _MAX_HEAD_LINES - 1], "…"]
