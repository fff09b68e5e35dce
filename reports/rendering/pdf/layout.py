"""The layout of a table on A4: orientation, type size and column widths, chosen from its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.rendering.column_kinds import NUMBERS, Kind
from reports.rendering.pdf.fonts import bold, regular

PORTRAIT, LANDSCAPE = (595.28, 841.89), (841.89, 595.28)
MARGIN = 34.0
PADDING = 4.0
SIZES = (8.0, 7.0, 6.0, 5.0)
SAMPLE_ROWS = 300
#: Kinds whose values may wrap. Numbers and dates wrap only if there is no other way.
_WRAPPING = frozenset({Kind.TEXT, Kind.JSON, Kind.NESTED, Kind.BINARY, Kind.UUID})
_MAX_NATURAL_WIDTH = 260.0
_MIN_WRAPPING_WIDTH = 42.0
#: Smallest column, padding included: forty of them fit on a page, with one character in each.
_MIN_WIDTH = 2 * PADDING + 7.0
#: A table narrower than this share of the page keeps its width; a wider one is stretched to the full page.
_STRETCH_FROM = 0.55


@dataclass(frozen=True)
class Column:
    """`x` is the left edge of the text and `width` the room for it, in points, without padding."""

    name: str
    x: float
    width: float
    is_right_aligned: bool


@dataclass(frozen=True)
class Layout:
    """`page` is (width, height) in points; `size` is the type size of the table."""

    page: tuple[float, float]
    size: float
    columns: tuple[Column, ...]

    @property
    def line_height(self) -> float:
        return self.size * 1.28

    @property
    def width(self) -> float:
        """Width between the margins."""
        return self.page[0] - 2 * MARGIN

    @property
    def table_width(self) -> float:
        if not self.columns:
            return self.width
        last = self.columns[-1]
        return last.x + last.width + PADDING - MARGIN


def lay_out(names: Sequence[str], kinds: Sequence[Kind], sample: Sequence[Sequence[str | None]]) -> Layout:
    """Choose the first of portrait and landscape in falling type sizes that fits. `sample`: texts by column."""
    for page, size in ((PORTRAIT, SIZES[0]), *((LANDSCAPE, size) for size in SIZES)):
        natural = [_natural_width(name, texts, size) for name, texts in zip(names, sample, strict=True)]
        least = [
            min(width, _MIN_WRAPPING_WIDTH) if kind in _WRAPPING else width
            for width, kind in zip(natural, kinds, strict=True)
        ]
        available = page[0] - 2 * MARGIN
        # Portrait only if nothing has to wrap; in landscape, texts may.
        if sum(natural if page is PORTRAIT else least) <= available:
            break
    columns, x = [], MARGIN
    for name, kind, width in zip(names, kinds, _column_widths(natural, least, available), strict=True):
        columns.append(Column(name, x + PADDING, width - 2 * PADDING, kind in NUMBERS))
        x += width
    return Layout(page, size, tuple(columns))


def _natural_width(name: str, texts: Sequence[str | None], size: float) -> float:
    """Width for the longest line of the sample and the longest word of the heading."""
    lines = (line for text in texts if text for line in text.split("\n"))
    longest_line = max((regular().width(line, size) for line in lines), default=0.0)
    longest_word = max((bold().width(word, size) for word in name.split()), default=0.0)
    return min(_MAX_NATURAL_WIDTH, max(longest_line, longest_word, 14.0)) + 2 * PADDING + 0.5


def _column_widths(natural: Sequence[float], least: Sequence[float], available: float) -> list[float]:
    wanted = sum(natural)
    if wanted <= available:
        stretch = available / wanted if wanted > available * _STRETCH_FROM else 1.0
        return [width * stretch for width in natural]
    if sum(least) > available:
        return _interpolate([_MIN_WIDTH] * len(least), least, available)
    return _interpolate(least, natural, available)


def _interpolate(low: Sequence[float], high: Sequence[float], available: float) -> list[float]:
    """Widths that add up to `available`, each at the same proportion between its low and its high."""
    proportion = (available - sum(low)) / (sum(high) - sum(low))
    return [least + (most - least) * proportion for least, most in zip(low, high, strict=True)]
