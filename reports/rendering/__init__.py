"""Formats: each renderer turns Arrow record batches into a file. The exact rules are in docs/formats.md."""

from __future__ import annotations

import pyarrow as pa

from reports.rendering.base import CsvOptions, Document, Renderer, Writer
from reports.rendering.csv_writer import CsvRenderer
from reports.rendering.html.writer import HtmlRenderer
from reports.rendering.json_writer import JsonRenderer, NdjsonRenderer
from reports.rendering.parquet_writer import ParquetRenderer
from reports.rendering.pdf import PdfRenderer
from reports.rendering.xlsx.workbook import XlsxRenderer

__all__ = ["RENDERERS", "CsvOptions", "Document", "Renderer", "Writer", "preload"]

RENDERERS: dict[str, Renderer] = {
    "csv": CsvRenderer(),
    "json": JsonRenderer(),
    "ndjson": NdjsonRenderer(),
    "xlsx": XlsxRenderer(),
    "parquet": ParquetRenderer(),
    "html": HtmlRenderer(),
    "pdf": PdfRenderer(),
}


def preload() -> None:
    """Import, parse and set up what children forked from here would each do again; starts no thread."""
    import reportlab.pdfgen.canvas  # noqa: F401

    from reports.rendering.pdf import fallback, fonts

    # Arrow sets up all of its conversions with the first of them.
    pa.array([0]).cast(pa.string())
    fonts.regular()
    fonts.bold()
    fallback.font_for("\u4e2d")
