"""The PDF renderer. Time grows with the rows; memory grows with the file, because ReportLab keeps its pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Renderer, Section, SectionsWriter, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.columns.views import column_views
from reports.rendering.pdf.fonts import MissingGlyphs, regular
from reports.rendering.pdf.layout import SAMPLE_ROWS, lay_out
from reports.rendering.pdf.pages import Pages
from reports.rendering.pdf.totals import Band, bands, widen_sample
from reports.rendering.text_arrays import slices
from reports.rendering.totals.group_totals import TotalRows, Totals

log = logging.getLogger(__name__)
MAX_COLUMNS = 40


class Book:
    """The file that is being written, and what its tables share."""

    def __init__(self, out: BinaryIO, document: Document) -> None:
        self.glyphs = MissingGlyphs()
        self._canvas = _canvas(out, document)
        self._document = document
        self.pages = Pages(self._canvas, document, self.glyphs)

    def close(self, truncated: str | None) -> None:
        self.pages.finish(truncated)
        self._canvas.save()
        for sentence in self.glyphs.notes():
            log.warning(sentence, extra={"title": self._document.title})


class Table(Writer):
    """Draws nothing before the first rows are there, because they decide the layout."""

    def __init__(self, book: Book, schema: pa.Schema, document: Document, title: str = "") -> None:
        """`document` has the columns, totals and chart of the table; `title` is that of its section."""
        self._views = column_views(schema, document.columns, document.locale)
        self._visible = [column for column, view in enumerate(self._views) if not view.is_hidden]
        if len(self._visible) > MAX_COLUMNS:
            number = len(self._visible)
            message = f"The result has {number} columns, but a page fits only {MAX_COLUMNS}. Choose xlsx instead."
            raise FormatCannotHold(message, alternative="xlsx")
        self._pages = book.pages
        self._glyphs = book.glyphs
        self._title = title
        self._totals = Totals(document.totals, schema, self._views) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None
        self._has_begun = False

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart is not None:
            self._chart.add(batch)
        pages = self._pages
        for part in slices(batch):
            columns = [self._texts(self._views[at].texts(part.column(at))) for at in self._visible]
            highlights = self._highlights(part)
            if not self._has_begun:
                self._begin([_sample(column) for column in columns])
            bands_before_row = self._bands_by_row(part)
            for number, row in enumerate(zip(*columns, strict=True)):
                for band in bands_before_row.get(number, ()):
                    pages.draw_total(band)
                pages.draw_row(row, highlights[number] if highlights else None)

    def close(self, *, rows: int, truncated: str | None) -> None:
        if not self._has_begun:
            self._begin([[] for _ in self._visible])
        if self._totals is not None:
            for band in self._bands(self._totals.finish(truncated=bool(truncated)), self._totals):
                self._pages.draw_total(band)
        self._pages.end_table(rows, truncated)

    def _begin(self, sample: Sequence[Sequence[str | None]]) -> None:
        """Decide the layout and draw what stands above the rows. `sample` has the texts of the first rows by column."""
        self._has_begun = True
        views = [self._views[column] for column in self._visible]
        labels = [self._glyphs.replace_in(view.label) for view in views]
        description_of_totals = ""
        if self._totals is not None:
            functions = self._totals.functions()
            shown = {at: functions[column] for at, column in enumerate(self._visible) if column in functions}
            sample = widen_sample(sample, shown)
            description_of_totals = self._totals.description()
        layout = lay_out(labels, views, sample)
        self._pages.begin_table(layout, totals=description_of_totals, chart=self._chart, title=self._title)

    def _bands_by_row(self, part: pa.RecordBatch) -> dict[int, list[Band]]:
        """Rows of totals, by the number of the row in the part that they precede."""
        by_row: dict[int, list[Band]] = {}
        if self._totals is not None:
            total_rows = self._totals.add(part)
            for row, band in zip(total_rows.before, self._bands(total_rows, self._totals), strict=True):
                by_row.setdefault(row, []).append(band)
        return by_row

    def _bands(self, total_rows: TotalRows, totals: Totals) -> Iterator[Band]:
        return bands(total_rows, totals, self._views, self._glyphs)

    def _highlights(self, part: pa.RecordBatch) -> list[tuple[int | None, ...]] | None:
        """By row: the number of each cell's style in highlights.STYLES. None: the report highlights nothing."""
        columns = [self._views[at].highlighted(part.column(at)) for at in self._visible]
        if all(column is None for column in columns):
            return None
        nothing = [None] * part.num_rows
        return list(zip(*(nothing if column is None else column.to_pylist() for column in columns), strict=True))

    def _texts(self, texts: pa.Array) -> list[str | None]:
        replace_in = self._glyphs.replace_in
        return [None if text is None else replace_in(text) for text in texts.to_pylist()]


class PdfWriter(Writer):
    """A file with one table."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        self._book = Book(out, document)
        self._table = Table(self._book, schema, document)

    def write(self, batch: pa.RecordBatch) -> None:
        self._table.write(batch)

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._table.close(rows=rows, truncated=truncated)
        self._book.close(truncated)


class PdfSectionsWriter(SectionsWriter):
    """A file with a table for each section, all of which are bookmarked."""

    def __init__(self, out: BinaryIO, document: Document) -> None:
        self._book = Book(out, document)
        self._document = document

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        return Table(self._book, schema, self._document.of_section(section), section.title)

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._book.close(truncated)


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
    has_sections: ClassVar[bool] = True
    #: Thousands of pages: nobody reads more, and viewers become slow.
    max_rows: ClassVar[int | None] = 100_000
    streams: ClassVar[bool] = False

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return PdfWriter(out, schema, document)

    def open_sections(self, out: BinaryIO, document: Document) -> SectionsWriter:
        return PdfSectionsWriter(out, document)
