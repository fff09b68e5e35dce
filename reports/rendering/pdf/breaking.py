"""Line breaks for text in any script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from reports.rendering.pdf import bidi

#: Scripts written without spaces. A line may end at any of their characters, with the exceptions below.
_IDEOGRAPH = re.compile("[\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_OPENING = frozenset({"Ps", "Pi"})
_CLOSING = frozenset({"Pe", "Pf", "Po", "Lm"})
_MARKS = frozenset({"Mn", "Mc", "Me", "Cf"})


def break_lines(text: str, width_of: Callable[[str], float], width: float) -> list[str]:
    """Break the text into lines of at most `width`; a single character wider than that gets a line of its own.

    Each line of a paragraph that contains right-to-left text starts with the paragraph's direction mark.
    """
    lines = []
    for paragraph in text.split("\n"):
        mark = bidi.direction_mark(paragraph)
        lines += [mark + line for line in _break_paragraph(paragraph, width_of, width)]
    return lines


def _break_paragraph(text: str, width_of: Callable[[str], float], width: float) -> Iterator[str]:
    line, used = "", 0.0
    for space, unit in _unbreakable_units(text):
        needed = width_of(space + unit)
        if line and used + needed > width:
            yield line
            line, used, space, needed = "", 0.0, "", width_of(unit)
        if needed > width:
            *full_lines, unit = _break_unit(unit, width_of, width)
            yield from full_lines
            needed = width_of(unit)
        line += space + unit
        used += needed
    yield line


def _unbreakable_units(text: str) -> Iterator[tuple[str, str]]:
    """(space before it or "", unit) for each word; text in ideographs is split where a line may end."""
    for number, word in enumerate(text.split(" ")):
        space = " " if number else ""
        for unit in _split_where(word, _may_break_between):
            yield space, unit
            space = ""


def _break_unit(unit: str, width_of: Callable[[str], float], width: float) -> list[str]:
    """Cut a unit that is wider than a line, but never between a letter and its marks."""
    pieces, piece, used = [], "", 0.0
    for letter in _split_where(unit, lambda _, after: unicodedata.category(after) not in _MARKS):
        letter_width = width_of(letter)
        if piece and used + letter_width > width:
            pieces.append(piece)
            piece, used = "", 0.0
        piece += letter
        used += letter_width
    return [*pieces, piece]


def _split_where(text: str, may_split: Callable[[str, str], bool]) -> Iterator[str]:
    """Split between the neighbors for which `may_split(before, after)` is true."""
    start = 0
    for index in range(1, len(text)):
        if may_split(text[index - 1], text[index]):
            yield text[start:index]
            start = index
    yield text[start:]


def _may_break_between(before: str, after: str) -> bool:
    """True next to an ideograph, except after opening punctuation, before closing punctuation and before marks."""
    if not (_IDEOGRAPH.match(before) or _IDEOGRAPH.match(after)):
        return False
    category = unicodedata.category(after)
    return unicodedata.category(before) not in _OPENING and category not in _CLOSING and category not in _MARKS
