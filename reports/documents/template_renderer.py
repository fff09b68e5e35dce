"""A designed pdf: the rows are collected, and the report's template is compiled with all of them at the end."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.documents import context
from reports.documents.compiler import CompileRequest, compile_document
from reports.exceptions import FormatCannotHold
from reports.rendering import RENDERERS
from reports.rendering.base import Document, Renderer, Template, Writer

#: The most that Typst lays out within seconds and a gigabyte. See docs/dependencies.md.
MAX_ROWS = 5_000
MAX_BYTES = 16 * 2**20


class TemplateWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        self._out = out
        self._schema = schema
        self._document = document
        self._template = document.template or Template(text="")
        self._columns: list[list[str | None]] = [[] for _ in schema]
        self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._bytes += batch.nbytes
        if self._bytes > MAX_BYTES:
            raise FormatCannotHold(
                f"A designed document can have at most {MAX_BYTES // 2**20} MB of values, and this result has more. "
                "Choose csv or parquet instead."
            )
        for column, texts in zip(self._columns, context.column_texts(batch), strict=True):
            column.extend(texts)

    def close(self, *, rows: int, truncated: str | None) -> None:
        request = CompileRequest(
            template=self._template.text,
            data=context.as_json(self._document, self._schema, self._columns, truncated),
            timestamp=self._document.generated_at,
            seconds=self._template.seconds,
            memory_bytes=self._template.memory_bytes,
        )
        self._out.write(compile_document(request).files[0])


class TemplateRenderer(Renderer):
    format: ClassVar[str] = "pdf"
    media_type: ClassVar[str] = "application/pdf"
    extension: ClassVar[str] = "pdf"
    max_rows: ClassVar[int | None] = MAX_ROWS
    streams: ClassVar[bool] = False

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return TemplateWriter(out, schema, document)


def renderer_for(format: str, template: object) -> Renderer:
    """The renderer of a format for a report with or without a template, which replaces its pdf only."""
    return TemplateRenderer() if format == "pdf" and template else RENDERERS[format]


def file_noun(renderer: Renderer) -> str:
    """The word for the renderer's files in a sentence, without an article."""
    return "designed document" if isinstance(renderer, TemplateRenderer) else f"{renderer.format} file"
