"""Formats: each renderer turns Arrow record batches into a file. The exact rules are in docs/formats.md."""

from __future__ import annotations

from reports.rendering.base import Renderer
from reports.rendering.html import HtmlRenderer
from reports.rendering.parquet import ParquetRenderer
from reports.rendering.text import CsvRenderer, JsonRenderer, NdjsonRenderer
from reports.rendering.xlsx import XlsxRenderer

RENDERERS: dict[str, Renderer] = {
    renderer.format: renderer
    for renderer in (CsvRenderer(), JsonRenderer(), NdjsonRenderer(), ParquetRenderer(), XlsxRenderer(), HtmlRenderer())
}
