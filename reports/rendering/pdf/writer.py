"""PDF: pages drawn one after another, in time that grows with the rows and memory that grows with the file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.column_text import display_text
from reports.rendering.kinds import Kind, kind_of
from reports.rendering.pdf.fonts import Glyphs, regular
from reports.rendering.pdf.layout import SAMPLE_ROWS, lay_out
from reports.rendering.pdf.pages import Pages
from reports.rendering.pdf.totals import Band, bands, widened
from reports.rendering.text_arrays import slices
from reports.rendering.totals.group_totals import Totals

log = logging.getLogger(__name__)
MAX_COLUMNS = 40


class PdfWriter:
    """The layout is decided by the first rows, so nothing is drawn before they are there."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        if len(schema) > MAX_COLUMNS:
            message = f"The result has {len(schema)} columns, a page has room for {MAX_COLUMNS}. xlsx holds them."
            raise FormatCannotHold(message, alternative="xlsx")
        self._canvas = _canvas(out, document)
        self._schema = schema
        self._document = document
        self._glyphs = Glyphs()
        self._totals = Totals(document.totals, schema) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None
        self._pages: Pages | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart is not None:
            self._chart.add(batch)
        for piece in slices(batch):
            columns = [self._texts(column) for column in piece.columns]
            pages = self._pages or self._begin([column[:SAMPLE_ROWS] for column in columns])
            waiting = self._bands(piece)
            for at, row in enumerate(zip(*columns, strict=True)):
                for band in waiting.get(at, ()):
                    pages.draw_total(band)
                pages.draw_row(row)

    def close(self, *, rows: int, truncated: str | None) -> None:
        pages = self._pages or self._begin([[] for _ in self._schema])
        if self._totals is not None:
            for band in bands(self._totals.finish(truncated=bool(truncated)), self._totals, self._glyphs):
                pages.draw_total(band)
        pages.finish(rows, truncated)
        self._canvas.save()
        for sentence in self._glyphs.notes():
            log.warning(sentence, extra={"title": self._document.title})

    def _bands(self, piece: pa.RecordBatch) -> dict[int, list[Band]]:
        """Lines of totals by the row of the piece that they stand before."""
        waiting: dict[int, list[Band]] = {}
        if self._totals is not None:
            lines = self._totals.add(piece)
            for before, band in zip(lines.before, bands(lines, self._totals, self._glyphs), strict=True):
                waiting.setdefault(before, []).append(band)
        return waiting

    def _begin(self, sample: Sequence[Sequence[str | None]]) -> Pages:
        names = [self._glyphs.shown(name) for name in self._schema.names]
        described = ""
        if self._totals is not None:
            sample, described = widened(sample, self._totals), self._totals.description()
        layout = lay_out(names, [kind_of(field.type) for field in self._schema], sample)
        self._pages = Pages(self._canvas, self._document, layout, self._glyphs, totals=described, chart=self._chart)
        return self._pages

    def _texts(self, column: pa.Array) -> list[str | None]:
        texts = display_text(column)
        if kind_of(column.type) is Kind.TIMESTAMP:
            texts = pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1")
        shown = self._glyphs.shown
        return [None if value is None else shown(value) for value in texts.to_pylist()]


def _canvas(out: BinaryIO, document: Document) -> Any:
    from reportlab import rl_config
    from reportlab.pdfgen.canvas import Canvas

    # Base-85 keeps pages printable for mail gateways of old; it costs half of the time and a quarter of the size.
    rl_config.useA85 = 0
    # The stubs take this name for a number; without it, every file names a Helvetica that it never uses.
    font: Any = regular().font.fontName
    canvas = Canvas(out, pageCompression=1, lang="en", initialFontName=font)
    canvas.setTitle(document.title)
    canvas.setSubject(document.description)
    canvas.setAuthor("")
    canvas.setCreator("Report server")
    return canvas


class PdfRenderer:
    format: ClassVar[str] = "pdf"
    media_type: ClassVar[str] = "application/pdf"
    extension: ClassVar[str] = "pdf"
    #: Thousands of pages: nobody reads more, and viewers become slow.
    max_rows: ClassVar[int | None] = 100_000
    streams: ClassVar[bool] = False

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return PdfWriter(out, schema, document)
