"""Measuring, wrapping and encoding text, fast enough for a million cells."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from reports.rendering.pdf import bidi
from reports.rendering.pdf.breaking import break_lines
from reports.rendering.pdf.fallback import FONTS, font_for
from reports.rendering.pdf.shaping import shape

#: Bidirectional classes of characters that are drawn one after another, each by its own glyph.
_LEFT_TO_RIGHT_CLASSES = frozenset({"L", "EN", "ES", "ET", "CS", "WS", "ON", "B", "S"})
#: Texts up to this many characters are first tried as one line.
_MAX_SINGLE_LINE = 200
_NEEDS_ESCAPE = re.compile(r"[()\\]")


class _Widths(dict[str, float]):
    """Width of each character in ems."""

    def __missing__(self, character: str) -> float:
        # Only reached for characters that MissingGlyphs has not replaced: a width keeps the layout intact.
        return 0.6


class Face:
    """One of the main fonts, as ReportLab embeds it. `characters` are those it has glyphs for."""

    def __init__(self, name: str, path: Path) -> None:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont

        # asciiReadable keeps ASCII at its own codes, so that most text goes into the page as it is.
        self.font = TTFont(name, str(path), asciiReadable=True, shapable=False)
        pdfmetrics.registerFont(self.font)
        metrics = self.font.face
        self.is_bold = name.endswith("Bold")
        self.characters = frozenset(map(chr, metrics.charToGlyph))
        self._unshaped = frozenset(filter(_needs_no_shaping, self.characters)) | {"\n"}
        self.ems = _Widths((chr(code), width / 1000) for code, width in metrics.charWidths.items())

    def draws(self, text: str) -> bool:
        """True if this font draws the text character by character; otherwise it has to be shaped."""
        return text.isascii() or self._unshaped.issuperset(text)

    def width(self, line: str, size: float) -> float:
        """Width in points at this type size."""
        if not self.draws(line):
            return shape(line, bold=self.is_bold).ems * size
        return sum(map(self.ems.__getitem__, line)) * size

    def encoded(self, text: str, pdf: Any) -> list[tuple[int, str]]:
        """(subset, content of a PDF string) of each run. ReportLab embeds a TrueType font in subsets of 256 glyphs."""
        if text.isascii():
            if "(" in text or ")" in text or "\\" in text:
                text = _NEEDS_ESCAPE.sub(r"\\\g<0>", text)
            return [(0, text)]
        return [
            (subset, "".join(chr(c) if 32 <= c < 127 and c not in b"()\\" else f"\\{c:03o}" for c in codes))
            for subset, codes in self.font.splitString(text, pdf)
        ]

    def internal_name(self, subset: int, pdf: Any) -> str:
        return str(self.font.getSubsetInternalName(subset, pdf))


def _needs_no_shaping(character: str) -> bool:
    is_left_to_right = unicodedata.bidirectional(character) in _LEFT_TO_RIGHT_CLASSES
    return is_left_to_right and unicodedata.category(character)[0] not in "MC"


@cache
def regular() -> Face:
    return Face("ReportSans", FONTS / "DejaVuSans.ttf")


@cache
def bold() -> Face:
    return Face("ReportSansBold", FONTS / "DejaVuSans-Bold.ttf")


class MissingGlyphs:
    """Replaces characters that no font has, and counts them."""

    def __init__(self) -> None:
        self.replaced = 0

    def replace_in(self, text: str) -> str:
        """The text with a code such as [U+12000] for each character that no font has. Line ends become "\\n"."""
        if text.isascii() and text.isprintable():
            return text
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
        if regular().draws(text) and (not text.isascii() or text.replace("\n", "").isprintable()):
            return text
        substitutes = {
            ord(character): "" if _is_invisible(character) else f"[U+{ord(character):04X}]"
            for character in set(text) - {"\n"}
            if unicodedata.category(character) == "Cc" or font_for(character) is None
        }
        self.replaced += sum(text.count(chr(code)) for code, substitute in substitutes.items() if substitute)
        return text.translate(substitutes)

    def notes(self) -> list[str]:
        """Sentences for the end of the document."""
        if not self.replaced:
            return []
        count = f"{self.replaced:,} character{'s are' if self.replaced > 1 else ' is'}"
        return [f"{count} in no font of this server and shown as a code, such as [U+12000]. html and xlsx show them."]


def _is_invisible(character: str) -> bool:
    is_format_character = unicodedata.category(character) == "Cf"
    return is_format_character or unicodedata.name(character, "").startswith("VARIATION SEL")


def wrap(text: str, face: Face, size: float, width: float) -> list[str]:
    """Break the text into lines of at most `width` points: at spaces, and inside words that are wider than a line."""
    if not face.draws(text):
        marked = bidi.direction_mark(text) + text
        # A text that fits is shaped once, as it will be drawn, instead of word by word first.
        if len(text) <= _MAX_SINGLE_LINE and "\n" not in text and face.width(marked, size) <= width:
            return [marked]
        return break_lines(text, lambda line: face.width(line, size), width)
    if "\n" not in text and face.width(text, size) <= width:
        return [text]
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _wrap_paragraph(paragraph, face, size, width)
    return lines


def is_right_to_left(line: str) -> bool:
    """True if this line of `wrap` belongs to a paragraph that runs from right to left."""
    return line.startswith(bidi.RIGHT_TO_LEFT_MARK)


def _wrap_paragraph(text: str, face: Face, size: float, width: float) -> list[str]:
    lines, line, used = [], "", 0.0
    space_width = face.width(" ", size)
    for word in text.split(" "):
        word_width = face.width(word, size)
        if line and used + space_width + word_width <= width:
            line = f"{line} {word}"
            used += space_width + word_width
            continue
        if line:
            lines.append(line)
        if word_width > width:
            *full_lines, word = _break_word(word, face, size, width)
            lines += full_lines
            word_width = face.width(word, size)
        line, used = word, word_width
    lines.append(line)
    return lines


def _break_word(word: str, face: Face, size: float, width: float) -> list[str]:
    """Pieces that fit, of at least one character. One pass, because a cell may hold megabytes of base64."""
    pieces, start, used = [], 0, 0.0
    for index, character in enumerate(word):
        character_width = face.ems[character] * size
        if used + character_width > width and index > start:
            pieces.append(word[start:index])
            start, used = index, 0.0
        used += character_width
    return [*pieces, word[start:]]
