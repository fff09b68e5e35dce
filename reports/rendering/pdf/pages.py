"""The pages of a PDF report: title block, charts, tables with repeated headings, footer, and closing notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from reports.rendering.base import Document
from reports.rendering.charts.chart import Chart
from reports.rendering.pdf.chart import ChartSpace
from reports.rendering.pdf.fonts import Face, MissingGlyphs, bold, is_right_to_left, regular, wrap
from reports.rendering.pdf.headings import heading_lines
from reports.rendering.pdf.layout import MARGIN, PADDING, Column, Layout
from reports.rendering.pdf.pen import ALERT, BAND, FAINT, HIGHLIGHTS, INK, LINE, SOFT, TOTAL, UPRIGHT, Pen
from reports.rendering.pdf.totals import Band, draw_band

_FOOTER_HEIGHT = 24.0
#: Width of " of 12,345", which is drawn last.
_PAGE_COUNT_WIDTH = 32.0
#: Room in the footer for the time on the left and the page number on the right of the notice.
_GENERATED_WIDTH, _PAGE_WIDTH = 110.0, 84.0
_NOTICE_LINES = 2
_SMALL = 7.0
_MAX_HEADING_LINES = 8
#: The length of a heading that runs from bottom to top, in points.
_MAX_UPRIGHT = 150.0
#: A number or date that is wider than its column is drawn smaller, down to this share of the type size.
_SMALLEST = 0.4
#: A form on every page, defined after the last one: only then are the number of pages and the notice known. Upright
#: and wide pages have their own.
_ENDING = "ending"
#: Between two sections on a page.
_SECTION_GAP = 26.0
_NULL = ["\u2013"]


class Pages:
    """Draws rows from top to bottom, and starts a new page whenever one is full."""

    _layout: Layout

    def __init__(self, canvas: Any, document: Document, glyphs: MissingGlyphs) -> None:
        self._canvas = canvas
        self._document = document
        self._glyphs = glyphs
        self._pen = Pen(canvas)
        self._page_number = 0
        #: Where to draw next, and where the page begins.
        self._y = self._top = 0.0
        self._title = glyphs.replace_in(document.title).replace("\n", " ")
        #: By size of the page: the form of its footers, and the layout with the size.
        self._endings: dict[tuple[float, float], tuple[str, Layout]] = {}
        self._sections = self._charts = 0

    def begin_table(self, layout: Layout, *, totals: str = "", chart: Chart | None = None, title: str = "") -> None:
        """Draw what stands above the rows of a table. `totals` describes its totals, `title` is that of its section."""
        canvas = self._canvas
        chart_space = ChartSpace(canvas, chart, layout, self._charts + 1) if chart else None
        headings = [
            _heading(column.name, layout.size, _MAX_UPRIGHT if layout.has_upright_headings else column.width)
            for column in layout.columns
        ]
        if not self._page_number:
            self._set_layout(layout, headings)
            self._start_page()
            self._draw_title_block("" if title else totals)
        elif layout.page != self._layout.page:
            self._end_page()
            self._set_layout(layout, headings)
            self._start_page()
        else:
            self._set_layout(layout, headings)
        if title:
            self._draw_section_title(title, totals, chart_space.height if chart_space else 0.0)
        self._chart = self._reserve_chart(chart_space) if chart_space else None
        self._draw_headings()

    def _set_layout(self, layout: Layout, headings: list[list[str]]) -> None:
        self._layout, self._headings = layout, headings
        name = _ENDING if not self._endings else f"{_ENDING}-2"
        self._endings.setdefault(layout.page, (name, layout))
        self._canvas.setPageSize(layout.page)

    def draw_row(self, texts: Sequence[str | None], highlights: Sequence[int | None] | None = None) -> None:
        """Draw one row. A row that does not fit goes to the next page; one higher than a page is split.

        `highlights`: the number of each cell's style in highlights.STYLES.
        """
        face = regular()
        cells = [self._lines(text, column) for text, column in zip(texts, self._layout.columns, strict=True)]
        height = max(map(len, cells), default=1)
        if self._lines_left() < height <= self._lines_per_page():
            self._next_page()
        start = 0
        while start < height:
            if self._lines_left() < 1:
                self._next_page()
            stop = min(height, start + self._lines_left())
            if highlights:
                self._draw_highlights(highlights, (stop - start) * self._layout.line_height + PADDING)
            self._draw_cells(cells, start, stop, face, highlights)
            self._y -= (stop - start) * self._layout.line_height + PADDING
            self._pen.rule(MARGIN, self._y, self._layout.table_width, 0.4, LINE)
            start = stop

    def draw_total(self, band: Band) -> None:
        if self._lines_left() < 1:
            self._next_page()
        layout = self._layout
        height = layout.line_height + PADDING
        color, thickness = (BAND, 0.9) if band.is_grand_total else (TOTAL, 0.5)
        self._pen.band(MARGIN, self._y - height, layout.table_width, height, color)
        self._pen.rule(MARGIN, self._y, layout.table_width, thickness, FAINT)
        draw_band(self._pen, band, layout, self._first_baseline())
        self._y -= height

    def end_table(self, rows: int, truncated: str | None) -> None:
        """Draw the chart and the row count."""
        if self._chart is not None:
            self._chart.draw(self._glyphs, truncated=bool(truncated))
        self._y -= 12
        self._draw_prose([f"{rows:,} {'row' if rows == 1 else 'rows'}"], regular(), 8, SOFT)

    def finish(self, truncated: str | None) -> None:
        """Draw the notes, then what every footer waits for."""
        if truncated:
            self._draw_prose([self._glyphs.replace_in(truncated)], bold(), 8, ALERT)
        self._draw_prose(self._glyphs.notes(), regular(), 8, SOFT)
        self._end_page()

        for name, layout in self._endings.values():
            self._define_ending(name, layout, truncated)

    def _define_ending(self, name: str, layout: Layout, truncated: str | None) -> None:
        """Define the form that every footer refers to: the number of pages, and the notice."""
        self._canvas.beginForm(name, 0, 0, *layout.page)
        pen, y = Pen(self._canvas), MARGIN - 10
        x = MARGIN + layout.width - _PAGE_COUNT_WIDTH
        pen.text(x, y, f" of {self._page_number:,}", regular(), _SMALL, SOFT)
        notice = self._glyphs.replace_in(truncated) if truncated else "".join(self._glyphs.notes())
        face, color = (bold(), ALERT) if truncated else (regular(), SOFT)
        width = layout.width - _GENERATED_WIDTH - _PAGE_WIDTH
        for line in self._short(notice, face, width, _NOTICE_LINES):
            pen.text(MARGIN + _GENERATED_WIDTH, y, line, face, _SMALL, color)
            y -= _SMALL * 1.2
        pen.flush()
        self._canvas.endForm()

    # Pages

    def _start_page(self) -> None:
        self._page_number += 1
        self._y = self._layout.page[1] - MARGIN
        if self._page_number > 1:
            (title,) = self._short(self._title, regular(), self._layout.width, 1)
            self._pen.text(MARGIN, self._y - _SMALL + 4, title, regular(), _SMALL, SOFT)
            self._y -= 14
        self._top = self._y

    def _next_page(self) -> None:
        self._end_page()
        self._start_page()
        self._draw_headings()

    def _end_page(self) -> None:
        """Draw the footer and hand the page to the canvas."""
        width, y = self._layout.width, MARGIN - 10
        self._pen.rule(MARGIN, y + 12, width)
        self._pen.text(MARGIN, y, self._document.generated_text, regular(), _SMALL, SOFT)
        page = f"Page {self._page_number:,}"
        x = MARGIN + width - _PAGE_COUNT_WIDTH - regular().width(page, _SMALL)
        self._pen.text(x, y, page, regular(), _SMALL, SOFT)
        self._pen.flush()
        self._canvas.doForm(self._endings[self._layout.page][0])
        self._canvas.showPage()

    def _short(self, text: str, face: Face, width: float, most_lines: int) -> list[str]:
        """As many lines of small type as there is room for."""
        # The last line has room for the ellipsis.
        lines = wrap(text, face, _SMALL, width - 12)
        return lines if len(lines) <= most_lines else [*lines[: most_lines - 1], f"{lines[most_lines - 1]} …"]

    # Title block, chart and notes

    def _reserve_chart(self, space: ChartSpace) -> ChartSpace:
        self._charts += 1
        if self._y - space.height < MARGIN + _FOOTER_HEIGHT:
            self._end_page()
            self._start_page()
        space.reserve(self._y)
        self._y -= space.height
        return space

    def _draw_title_block(self, totals: str) -> None:
        document = self._document
        self._draw_prose([self._title], bold(), 15, INK)
        if document.description:
            self._y -= 2
            self._draw_prose([self._glyphs.replace_in(document.description)], regular(), 9, SOFT)
        self._y -= 6
        details = document.details(totals)
        label_width = min(160.0, max(regular().width(label, 8) for label, _ in details) + 14)
        for label, value in details:
            label_lines = wrap(self._glyphs.replace_in(label), regular(), 8, label_width - 6)
            value_lines = wrap(self._glyphs.replace_in(value), regular(), 8, self._layout.width - label_width)
            for label_line, value_line in zip_longest(label_lines, value_lines):
                self._advance(11.5)
                if label_line:
                    self._pen.text(MARGIN, self._y, label_line, regular(), 8, SOFT)
                if value_line:
                    self._pen.text(MARGIN + label_width, self._y, value_line, regular(), 8, INK)
        self._y -= 10

    def _draw_section_title(self, title: str, totals: str, chart_height: float) -> None:
        """Draw the title of a section where there is room for what follows it, and bookmark it."""
        shown = self._glyphs.replace_in(title).replace("\n", " ")
        lines = wrap(shown, bold(), 12, self._layout.width)
        height = _SECTION_GAP + len(lines) * 16 + 24 + chart_height + self._headings_height()
        if self._y - height - 3 * self._layout.line_height < MARGIN + _FOOTER_HEIGHT:
            self._end_page()
            self._start_page()
        elif self._y < self._top:
            self._y -= _SECTION_GAP
        self._sections += 1
        key = f"section-{self._sections}"
        self._canvas.bookmarkPage(key, fit="XYZ", left=0, top=self._y + 4, zoom=0)
        self._canvas.addOutlineEntry(shown, key, level=0)
        self._draw_prose(lines, bold(), 12, INK)
        if totals:
            self._draw_prose([self._glyphs.replace_in(f"Totals: {totals}")], regular(), 8, SOFT)
        self._y -= 8

    def _draw_prose(self, paragraphs: Iterable[str], face: Face, size: float, color: str) -> None:
        for paragraph in paragraphs:
            for line in wrap(paragraph, face, size, self._layout.width):
                self._advance(size * 1.35)
                self._pen.text(MARGIN, self._y, line, face, size, color)

    def _advance(self, height: float) -> None:
        """Move down by a line of prose, to the next page if this one is full."""
        if self._y - height < MARGIN + _FOOTER_HEIGHT:
            self._end_page()
            self._start_page()
        self._y -= height

    # Table

    def _lines_left(self) -> int:
        """Lines of a row that still fit on this page."""
        return int((self._y - MARGIN - _FOOTER_HEIGHT + 6 - PADDING) / self._layout.line_height)

    def _lines_per_page(self) -> int:
        """Lines of a row that fit below the headings of an otherwise empty page."""
        height = self._layout.page[1] - 2 * MARGIN - _FOOTER_HEIGHT - 14 - self._headings_height()
        return int((height + 6 - PADDING) / self._layout.line_height)

    def _headings_height(self) -> float:
        layout = self._layout
        if layout.has_upright_headings:
            lines = (line for heading in self._headings for line in heading)
            return max((bold().width(line, layout.size) for line in lines), default=0.0) + 2 * PADDING
        return max(map(len, self._headings), default=1) * layout.line_height + PADDING

    def _draw_headings(self) -> None:
        height = self._headings_height()
        # With room for at least three lines below them.
        if self._y - height - 3 * self._layout.line_height < MARGIN + _FOOTER_HEIGHT:
            self._end_page()
            self._start_page()
        self._pen.band(MARGIN, self._y - height, self._layout.table_width, height, BAND)
        if self._layout.has_upright_headings:
            self._draw_upright_headings(self._y - height + PADDING)
        else:
            self._draw_cells(self._headings, 0, _MAX_HEADING_LINES, bold())
        self._y -= height
        self._pen.rule(MARGIN, self._y, self._layout.table_width, 0.8, FAINT)

    def _draw_upright_headings(self, bottom: float) -> None:
        layout = self._layout
        for lines, column in zip(self._headings, layout.columns, strict=True):
            # A second line would run into the next column.
            line = lines[0] if len(lines) == 1 else f"{lines[0]}…"
            x = column.x + (layout.size * 0.8 if column.alignment == "left" else column.width)
            self._pen.text(x, bottom, line, bold(), layout.size, matrix=UPRIGHT)

    def _draw_highlights(self, highlights: Sequence[int | None], height: float) -> None:
        for style, column in zip(highlights, self._layout.columns, strict=True):
            if style is not None:
                x, width = column.x - self._layout.gap, column.width + 2 * self._layout.gap
                self._pen.band(x, self._y - height, width, height, HIGHLIGHTS[style].band)

    def _draw_cells(
        self,
        cells: Sequence[Sequence[str]],
        start: int,
        stop: int,
        face: Face,
        highlights: Sequence[int | None] | None = None,
    ) -> None:
        """Draw lines `start` to `stop` of each cell."""
        first_baseline = self._first_baseline()
        for at, (lines, column) in enumerate(zip(cells, self._layout.columns, strict=True)):
            y, ink = first_baseline, INK
            if lines is _NULL:
                ink = FAINT
            elif highlights and (style := highlights[at]) is not None:
                ink = HIGHLIGHTS[style].ink
            for line in lines[start:stop]:
                x, size = self._place(line, column, face)
                self._pen.text(x, y, line, face, size, ink)
                y -= self._layout.line_height

    def _lines(self, text: str | None, column: Column) -> list[str]:
        if text is None:
            return _NULL
        face, size = regular(), self._layout.size
        if not column.may_wrap and face.width(text, size) * _SMALLEST <= column.width:
            return [text]
        return wrap(text, face, size, column.width)

    def _place(self, line: str, column: Column, face: Face) -> tuple[float, float]:
        """Where a line of a cell starts, and its type size."""
        size = self._layout.size
        width = face.width(line, size)
        if is_right_to_left(line):
            return column.x + column.width - width, size
        if width > column.width and not column.may_wrap:
            size *= column.width / width
            width = column.width
        return column.start(line, width, face, size), size

    def _first_baseline(self) -> float:
        """The baseline of the first line of a row that starts here."""
        return self._y - self._layout.size - PADDING / 2 + 0.8


def _heading(name: str, size: float, width: float) -> list[str]:
    lines = heading_lines(name, bold(), size, width)
    return lines if len(lines) <= _MAX_HEADING_LINES else [*lines[: _MAX_HEADING_LINES - 1], "…"]
