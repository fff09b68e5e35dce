"""The chart in a PDF: drawn last, into space reserved above its table, because it needs all rows."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from reports.rendering.charts.chart import Chart, ChartStyle, Drawing
from reports.rendering.charts.theme import expected_size
from reports.rendering.pdf.fonts import MissingGlyphs, regular, wrap
from reports.rendering.pdf.layout import MARGIN, Layout
from reports.rendering.pdf.pen import ALERT, SOFT, Pen

_STYLE = ChartStyle("pdf", font="DejaVu Sans")
#: Points per CSS pixel.
_SCALE = 0.75
#: The table starts on the same page, so the chart may not fill it.
_MAX_HEIGHT = 330.0
#: Space below the drawing for a note, and the note's type size.
_NOTE_HEIGHT = 22.0
_NOTE_SIZE = 7.5


class ChartSpace:
    """The space reserved for the chart. `height` is in points."""

    def __init__(self, canvas: Any, chart: Chart, layout: Layout, number: int) -> None:
        """`number` is 1 for the first chart of the document."""
        suffix = "" if number == 1 else f"-{number}"
        self._space_form, self._drawing_form = f"chart{suffix}", f"drawing{suffix}"
        width, height = expected_size(chart.spec)
        self._canvas = canvas
        self._chart = chart
        self._width = layout.width
        scale = min(_SCALE, layout.width / width, _MAX_HEIGHT / height)
        self._drawing_height = 0.0 if chart.is_empty else height * scale
        self.height = self._drawing_height + _NOTE_HEIGHT

    def reserve(self, y: float) -> None:
        """Reserve the space below `y` on the current page."""
        self._canvas.addLiteral(f"q 1 0 0 1 {MARGIN:.2f} {y - self.height:.2f} cm")
        self._canvas.doForm(self._space_form)
        self._canvas.addLiteral("Q")

    def draw(self, glyphs: MissingGlyphs, *, truncated: bool) -> None:
        """Draw the chart; to be called once. Raises DesignMismatch."""
        drawing = self._chart.draw(_STYLE, truncated=truncated, displayable=glyphs.replace_in)
        self._canvas.beginForm(self._space_form, 0, 0, self._width, self.height)
        if drawing.content:
            _add_form(self._canvas, self._drawing_form, drawing)
            scale = min(_SCALE, self._width / drawing.width, self._drawing_height / drawing.height)
            top = self.height - drawing.height * scale
            self._canvas.addLiteral(f"q {scale:.4f} 0 0 {scale:.4f} 0 {top:.2f} cm")
            self._canvas.doForm(self._drawing_form)
            self._canvas.addLiteral("Q")
        if drawing.note:
            # Without a drawing, the note explains why, and comes first.
            y = _NOTE_HEIGHT - 10 if drawing.content else self.height - 12
            color = SOFT if drawing.content or self._chart.is_empty else ALERT
            pen = Pen(self._canvas)
            for line in wrap(glyphs.replace_in(drawing.note), regular(), _NOTE_SIZE, self._width):
                pen.text(0, y, line, regular(), _NOTE_SIZE, color)
                y -= _NOTE_SIZE * 1.3
            pen.flush()
        self._canvas.endForm()


def _add_form(canvas: Any, name: str, drawing: Drawing) -> None:
    """Copy the only page of the drawing, a PDF of its own, into this document as a form."""
    from pypdf import PdfReader
    from reportlab.pdfbase.pdfdoc import PDFFormXObject

    page = PdfReader(BytesIO(drawing.content)).pages[0]
    content = page.get_contents()
    form = PDFFormXObject(0, 0, float(page.mediabox.width), float(page.mediabox.height))
    form.compression = 1
    form.stream = b"" if content is None else content.get_data()
    form.Resources = _Copier(canvas._doc).copy(page["/Resources"])
    canvas._doc.addForm(name, form)


class _Copier:
    """Converts objects of a PDF read by pypdf to objects that ReportLab writes."""

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._references: dict[tuple[int, int], Any] = {}

    def copy(self, value: Any) -> Any:
        from pypdf import generic
        from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary

        if isinstance(value, generic.IndirectObject):
            return self._copy_reference(value)
        if isinstance(value, generic.DictionaryObject):
            return PDFDictionary(self._copy_entries(value))
        if isinstance(value, generic.ArrayObject):
            return PDFArray([self.copy(item) for item in value])
        if isinstance(value, generic.TextStringObject | generic.ByteStringObject):
            return f"<{value.original_bytes.hex()}>"
        if isinstance(value, generic.BooleanObject):
            return "true" if value.value else "false"
        return "null" if isinstance(value, generic.NullObject) else str(value)

    def _copy_reference(self, reference: Any) -> Any:
        """Copy an indirect object once, however many references it has."""
        from pypdf.generic import StreamObject
        from reportlab.pdfbase.pdfdoc import PDFDictionary, PDFStream

        key = (reference.idnum, reference.generation)
        if key not in self._references:
            value = reference.get_object()
            if isinstance(value, StreamObject):
                entries = self._copy_entries({name: part for name, part in value.items() if name != "/Length"})
                copied = PDFStream(PDFDictionary(entries), value._data)
            else:
                copied = self.copy(value)
            self._references[key] = self._pdf.Reference(copied)
        return self._references[key]

    def _copy_entries(self, dictionary: Any) -> dict[str, Any]:
        # pypdf's dictionaries resolve references; raw_get keeps them, so that nothing is copied twice.
        get = getattr(dictionary, "raw_get", dictionary.__getitem__)
        return {name.removeprefix("/"): self.copy(get(name)) for name in dictionary}
