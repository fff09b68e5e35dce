"""How a table goes on A4: orientation, type size and column widths, decided from its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.rendering.kinds import NUMBERS, Kind
from reports.rendering.pdf.fonts import Face, bold, regular

PORTRAIT, LANDSCAPE = (595.28, 841.89), (841.89, 595.28)
MARGIN = 34.0
PADDING = 4.0
SIZES = (8.0, 7.0, 6.0, 5.0)
SAMPLE_ROWS = 300
#: Kinds whose values are broken over lines when room is short; numbers and dates are not, unless all else fails.
_FLEXIBLE = frozenset({Kind.TEXT, Kind.JSON, Kind.NESTED, Kind.BINARY, Kind.UUID})
_MAX_NATURAL = 260.0
_MIN_FLEXIBLE = 42.0
#: What a column has at least, padding included: forty of them fit, and one character into each.
_FLOOR = 2 * PADDING + 7.0
#: A table narrower than this part of the page keeps its width; a wider one is spread over the page.
_SPREAD_FROM = 0.55


@dataclass(frozen=True)
class Column:
    """A column's place: left edge and inner width in points, padding taken off."""

    name: str
    x: float
    width: float
    right: bool


@dataclass(frozen=True)
class Layout:
    """A4, one way or the other. `size` is the type size of the table; `row` its line height."""

    page: tuple[float, float]
    size: float
    columns: tuple[Column, ...]

    @property
    def line(self) -> float:
        return self.size * 1.28

    @property
    def width(self) -> float:
        return self.page[0] - 2 * MARGIN

    @property
    def table_width(self) -> float:
        last = self.columns[-1] if self.columns else None
        return last.x + last.width + PADDING - MARGIN if last else self.width


def lay_out(names: Sequence[str], kinds: Sequence[Kind], sample: Sequence[Sequence[str | None]]) -> Layout:
    """`sample` has the texts of the first rows, by column."""
    flexible = [kind in _FLEXIBLE for kind in kinds]
    page, size = LANDSCAPE, SIZES[-1]
    for page, size in ((PORTRAIT, SIZES[0]), *((LANDSCAPE, size) for size in SIZES)):
        natural = [_natural(name, texts, size) for name, texts in zip(names, sample, strict=True)]
        least = [min(width, _MIN_FLEXIBLE) if bends else width for width, bends in zip(natural, flexible, strict=True)]
        if sum(natural if page is PORTRAIT else least) <= page[0] - 2 * MARGIN:
            break
    widths = _shared(natural, least, page[0] - 2 * MARGIN)
    return Layout(page, size, _placed(names, kinds, widths))


def _natural(name: str, texts: Sequence[str | None], size: float) -> float:
    """Room for the longest line of the sample and for the longest word of the header."""
    face: Face = regular()
    longest = max((face.width(line, size) for text in texts if text for line in text.split("\n")), default=0.0)
    head = max((bold().width(word, size) for word in name.split()), default=0.0)
    return min(_MAX_NATURAL, max(longest, head, 14.0)) + 2 * PADDING + 0.5


def _shared(natural: Sequence[float], least: Sequence[float], room: float) -> list[float]:
    wanted, needed = sum(natural), sum(least)
    if wanted <= room:
        stretch = room / wanted if wanted > room * _SPREAD_FROM else 1.0
        return [width * stretch for width in natural]
    if needed > room:
        return _between([_FLOOR] * len(least), least, room)
    return _between(least, natural, room)


def _between(low: Sequence[float], high: Sequence[float], room: float) -> list[float]:
    """Widths that fill the room, each as far from its low to its high as every other."""
    part = (room - sum(low)) / (sum(high) - sum(low))
    return [least + (most - least) * part for least, most in zip(low, high, strict=True)]


def _placed(names: Sequence[str], kinds: Sequence[Kind], widths: Sequence[float]) -> tuple[Column, ...]:
    columns, x = [], MARGIN
    for name, kind, width in zip(names, kinds, widths, strict=True):
        columns.append(Column(name, x + PADDING, width - 2 * PADDING, kind in NUMBERS))
        x += width
    return tuple(columns)
