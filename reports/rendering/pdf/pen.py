"""Drawing on PDF pages: text and rules go straight into the page content, because canvas calls are too slow."""

from __future__ import annotations

from typing import Any, NamedTuple

from reports.rendering.pdf.embedding import embed
from reports.rendering.pdf.fonts import Face
from reports.rendering.pdf.shaping import shape

#: Colors, as red, green and blue from 0 to 1.
INK, SOFT, FAINT, LINE, BAND = "0.11 0.13 0.17", "0.38 0.42 0.49", "0.60 0.64 0.70", "0.85 0.87 0.90", "0.93 0.94 0.96"
ALERT, TOTAL = "0.60 0.27 0", "0.95 0.965 0.99"


class Highlight(NamedTuple):
    band: str
    ink: str


#: In the order of highlights.STYLES: bad, warning, good. The inks have a contrast of 7 to 1 on their bands.
HIGHLIGHTS = (
    Highlight("0.992 0.886 0.882", "0.498 0.114 0.114"),
    Highlight("0.992 0.941 0.784", "0.42 0.263 0"),
    Highlight("0.863 0.953 0.882", "0.078 0.325 0.176"),
)
#: The directions in which a text can run, as PDF describes them.
_HORIZONTAL, UPRIGHT = "1 0 0 1", "0 1 -1 0"


class Pen:
    """Collects the content of one page or form. Coordinates are points from the bottom left."""

    def __init__(self, canvas: Any) -> None:
        self._canvas = canvas
        self._pdf = canvas._doc
        self._shapes: list[str] = []
        self._texts: list[str] = []
        self._font = ""
        self._color = ""
        self._font_operators: dict[tuple[Face, int, float], str] = {}

    def text(
        self, x: float, y: float, text: str, face: Face, size: float, color: str = INK, matrix: str = _HORIZONTAL
    ) -> None:
        """Draw one line; `y` is its baseline."""
        texts = self._texts
        if color != self._color:
            texts.append(f"{color} rg")
            self._color = color
        texts.append(f"{matrix} {x:.2f} {y:.2f} Tm")
        if not face.draws(text):
            for run in shape(text, bold=face.is_bold).runs:
                font = embed(run.font, self._pdf)
                texts += [f"{font.name} {size:g} Tf", font.operators(run, size)]
            self._font = ""
            return
        for subset, literal in face.encoded(text, self._pdf):
            operator = self._font_operators.get((face, subset, size))
            if operator is None:
                operator = f"{face.internal_name(subset, self._pdf)} {size:g} Tf"
                self._font_operators[face, subset, size] = operator
            if operator != self._font:
                texts.append(operator)
                self._font = operator
            texts.append(f"({literal}) Tj")

    def rule(self, x: float, y: float, width: float, thickness: float = 0.5, color: str = LINE) -> None:
        self.band(x, y - thickness / 2, width, thickness, color)

    def band(self, x: float, y: float, width: float, height: float, color: str = BAND) -> None:
        self._shapes.append(f"{color} rg {x:.2f} {y:.2f} {width:.2f} {height:.2f} re f")

    def flush(self) -> None:
        """Hand everything to the canvas: shapes below, text above."""
        self._canvas.addLiteral("\n".join(["q", *self._shapes, "BT", *self._texts, "ET", "Q"]))
        self._shapes, self._texts, self._font, self._color = [], [], "", ""
