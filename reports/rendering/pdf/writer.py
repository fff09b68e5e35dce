"""The PDF renderer. Time grows with the rows; memory grows with the file, because ReportLab keeps its pages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Renderer, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.column_kinds import ColumnKind, kind_of
from reports.rendering.column_text import display_text
from reports.rendering.pdf.fonts import MissingGlyphs, regular
from reports.rendering.pdf.layout import SAMPLE_ROWS, lay_out
from reports.rendering.pdf.pages import Pages
from reports.rendering.pdf.totals import Band, bands, widen_sample
from reports.rendering.text_arrays import slices
from reports.rendering.totals.group_totals import Totals

log = logging.getLogger(__name__)
MAX_COLUMNS = 40


class PdfWriter:
    """Draws nothing before the first rows are there, because they decide the layout."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        if len(schema) > MAX_COLUMNS:
            message = f"The result has {len(schema)} columns, but a page fits only {MAX_COLUMNS}. Choose xlsx instead."
            raise FormatCannotHold(message, alternative="xlsx")
        self._canvas = _canvas(out, document)
        self._schema = schema
        self._document = document
        self._glyphs = MissingGlyphs()
        self._totals = Totals(document.totals, schema) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None
        self._pages: Pages | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart is not None:
            self._chart.add(batch)
        for part in slices(batch):
            columns = [self._texts(column) for column in part.columns]
            pages = self._pages or self._start([_sample(column) for column in columns])
            bands_before_row = self._bands_by_row(part)
            for number, row in enumerate(zip(*columns, strict=True)):
                for band in bands_before_row.get(number, ()):
                    pages.draw_total(band)
                pages.draw_row(row)

    def close(self, *, rows: int, truncated: str | None) -> None:
        pages = self._pages or self._start([[] for _ in self._schema])
        if self._totals is not None:
            for band in bands(self._totals.finish(truncated=bool(truncated)), self._totals, self._glyphs):
                pages.draw_total(band)
        pages.finish(rows, truncated)
        self._canvas.save()
        for sentence in self._glyphs.notes():
            log.warning(sentence, extra={"title": self._document.title})

    def _start(self, sample: Sequence[Sequence[str | None]]) -> Pages:
        """Decide the layout and draw what stands above the rows. `sample` has the texts of the first rows by column."""
        names = [self._glyphs.replace_in(name) for name in self._schema.names]
        description_of_totals = ""
        if self._totals is not None:
            sample = widen_sample(sample, self._totals)
            description_of_totals = self._totals.description()
        layout = lay_out(names, [kind_of(field.type) for field in self._schema], sample)
        self._pages = Pages(
            self._canvas, self._document, layout, self._glyphs, totals=description_of_totals, chart=self._chart
        )
        return self._pages

    def _bands_by_row(self, part: pa.RecordBatch) -> dict[int, list[Band]]:
        """Rows of totals, by the number of the row in the part that they precede."""
        by_row: dict[int, list[Band]] = {}
        if self._totals is not None:
            total_rows = self._totals.add(part)
            for row, band in zip(total_rows.before, bands(total_rows, self._totals, self._glyphs), strict=True):
                by_row.setdefault(row, []).append(band)
        return by_row

    def _texts(self, column: pa.Array) -> list[str | None]:
        texts = display_text(column)
        if kind_of(column.type) is ColumnKind.TIMESTAMP:
            texts = pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1")
        replace_in = self._glyphs.replace_in
        return [None if text is None else replace_in(text) for text in texts.to_pylist()]


def _sample(texts: Sequence[str | None]) -> list[str | None]:
    """The first texts of a column, and the longest single line of those at hand: a number should not be broken."""
    longest = max((text for text in texts if text and "\n" not in text), key=len, default=None)
    return [*texts[:SAMPLE_ROWS], longest]


def _canvas(out: BinaryIO, document: Document) -> Any:
    from reportlab import rl_config
    from reportlab.pdfgen.canvas import Canvas

    # Base-85 makes pages printable for ancient mail gateways, and costs half the time and a quarter of the size.
    rl_config.useA85 = 0
    # Without a font here, every file lists a Helvetica that it never uses. ReportLab's stubs expect a number.
    font: Any = regular().font.fontName
    canvas = Canvas(out, pageCompression=1, lang="en", initialFontName=font)
    canvas.setTitle(document.title)
    canvas.setSubject(document.description)
    canvas.setAuthor("")
    canvas.setCreator("Report server")
    return canvas


class PdfRenderer(Renderer):
    format: ClassVar[str] = "pdf"
    media_type: ClassVar[str] = "application/pdf"
    extension: ClassVar[str] = "pdf"
    #: Thousands of pages: nobody reads more, and viewers become slow.
    max_rows: ClassVar[int | None] = 100_000
    streams: ClassVar[bool] = False

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return PdfWriter(out, schema, document)
