"""The fonts of the PDF: measuring, wrapping and encoding text, fast enough for a million cells."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from reports.rendering.pdf import bidi, breaking
from reports.rendering.pdf.fallback import FONTS, font_of
from reports.rendering.pdf.shaping import shaped

#: Characters that are drawn one after another, each as it is: no marks, no joining, nothing from right to left.
_ONE_BY_ONE = frozenset({"L", "EN", "ES", "ET", "CS", "WS", "ON", "B", "S"})
#: Characters of a text that is looked at as one line before it is broken into several.
_MOST_AT_ONCE = 200
_SPECIAL = re.compile(r"[()\\]")


class _Widths(dict[str, float]):
    """Width of each character in ems. Only characters that went through Glyphs.shown are asked for."""

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
        self.is_bold = name.endswith("Bold")
        self.known = frozenset(map(chr, metrics.charToGlyph))
        self._simple = frozenset(filter(_is_simple, self.known)) | {"\n"}
        self.ems = _Widths((chr(code), width / 1000) for code, width in metrics.charWidths.items())

    def draws(self, text: str) -> bool:
        """Whether this font alone draws it, letter by letter; if not, it has to be shaped."""
        return text.isascii() or self._simple.issuperset(text)

    def width(self, text: str, size: float) -> float:
        """Points that a line takes."""
        if not self.draws(text):
            return shaped(text, bold=self.is_bold).ems * size
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
    return Face("ReportSans", FONTS / "DejaVuSans.ttf")


@cache
def bold() -> Face:
    return Face("ReportSansBold", FONTS / "DejaVuSans-Bold.ttf")


class Glyphs:
    """Makes text showable, and counts what could not be shown as it is."""

    def __init__(self) -> None:
        self.replaced = 0

    def shown(self, text: str) -> str:
        """The text with the codes of what no font has in its place, as [U+1F600]. Line ends stay."""
        if text.isascii() and text.isprintable():
            return text
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
        if regular().draws(text) and (not text.isascii() or text.replace("\n", "").isprintable()):
            return text
        missing = {ord(character): _substitute(character) for character in set(text) if not _is_drawn(character)}
        self.replaced += sum(text.count(chr(code)) for code, substitute in missing.items() if substitute)
        return text.translate(missing)

    def notes(self) -> list[str]:
        """Sentences for the end of the document."""
        if not self.replaced:
            return []
        count = f"{self.replaced:,} character{'s are' if self.replaced > 1 else ' is'}"
        return [f"{count} in no font of this server and shown as a code, such as [U+1F600]. html and xlsx have them."]


def _is_simple(character: str) -> bool:
    return unicodedata.bidirectional(character) in _ONE_BY_ONE and unicodedata.category(character)[0] not in "MC"


def _is_drawn(character: str) -> bool:
    return character == "\n" or (unicodedata.category(character) != "Cc" and font_of(character) is not None)


def _substitute(character: str) -> str:
    """A code in brackets, never a silent box; nothing for what is never seen."""
    is_unseen = unicodedata.category(character) == "Cf" or unicodedata.name(character, "").startswith("VARIATION SEL")
    return "" if is_unseen else f"[U+{ord(character):04X}]"


def wrapped(text: str, face: Face, size: float, width: float) -> list[str]:
    """Lines no wider than `width` points: broken at spaces, within a word only where it is wider than a line."""
    if not face.draws(text):
        whole = bidi.direction(text) + text
        # What fits is shaped once, as it is drawn, and not word by word before that.
        if len(text) <= _MOST_AT_ONCE and "\n" not in text and face.width(whole, size) <= width:
            return [whole]
        return breaking.lines(text, lambda line: face.width(line, size), width)
    if "\n" not in text and face.width(text, size) <= width:
        return [text]
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _wrapped_paragraph(paragraph, face, size, width)
    return lines


def is_from_right(line: str) -> bool:
    """Whether a line of `wrapped` belongs to a paragraph that runs from right to left."""
    return line.startswith(bidi.RIGHT_TO_LEFT)


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
