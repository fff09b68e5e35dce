"""Right-to-left text: the Unicode Bidirectional Algorithm (UAX #9), computed by the Rust crate in python-bidi."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, TypeVar
from unicodedata import bidirectional

from bidi import get_display

#: Written before each line of a broken paragraph, so that every line keeps the paragraph's direction.
LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
_MARK_OF_STRONG_CLASS = {"L": LEFT_TO_RIGHT_MARK, "R": RIGHT_TO_LEFT_MARK, "AL": RIGHT_TO_LEFT_MARK}
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
#: Characters that only steer the algorithm: they are never drawn.
_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_LEVEL = re.compile(r"Level\(\s*(\d+),")
_SAME_DIGITS = str.maketrans("0123456789", "1111111111")


class HasLevel(Protocol):
    @property
    def level(self) -> int: ...


Run = TypeVar("Run", bound=HasLevel)


def direction_mark(paragraph: str) -> str:
    """The mark for the direction of the paragraph's first strong character; "" if nothing in it runs right to left."""
    if not _RIGHT_TO_LEFT.search(paragraph):
        return ""
    classes = map(bidirectional, paragraph)
    return next((_MARK_OF_STRONG_CLASS[name] for name in classes if name in _MARK_OF_STRONG_CLASS), LEFT_TO_RIGHT_MARK)


def levels(line: str) -> list[tuple[int, int]]:
    """(index, embedding level) of each character to draw. Odd levels run from right to left."""
    if not _RIGHT_TO_LEFT.search(line):
        return [(index, 0) for index in range(len(line))]
    # Which digits they are makes no difference, so that numbered texts share one computation.
    return _levels(line.translate(_SAME_DIGITS))


@lru_cache(8_192)
def _levels(line: str) -> list[tuple[int, int]]:
    base_direction = "R" if direction_mark(line) == RIGHT_TO_LEFT_MARK else "L"
    # The library has no function for levels; its debug text lists one for each byte of the line in UTF-8.
    description = str(get_display(line, base_dir=base_direction, debug=True))
    of_byte = _LEVEL.findall(description.partition("    levels: [")[2].partition("    paragraphs: [")[0])
    found, byte = [], 0
    for index, character in enumerate(line):
        if bidirectional(character) not in _CONTROLS:
            found.append((index, int(of_byte[byte])))
        byte += len(character.encode())
    return found


def in_visual_order(runs: Sequence[Run]) -> list[Run]:
    """The runs from left to right (rule L2: reverse from the highest level down to the lowest odd one)."""
    ordered = list(runs)
    highest = max((run.level for run in runs), default=0)
    for level in range(highest, 0, -1):
        start = 0
        while start < len(ordered):
            stop = start
            while stop < len(ordered) and ordered[stop].level >= level:
                stop += 1
            ordered[start:stop] = ordered[start:stop][::-1]
            start = stop + 1
    return ordered
