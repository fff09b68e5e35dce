"""Drawing on PDF pages: text and rules straight into the page's content, as a canvas call for each costs too much."""

from __future__ import annotations

from typing import Any

from reports.rendering.pdf.embedding import embedded
from reports.rendering.pdf.fonts import Face
from reports.rendering.pdf.shaping import shaped

INK, SOFT, FAINT, LINE, BAND = "0.11 0.13 0.17", "0.38 0.42 0.49", "0.60 0.64 0.70", "0.85 0.87 0.90", "0.93 0.94 0.96"
ALERT, TOTAL = "0.60 0.27 0", "0.95 0.965 0.99"


class Pen:
    """Collects what one page or form shows. Coordinates are points from the bottom left."""

    def __init__(self, canvas: Any) -> None:
        self._canvas = canvas
        self._pdf = canvas._doc
        self._shapes: list[str] = []
        self._texts: list[str] = []
        self._font = ""
        self._colour = ""
        self._fonts: dict[tuple[Face, int, float], str] = {}

    def text(self, x: float, y: float, text: str, face: Face, size: float, colour: str = INK) -> None:
        texts = self._texts
        if colour != self._colour:
            texts.append(f"{colour} rg")
            self._colour = colour
        texts.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm")
        if not face.draws(text):
            self._draw_shaped(text, face, size)
            return
        for subset, literal in face.encoded(text, self._pdf):
            font = self._fonts.get((face, subset, size)) or self._named(face, subset, size)
            if font != self._font:
                texts.append(font)
                self._font = font
            texts.append(f"({literal}) Tj")

    def _draw_shaped(self, text: str, face: Face, size: float) -> None:
        for run in shaped(text, bold=face.is_bold).runs:
            font = embedded(run.font, self._pdf)
            self._texts += [f"{font.name} {size:g} Tf", font.drawn(run, size)]
        self._font = ""

    def _named(self, face: Face, subset: int, size: float) -> str:
        name = self._fonts[face, subset, size] = f"{face.internal_name(subset, self._pdf)} {size:g} Tf"
        return name

    def rule(self, x: float, y: float, width: float, thickness: float = 0.5, colour: str = LINE) -> None:
        self.band(x, y - thickness / 2, width, thickness, colour)

    def band(self, x: float, y: float, width: float, height: float, colour: str = BAND) -> None:
        self._shapes.append(f"{colour} rg {x:.2f} {y:.2f} {width:.2f} {height:.2f} re f")

    def flush(self) -> None:
        """Hand everything to the canvas: shapes below, text above."""
        self._canvas.addLiteral("\n".join(["q", *self._shapes, "BT", *self._texts, "ET", "Q"]))
        self._shapes, self._texts, self._font, self._colour = [], [], "", ""
