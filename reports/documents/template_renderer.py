"""A designed pdf: the rows are collected, and the report's template is compiled with all of them at the end."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.documents import context
from reports.documents.compiler import CompileRequest, compile_document
from reports.exceptions import FormatCannotHold
from reports.rendering import RENDERERS
from reports.rendering.base import Document, Renderer, Section, SectionsWriter, Template, Writer

#: The most that Typst lays out within seconds and a gigabyte. See docs/dependencies.md.
MAX_ROWS = 5_000
MAX_BYTES = 16 * 2**20


class _Document:
    """The document, and the texts of its tables."""

    def __init__(self, out: BinaryIO, document: Document) -> None:
        self._out = out
        self._document = document
        self._tables: list[_Table] = []
        self._bytes = 0

    def add_table(self, schema: pa.Schema, section: Section | None = None) -> _Table:
        self._tables.append(_Table(self, schema, section))
        return self._tables[-1]

    def count(self, size: int) -> None:
        """Count bytes of rows. Raises FormatCannotHold if the document has too many."""
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise FormatCannotHold(
                f"A designed document can have at most {MAX_BYTES // 2**20} MB of values, and this result has more. "
                "Choose csv or parquet instead."
            )

    def compile(self, truncated: str | None) -> None:
        template = self._document.template or Template(text="")
        tables = [context.Table(table.schema, table.columns, table.section) for table in self._tables]
        request = CompileRequest(
            template=template.text,
            data=context.as_json(self._document, tables, truncated),
            timestamp=self._document.generated_at,
            seconds=template.seconds,
            memory_bytes=template.memory_bytes,
        )
        self._out.write(compile_document(request).files[0])


class _Table(Writer):
    """Collects the texts of a table."""

    def __init__(self, document: _Document, schema: pa.Schema, section: Section | None) -> None:
        self._document = document
        self.schema = schema
        self.section = section
        self.columns: list[list[str | None]] = [[] for _ in schema]

    def write(self, batch: pa.RecordBatch) -> None:
        self._document.count(batch.nbytes)
        for column, texts in zip(self.columns, context.column_texts(batch), strict=True):
            column.extend(texts)

    def close(self, *, rows: int, truncated: str | None) -> None:
        """The document is compiled when it has all sections."""


class TemplateWriter(Writer):
    """A document with the rows of a report."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        self._document = _Document(out, document)
        self._table = self._document.add_table(schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._table.write(batch)

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._document.compile(truncated)


class TemplateSectionsWriter(SectionsWriter):
    """A document with the rows of all sections."""

    def __init__(self, out: BinaryIO, document: Document) -> None:
        self._document = _Document(out, document)

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        return self._document.add_table(schema, section)

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._document.compile(truncated)


class TemplateRenderer(Renderer):
    format: ClassVar[str] = "pdf"
    media_type: ClassVar[str] = "application/pdf"
    extension: ClassVar[str] = "pdf"
    has_sections: ClassVar[bool] = True
    max_rows: ClassVar[int | None] = MAX_ROWS
    streams: ClassVar[bool] = False

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return TemplateWriter(out, schema, document)

    def open_sections(self, out: BinaryIO, document: Document) -> SectionsWriter:
        return TemplateSectionsWriter(out, document)


def renderer_for(format: str, template: object) -> Renderer:
    """The renderer of a format for a report with or without a template, which replaces its pdf only."""
    return TemplateRenderer() if format == "pdf" and template else RENDERERS[format]


def file_noun(renderer: Renderer) -> str:
    """The word for the renderer's files in a sentence, without an article."""
    return "designed document" if isinstance(renderer, TemplateRenderer) else f"{renderer.format} file"
