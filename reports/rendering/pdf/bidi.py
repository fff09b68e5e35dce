"""In which order the parts of a line stand on the page: the Unicode bidirectional algorithm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Protocol, TypeVar
from unicodedata import bidirectional

from bidi import algorithm

#: Stand before each line of a broken paragraph, so that every line runs the way its paragraph does.
LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"
_STRONG = {"L": LEFT_TO_RIGHT, "R": RIGHT_TO_LEFT, "AL": RIGHT_TO_LEFT}
_FROM_RIGHT = re.compile(
    "[\u0590-\u08ff\u200f\u202b\u202e\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
#: Kinds of characters that are all shown, and one of each.
_PLAIN = {"L": "a", "R": "\u05d0", "AL": "\u0627", "EN": "1", "AN": "\u0661", "ES": "+", "ET": "$", "CS": ",",
          "WS": " ", "ON": "!", "NSM": "\u064b"}  # fmt: skip
#: Signs of which one between two numbers is not what two are.
_SINGLE = frozenset({"ES", "ET", "CS", "NSM"})
_REMEMBERED = 8_192
#: Younger than the library, which would take them for letters. Ignoring them costs order in rare texts only.
_ISOLATES = frozenset({"LRI", "RLI", "FSI", "PDI"})


class HasLevel(Protocol):
    @property
    def level(self) -> int: ...


Part = TypeVar("Part", bound=HasLevel)


def direction(paragraph: str) -> str:
    """The mark of the paragraph's direction, which is that of its first letter; none where nothing runs leftwards."""
    if not _FROM_RIGHT.search(paragraph):
        return ""
    return next((_STRONG[kind] for kind in map(bidirectional, paragraph) if kind in _STRONG), LEFT_TO_RIGHT)


def levels(line: str) -> list[tuple[int, int]]:
    """(index, level) of each character that is shown; odd levels run from right to left."""
    if not _FROM_RIGHT.search(line):
        return [(index, 0) for index in range(len(line))]
    kinds = list(map(bidirectional, line))
    if not _PLAIN.keys() >= set(kinds):
        return _resolved(line)
    # Neighbours of one kind have one level, so lines of the same kinds of words have theirs in common.
    groups = [(kind, 1 if kind in _SINGLE else len(list(some))) for kind, some in _grouped(kinds)]
    found = _levels_of(tuple(kind for kind, _ in groups))
    every = (level for level, (_, length) in zip(found, groups, strict=True) for _ in range(length))
    return list(enumerate(every))


def _grouped(kinds: Sequence[str]) -> Iterator[tuple[str, Iterable[str]]]:
    for kind, some in groupby(kinds):
        if kind in _SINGLE:
            yield from ((kind, one) for one in some)
        else:
            yield kind, some


@lru_cache(_REMEMBERED)
def _levels_of(kinds: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(level for _, level in _resolved("".join(_PLAIN[kind] for kind in kinds)))


def _resolved(line: str) -> list[tuple[int, int]]:
    storage = algorithm.get_empty_storage()
    base = int(direction(line) == RIGHT_TO_LEFT)
    storage["base_level"], storage["base_dir"] = base, "LR"[base]
    algorithm.get_embedding_levels(line, storage)
    for index, character in enumerate(storage["chars"]):
        character["index"] = index
        if character["type"] in _ISOLATES:
            character["type"] = "BN"
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    return [(character["index"], character["level"]) for character in storage["chars"]]


def in_visual_order(parts: Sequence[Part]) -> list[Part]:
    """From left to right: rule L2, reversing from the highest level down to the lowest odd one."""
    ordered = list(parts)
    highest = max((part.level for part in parts), default=0)
    for level in range(highest, 0, -1):
        start = 0
        while start < len(ordered):
            stop = start
            while stop < len(ordered) and ordered[stop].level >= level:
                stop += 1
            ordered[start:stop] = ordered[start:stop][::-1]
            start = stop + 1
    return ordered
