"""Lines of texts in any script: where a line may end, and which way it runs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from reports.rendering.pdf import bidi

#: Written without spaces, and broken anywhere but at the signs below.
_IDEOGRAPH = re.compile("[\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_OPENING = frozenset({"Ps", "Pi"})
_CLOSING = frozenset({"Pe", "Pf", "Po", "Lm"})
_MARKS = frozenset({"Mn", "Mc", "Me", "Cf"})


def lines(text: str, width_of: Callable[[str], float], width: float) -> list[str]:
    """Lines no wider than `width`, but for single characters that are. Each starts with the mark of its paragraph's
    direction, if that is in question."""
    return [line for paragraph in text.split("\n") for line in _lines(paragraph, width_of, width)]


def _lines(text: str, width_of: Callable[[str], float], width: float) -> Iterator[str]:
    mark, line, used = bidi.direction(text), "", 0.0
    for blank, unit in _units(text):
        needed = width_of(blank + unit)
        if line and used + needed > width:
            yield mark + line
            line, used, blank, needed = "", 0.0, "", width_of(unit)
        if needed > width:
            *full, unit = _broken(unit, width_of, width)
            yield from (mark + piece for piece in full)
            needed = width_of(unit)
        line, used = line + blank + unit, used + needed
    yield mark + line


def _units(text: str) -> Iterator[tuple[str, str]]:
    """What should not be broken, each after the blank before it, or after nothing."""
    for number, word in enumerate(text.split(" ")):
        blank = " " if number else ""
        for unit in _cut(word, _may_part):
            yield blank, unit
            blank = ""


def _broken(unit: str, width_of: Callable[[str], float], width: float) -> list[str]:
    pieces, piece, used = [], "", 0.0
    for letter in _cut(unit, _is_letter):
        step = width_of(letter)
        if piece and used + step > width:
            pieces.append(piece)
            piece, used = "", 0.0
        piece, used = piece + letter, used + step
    return [*pieces, piece]


def _cut(text: str, between: Callable[[str, str], bool]) -> Iterator[str]:
    start = 0
    for index in range(1, len(text)):
        if between(text[index - 1], text[index]):
            yield text[start:index]
            start = index
    yield text[start:]


def _may_part(before: str, after: str) -> bool:
    """Beside an ideograph, but not after an opening sign or before a closing one."""
    if not (_IDEOGRAPH.match(before) or _IDEOGRAPH.match(after)):
        return False
    kind = unicodedata.category(after)
    return unicodedata.category(before) not in _OPENING and kind not in _CLOSING and kind not in _MARKS


def _is_letter(before: str, after: str) -> bool:
    """Whether something of its own begins, and not a mark on what is before it."""
    return unicodedata.category(after) not in _MARKS
