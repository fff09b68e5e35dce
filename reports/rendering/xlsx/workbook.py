"""The xlsx format: a zip of XML that Arrow joins and that is written at once, so memory doesn't grow with the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.rendering.base import Document, Renderer, Section, SectionsWriter, Writer
from reports.rendering.xlsx.about_sheet import about_facts, totals_fact
from reports.rendering.xlsx.book import Book
from reports.rendering.xlsx.table import SHEET_ROWS, Table


class XlsxWriter(Writer):
    """A workbook with one table."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document, sheet_rows: int = SHEET_ROWS) -> None:
        self._book = Book(out, document)
        self._document = document
        self._table = Table(self._book, schema, document, "Data", document.title, sheet_rows)

    def write(self, batch: pa.RecordBatch) -> None:
        self._table.write(batch)

    def close(self, *, rows: int, truncated: str | None) -> None:
        table = self._table
        table.close(rows=rows, truncated=truncated)
        facts = about_facts(self._document, rows, truncated, table.sheets, self._book.cells.cut_texts)
        if table.totals:
            facts.append(totals_fact(table.totals.description()))
        charts = [("Chart", table.title, table.chart, bool(truncated))] if table.chart else []
        self._book.close(facts, charts)


class XlsxSectionsWriter(SectionsWriter):
    """A workbook with a sheet for each section, followed by those of the charts."""

    def __init__(self, out: BinaryIO, document: Document, sheet_rows: int = SHEET_ROWS) -> None:
        self._book = Book(out, document)
        self._document = document
        self._sheet_rows = sheet_rows
        self._names = {section.name: self._book.unused_name(section.title) for section in document.sections}
        self._tables: list[Table] = []

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        document, name = self._document.of_section(section), self._names[section.name]
        self._tables.append(Table(self._book, schema, document, name, section.title, self._sheet_rows))
        return self._tables[-1]

    def close(self, *, rows: int, truncated: str | None) -> None:
        most_sheets = max(table.sheets for table in self._tables)
        facts = about_facts(self._document, rows, truncated, most_sheets, self._book.cells.cut_texts)
        for table in self._tables:
            facts.append((f"Rows of {table.title}", table.rows))
            if table.totals:
                label, sentence = totals_fact(table.totals.description())
                facts.append((f"{label} of {table.title}", sentence))
        charts = [
            (self._book.unused_name(f"Chart {table.title}"), table.title, table.chart, table.is_cut)
            for table in self._tables
            if table.chart
        ]
        self._book.close(facts, charts)


@dataclass(frozen=True)
class XlsxRenderer(Renderer):
    format: ClassVar[str] = "xlsx"
    media_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension: ClassVar[str] = "xlsx"
    has_sections: ClassVar[bool] = True

    #: Including the header.
    sheet_rows: int = SHEET_ROWS

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return XlsxWriter(out, schema, document, self.sheet_rows)

    def open_sections(self, out: BinaryIO, document: Document) -> SectionsWriter:
        return XlsxSectionsWriter(out, document, self.sheet_rows)
