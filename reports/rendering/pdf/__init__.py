"""PDF without a template: a table over pages.

`writer` takes the rows, `layout` gives columns their places, `pages` draws row by row with a `pen`. Text is measured
and broken by `fonts`; what is more than letters in a row is ordered by `bidi`, broken by `breaking`, given a font by
`fallback`, glyphs by `shaping`, and put into the file by `embedding`.
"""

from reports.rendering.pdf.writer import PdfRenderer

__all__ = ["PdfRenderer"]
