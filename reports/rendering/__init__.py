"""File formats: each renderer turns Arrow record batches into a file. The exact rules are in docs/formats.md.

To add a format, write its renderer (see base.py), add it to RENDERERS and to `Format` in
reports/definitions/field_types.py, and run `manage.py export --schema -o reports/definitions.schema.json`.
"""

from __future__ import annotations

import pyarrow as pa

from accounts.localization import DEFAULT
from reports.rendering.base import CsvOptions, Document, Renderer, Writer
from reports.rendering.csv_writer import CsvRenderer
from reports.rendering.html.writer import HtmlRenderer
from reports.rendering.json_writer import JsonRenderer, NdjsonRenderer
from reports.rendering.parquet_writer import ParquetRenderer
from reports.rendering.pdf import PdfRenderer
from reports.rendering.xlsx.workbook import XlsxRenderer

__all__ = ["ONE_SECTION", "RENDERERS", "CsvOptions", "Document", "Renderer", "Writer", "preload"]

RENDERERS: dict[str, Renderer] = {
    "csv": CsvRenderer(),
    "json": JsonRenderer(),
    "ndjson": NdjsonRenderer(),
    "xlsx": XlsxRenderer(),
    "parquet": ParquetRenderer(),
    "html": HtmlRenderer(),
    "pdf": PdfRenderer(),
}
#: Formats whose files have one section of a report.
ONE_SECTION = frozenset(name for name, renderer in RENDERERS.items() if not renderer.has_sections)


def preload() -> None:
    """Do the slow part of the first rendering before workers fork, so that not every child does it again.

    Starts no thread, because threads don't survive a fork.
    """
    import reportlab.pdfgen.canvas  # noqa: F401

    from reports.rendering.columns.numerals import numerals_of
    from reports.rendering.pdf import fallback, fonts

    # The first cast registers all of Arrow's casts.
    pa.array([0]).cast(pa.string())
    # Reads a file of the locale's names.
    numerals_of(DEFAULT)
    fonts.regular()
    fonts.bold()
    fallback.font_for("\u4e2d")
