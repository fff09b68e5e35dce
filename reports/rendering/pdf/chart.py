"""The chart in a PDF: shapes and text, in a place kept free on the first page until all rows are known."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from reports.rendering.charts.chart import Chart, ChartStyle, Drawing
from reports.rendering.charts.theme import expected_size
from reports.rendering.pdf.fonts import Glyphs, regular, wrapped
from reports.rendering.pdf.layout import MARGIN, Layout
from reports.rendering.pdf.pen import ALERT, SOFT, Pen

_LOOK = ChartStyle("pdf", font="DejaVu Sans")
_PLACE, _DRAWING = "chart", "drawing"
#: Points of a pixel, and the most that a chart is high: the table begins on the same page.
_SCALE = 0.75
_MAX_HEIGHT = 330.0
#: What is kept free below the drawing for a line about it, and the type size of that.
_BELOW = 22.0
_SMALL = 7.5


class ChartPlace:
    """Where the chart will be. `height` is what it takes of the page, in points."""

    def __init__(self, canvas: Any, chart: Chart, layout: Layout) -> None:
        width, height = expected_size(chart.spec)
        self._canvas = canvas
        self._chart = chart
        self._width = layout.width
        self._room = height * min(_SCALE, layout.width / width, _MAX_HEIGHT / height)
        self.height = self._room + _BELOW

    def keep(self, y: float) -> None:
        """Keep the place below `y` on this page."""
        self._canvas.addLiteral(f"q 1 0 0 1 {MARGIN:.2f} {y - self.height:.2f} cm")
        self._canvas.doForm(_PLACE)
        self._canvas.addLiteral("Q")

    def draw(self, glyphs: Glyphs, *, truncated: bool) -> None:
        """Draw the chart, once and for all. Raises DesignMismatch."""
        drawing = self._chart.draw(_LOOK, truncated=truncated, displayable=glyphs.shown)
        self._canvas.beginForm(_PLACE, 0, 0, self._width, self.height)
        if drawing.content:
            _add_form(self._canvas, drawing)
            scale = min(_SCALE, self._width / drawing.width, self._room / drawing.height)
            top = self.height - drawing.height * scale
            self._canvas.addLiteral(f"q {scale:.4f} 0 0 {scale:.4f} 0 {top:.2f} cm")
            self._canvas.doForm(_DRAWING)
            self._canvas.addLiteral("Q")
        if drawing.note:
            self._write_note(drawing, glyphs)
        self._canvas.endForm()

    def _write_note(self, drawing: Drawing, glyphs: Glyphs) -> None:
        pen, y = Pen(self._canvas), self.height - 12 if not drawing.content else _BELOW - 10
        for line in wrapped(glyphs.shown(drawing.note), regular(), _SMALL, self._width):
            pen.text(0, y, line, regular(), _SMALL, SOFT if drawing.content else ALERT)
            y -= _SMALL * 1.3
        pen.flush()


def _add_form(canvas: Any, drawing: Drawing) -> None:
    """Take the only page of another PDF into this one."""
    from pypdf import PdfReader
    from reportlab.pdfbase.pdfdoc import PDFFormXObject

    page = PdfReader(BytesIO(drawing.content)).pages[0]
    content = page.get_contents()
    form = PDFFormXObject(0, 0, float(page.mediabox.width), float(page.mediabox.height))
    form.compression = 1
    form.stream = b"" if content is None else content.get_data()
    form.Resources = _Copier(canvas._doc).copied(page["/Resources"])
    canvas._doc.addForm(_DRAWING, form)


class _Copier:
    """Copies the values of a PDF that pypdf read into one that reportlab writes."""

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._copied: dict[tuple[int, int], Any] = {}

    def copied(self, value: Any) -> Any:
        from pypdf import generic
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary

        if isinstance(value, generic.IndirectObject):
            return self._referred(value)
        if isinstance(value, generic.DictionaryObject):
            return PDFDictionary(self._entries(value))
        if isinstance(value, generic.ArrayObject):
            return PDFArray([self.copied(item) for item in value])
        if isinstance(value, generic.TextStringObject | generic.ByteStringObject):
            return f"<{value.original_bytes.hex()}>"
        if isinstance(value, generic.BooleanObject):
            return "true" if value.value else "false"
        return "null" if isinstance(value, generic.NullObject) else str(value)

    def _referred(self, value: Any) -> Any:
        from pypdf.generic import StreamObject
        from reportlab.pdfbase.pdfdoc import PDFDictionary, PDFStream

        key = (value.idnum, value.generation)
        if key not in self._copied:
            found = value.get_object()
            if isinstance(found, StreamObject):
                entries = self._entries({name: part for name, part in found.items() if name != "/Length"})
                self._copied[key] = self._pdf.Reference(PDFStream(PDFDictionary(entries), found._data))
            else:
                self._copied[key] = self._pdf.Reference(self.copied(found))
        return self._copied[key]

    def _entries(self, dictionary: Mapping[str, Any]) -> dict[str, Any]:
        return {name.removeprefix("/"): self.copied(_raw(dictionary, name)) for name in dictionary}


def _raw(dictionary: Any, name: str) -> Any:
    """The value, as a reference where it is one: pypdf follows it otherwise, and its copy would be there twice."""
    return dictionary.raw_get(name) if hasattr(dictionary, "raw_get") else dictionary[name]
