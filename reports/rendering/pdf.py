"""PDF: pages drawn one after another, in time that grows with the rows and memory that grows with the pages' bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Writer
from reports.rendering.cells import pieces, text
from reports.rendering.kinds import Kind, kind_of
from reports.rendering.pdf_fonts import Face, Glyphs, bold, regular, wrapped
from reports.rendering.pdf_layout import MARGIN, PADDING, SAMPLE_ROWS, Layout, lay_out
from reports.rendering.pdf_page import ALERT, BAND, FAINT, INK, SOFT, Pen

MAX_COLUMNS = 40
_FOOTER = 22.0
_SMALL = 7.0
#: Drawn on every page and defined after the last one, when the number of pages and the reason to stop are known.
_ENDING = "ending"
_NULL = "–"

Lines = list[str]


class PdfWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        if len(schema) > MAX_COLUMNS:
            message = f"The result has {len(schema)} columns, a page has room for {MAX_COLUMNS}. xlsx holds them."
            raise FormatCannotHold(message, alternative="xlsx")
        from reportlab.pdfgen.canvas import Canvas

        self._canvas: Any = Canvas(out, pageCompression=1)
        self._canvas.setTitle(document.title)
        self._schema = schema
        self._document = document
        self._glyphs = Glyphs()
        self._layout: Layout | None = None
        self._pages = 0
        self._y = 0.0

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            columns = [self._texts(column) for column in piece.columns]
            layout = self._layout or self._begin([column[:SAMPLE_ROWS] for column in columns])
            for row in zip(*columns, strict=True):
                self._draw_row(layout, row)

    def close(self, *, rows: int, truncated: str | None) -> None:
        layout = self._layout or self._begin([[] for _ in self._schema])
        self._draw_end(layout, rows, truncated)
        self._end_page()
        self._draw_ending(layout, truncated)
        self._canvas.save()

    def _texts(self, column: pa.Array) -> list[str | None]:
        texts = text(column)
        if kind_of(column.type) is Kind.TIMESTAMP:
            texts = pc.replace_substring(texts, "T", " ", max_replacements=1)
            texts = pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1")
        shown = self._glyphs.shown
        return [None if value is None else shown(value) for value in texts.to_pylist()]

    def _begin(self, sample: Sequence[Sequence[str | None]]) -> Layout:
        layout = self._layout = lay_out(self._schema, sample)
        self._canvas.setPageSize(layout.page)
        self._pen = Pen(self._canvas)
        shown = self._glyphs.shown
        self._heads = [
            wrapped(shown(column.name), bold(), layout.size, column.width) for column in layout.columns
        ]
        self._begin_page(layout)
        return layout

    def _begin_page(self, layout: Layout) -> None:
        self._pages += 1
        self._y = layout.page[1] - MARGIN
        if self._pages == 1:
            self._draw_title(layout)
        self._draw_head(layout)

    def _next_page(self, layout: Layout) -> None:
        self._end_page()
        self._begin_page(layout)

    def _end_page(self) -> None:
        layout = self._layout
        assert layout is not None
        self._draw_footer(layout)
        self._pen.flush()
        self._canvas.doForm(_ENDING)
        self._canvas.showPage()

    # -- the table -----------------------------------------------------------------------------------------------

    def _draw_row(self, layout: Layout, row: Sequence[str | None]) -> None:
        face, size = regular(), layout.size
        cells: list[Lines] = []
        height = 1
        for value, column in zip(row, layout.columns, strict=True):
            lines = [_NULL] if value is None else wrapped(value, face, size, column.width)
            cells.append(lines)
            height = max(height, len(lines))
        if height > self._room(layout):
            cells = self._over_pages(layout, cells, height)
            height = max(map(len, cells))
        self._draw_lines(layout, row, cells, height)

    def _room(self, layout: Layout) -> int:
        """Lines that fit below what is drawn."""
        return int((self._y - MARGIN - _FOOTER - PADDING) / layout.line)
