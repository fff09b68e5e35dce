"""PDF without a template: one table over as many pages as it needs.

`writer` receives the rows, `layout` decides page, type size and column widths, `pages` draws row by row with a `pen`.
`fonts` measures, wraps and encodes text. Scripts that need more than one glyph per character go through `breaking`
(line breaks), `bidi` (direction), `fallback` (which font), `shaping` (glyphs) and `embedding` (the font file).
"""

from reports.rendering.pdf.writer import PdfRenderer

__all__ = ["PdfRenderer"]
