"""Headings of columns: broken between words and behind underscores, and only if they have to be."""

from __future__ import annotations

import re

from reports.rendering.pdf.fonts import Face, wrap

_PIECES = re.compile(r"[^ _]*_+ *|[^ _]+ *|[ _]+")


def pieces(name: str) -> list[str]:
    """The parts of a heading that stay whole."""
    return _PIECES.findall(name)


def heading_lines(name: str, face: Face, size: float, width: float) -> list[str]:
    """The lines of a heading. A piece that is wider than a line is broken, because nothing else helps."""
    if not face.draws(name) or "\n" in name or face.width(name, size) <= width:
        return wrap(name, face, size, width)
    lines, line = [], ""
    for piece in pieces(name):
        if line and face.width((line + piece).rstrip(" "), size) > width:
            lines.append(line.rstrip(" "))
            line = ""
        if face.width(piece.rstrip(" "), size) > width:
            *full_lines, piece = wrap(piece, face, size, width)
            lines += full_lines
        line += piece
    return [*lines, line.rstrip(" ")]
