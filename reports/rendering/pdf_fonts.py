"""The fonts of the PDF: measuring, wrapping and encoding text, fast enough for a million cells."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "fonts"
#: What stands for a character the font has no glyph for. Never a silent box: the document says how many there are.
REPLACEMENT = "\ufffd"
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_SPECIAL = re.compile(r"[()\\]")


class _Widths(dict[str, float]):
    """Width of each character in ems. Only characters that went through Face.shown are asked for."""

    def __missing__(self, character: str) -> float:
        return 0.6


class Face:
    """One font file. `known` are the characters it has glyphs for."""

    def __init__(self, name: str, path: Path) -> None:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont

        # asciiReadable keeps ASCII at its own codes, so that most text goes into the page as it is.
        self.font = TTFont(name, str(path), asciiReadable=True, shapable=False)
        pdfmetrics.registerFont(self.font)
        metrics = self.font.face
        self.known = frozenset(map(chr, metrics.charToGlyph))
        self.ems = _Widths((chr(code), width / 1000) for code, width in metrics.charWidths.items())

    def width(self, text: str, size: float) -> float:
        """Points that the text takes."""
        return sum(map(self.ems.__getitem__, text)) * size

    def encoded(self, text: str, pdf: Any) -> list[tuple[int, str]]:
        """(subset, string literal) of each run; a TrueType font is embedded in subsets of 256 glyphs."""
        if text.isascii():
            if "(" in text or ")" in text or "\\" in text:
                text = _SPECIAL.sub(r"\\\g<0>", text)
            return [(0, text)]
        return [(subset, _literal(codes)) for subset, codes in self.font.splitString(text, pdf)]

    def internal_name(self, subset: int, pdf: Any) -> str:
        return str(self.font.getSubsetInternalName(subset, pdf))


@cache
def regular() -> Face:
    return Face("ReportSans", _FOLDER / "DejaVuSans.ttf")


@cache
def bold() -> Face:
    return Face("ReportSansBold", _FOLDER / "DejaVuSans-Bold.ttf")


class Glyphs:
    """Makes text showable, and counts what could not be shown as it is."""

    def __init__(self) -> None:
        self.replaced = 0
        self.right_to_left = 0

    def shown(self, text: str) -> str:
        """The text with what the font lacks replaced visibly. Line ends stay."""
        if text.isascii() and text.isprintable():
            return text
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
        self.right_to_left += _RIGHT_TO_LEFT.search(text) is not None
        missing = set(text) - regular().known - {"\n"}
        if missing:
            before = text.count(REPLACEMENT)
            text = text.translate(dict.fromkeys(map(ord, missing), REPLACEMENT))
            self.replaced += text.count(REPLACEMENT) - before
        return text

    def notes(self) -> list[str]:
        """Sentences for the end of the document."""
        notes = []
        if self.replaced:
            count = f"{self.replaced:,} character{'s are' if self.replaced > 1 else ' is'}"
            notes.append(
                f"{count} not in the font of this document and shown as {REPLACEMENT}. html and xlsx show them."
            )
        if self.right_to_left:
            count = f"{self.right_to_left:,} text{'s' if self.right_to_left > 1 else ''}"
            notes.append(f"{count} in a script written from right to left: letters stand in storage order here.")
        return notes


def wrapped(text: str, face: Face, size: float, width: float) -> list[str]:
    """Lines no wider than `width` points: broken at spaces, within a word only where it is wider than a line."""
    if "\n" not in text and face.width(text, size) <= width:
        return [text]
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _wrapped_paragraph(paragraph, face, size, width)
    return lines


def _wrapped_paragraph(text: str, face: Face, size: float, width: float) -> list[str]:
    lines, line, used = [], "", 0.0
    space = face.width(" ", size)
    for word in text.split(" "):
        needed = face.width(word, size)
        if line and used + space + needed <= width:
            line, used = f"{line} {word}", used + space + needed
            continue
        if line:
            lines.append(line)
        *full, word = _broken(word, face, size, width) if needed > width else [word]
        lines += full
        line, used = word, face.width(word, size)
    lines.append(line)
    return lines


def _broken(word: str, face: Face, size: float, width: float) -> list[str]:
    """The word in pieces that fit, of one character at least. In one pass, as a cell may hold megabytes of base64."""
    pieces, start, used = [], 0, 0.0
    for index, character in enumerate(word):
        step = face.ems[character] * size
        if used + step > width and index > start:
            pieces.append(word[start:index])
            start, used = index, 0.0
        used += step
    return [*pieces, word[start:]]


def _literal(codes: bytes) -> str:
    return "".join(chr(c) if 32 <= c < 127 and c not in b"()\\" else f"\\{c:03o}" for c in codes)
