"""The layout of a table on A4: orientation, type size and column widths, chosen from its first rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.rendering.column_kinds import NUMBERS, SPANS, ColumnKind
from reports.rendering.columns.views import ColumnView
from reports.rendering.pdf.fonts import Face, bold, regular
from reports.rendering.pdf.headings import pieces

PORTRAIT, LANDSCAPE = (595.28, 841.89), (841.89, 595.28)
MARGIN = 34.0
#: Above and below the lines of a row.
PADDING = 4.0
SAMPLE_ROWS = 300
#: Kinds whose values may wrap. Numbers and dates wrap only if there is no other way.
_WRAPPING = frozenset({ColumnKind.TEXT, ColumnKind.JSON, ColumnKind.NESTED, ColumnKind.BINARY, ColumnKind.UUID})
_MAX_NATURAL_WIDTH = 260.0
_MIN_WRAPPING_WIDTH = 42.0
#: Words are broken only if they are longer than this, in ems.
_MAX_WORD = 9.0
#: The smallest column, without its gaps: forty of them fit on a page, with one character in each.
_MIN_WIDTH = 7.0
#: The width of a digit, in ems.
_CHARACTER = 0.64
#: A table narrower than this share of the page keeps its width; a wider one is stretched to the full page.
_STRETCH_FROM = 0.55


@dataclass(frozen=True)
class Column:
    """`x` is the left edge of the text and `width` the room for it, in points, without the gap to its neighbors."""

    name: str
    x: float
    width: float
    #: left, center or right.
    alignment: str
    may_wrap: bool
    #: The room right of the point, where the points of the values stand below each other, and the point.
    fraction: float = 0.0
    point: str = "."

    def start(self, text: str, width: float, face: Face, size: float) -> float:
        """Where a line of this width starts."""
        if self.alignment == "left":
            return self.x
        if self.alignment == "center":
            return self.x + (self.width - width) / 2
        start = self.x + self.width - width
        # A heading ends where its column does.
        if self.fraction and not face.is_bold:
            point = text.find(self.point)
            missing = self.fraction - (face.width(text[point:], size) if point >= 0 else 0.0)
            start = max(self.x, start - max(0.0, missing))
        return start


@dataclass(frozen=True)
class Layout:
    """`page` is (width, height) in points; `size` is the type size of the table."""

    page: tuple[float, float]
    size: float
    gap: float
    columns: tuple[Column, ...]
    #: Headings run from bottom to top, because they are much longer than the values below them.
    has_upright_headings: bool = False

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
        return last.x + last.width + self.gap - MARGIN


@dataclass(frozen=True)
class _Style:
    """One way to set the table, as (width, height) of the page, type size, and space beside a text in points."""

    page: tuple[float, float]
    size: float
    gap: float
    upright: bool = False


#: From the best to the last. Headings stand upright before the type is too small to read them.
_STYLES = (
    _Style(PORTRAIT, 8.0, 4.0),
    _Style(LANDSCAPE, 8.0, 4.0),
    _Style(LANDSCAPE, 7.0, 3.5),
    _Style(LANDSCAPE, 6.0, 2.5),
    *(_Style(LANDSCAPE, size, gap, True) for size, gap in ((8.0, 4.0), (7.0, 3.5), (6.0, 2.5))),
    *(_Style(LANDSCAPE, size, 1.75, upright) for size in (5.0, 4.5, 4.0) for upright in (False, True)),
)


@dataclass(frozen=True)
class _Measures:
    """Widths of a column's texts in ems."""

    name: str
    view: ColumnView
    #: The longest line of the sample, and its longest word.
    line: float
    word: float
    #: The most digits right of the point, with the point.
    fraction: float
    #: The longest part of the heading that has no space, and the longest that must not be broken.
    heading_word: float
    heading_piece: float

    @property
    def may_wrap(self) -> bool:
        return self.view.kind in _WRAPPING

    def _wanted(self, style: _Style) -> float | None:
        """The width that the report asks for, in points; None for what the values need."""
        return self.view.options.width and self.view.options.width * _CHARACTER * style.size + 2 * style.gap

    def natural(self, style: _Style) -> float:
        """The width at which nothing has to wrap, with the gaps, in points."""
        if wanted := self._wanted(style):
            return wanted
        values = min(_MAX_NATURAL_WIDTH, self.line * style.size) if self.may_wrap else self.line * style.size
        heading = 1.3 if style.upright else self.heading_word
        return max(values, heading * style.size, 1.75 * style.size) + 2 * style.gap + 0.5

    def least(self, style: _Style) -> float:
        """The width at which texts and headings wrap, and words and numbers don't."""
        if wanted := self._wanted(style):
            return wanted
        values = self.line * style.size
        if self.may_wrap:
            values = min(values, max(_MIN_WRAPPING_WIDTH, min(self.word, _MAX_WORD) * style.size))
        heading = 1.3 if style.upright else self.heading_piece
        return max(values, heading * style.size, 1.75 * style.size) + 2 * style.gap + 0.5


def lay_out(labels: Sequence[str], views: Sequence[ColumnView], sample: Sequence[Sequence[str | None]]) -> Layout:
    """Choose the first style that fits. `labels`: headings that can be drawn; `sample`: texts by column."""
    measures = [_measured(*column) for column in zip(labels, views, sample, strict=True)]
    for style in _STYLES:
        natural = [column.natural(style) for column in measures]
        least = [column.least(style) for column in measures]
        available = style.page[0] - 2 * MARGIN
        # Portrait only if nothing has to wrap; in landscape, texts may.
        if sum(natural if style.page is PORTRAIT else least) <= available:
            break
    columns, x = [], MARGIN
    smallest = 2 * style.gap + _MIN_WIDTH
    for column, width in zip(measures, _column_widths(natural, least, smallest, available), strict=True):
        columns.append(
            Column(
                column.name,
                x=x + style.gap,
                width=width - 2 * style.gap,
                alignment=column.view.alignment,
                may_wrap=column.may_wrap,
                fraction=column.fraction * style.size,
                point=_point(column.view),
            )
        )
        x += width
    return Layout(style.page, style.size, style.gap, tuple(columns), style.upright)


def _measured(label: str, view: ColumnView, texts: Sequence[str | None]) -> _Measures:
    lines = {line for text in texts if text for line in text.split("\n")}
    longest = max((regular().width(line, 1.0) for line in lines), default=0.0)
    fraction, point = 0.0, _point(view)
    if point:
        fraction = max((regular().width(line[line.find(point) :], 1.0) for line in lines if point in line), default=0.0)
        whole = max((regular().width(line.partition(point)[0], 1.0) for line in lines), default=0.0)
        longest = max(longest, whole + fraction)
    words = {word for line in lines for word in line.split(" ")} if view.kind in _WRAPPING else set()
    return _Measures(
        label,
        view,
        longest,
        max((regular().width(word, 1.0) for word in words), default=0.0),
        fraction,
        _widest(label.split()),
        _widest(pieces(label)),
    )


def _point(view: ColumnView) -> str:
    """The point at which the column's values are aligned; "" if their right ends do that."""
    if view.kind in SPANS:
        return "."
    is_plain = view.kind in NUMBERS and view.alignment == "right" and not any(end for _, end in view.affixes)
    return view.numerals.point if is_plain and not view.has_fixed_fraction else ""


def _widest(words: Sequence[str] | Iterator[str]) -> float:
    return max((bold().width(word.rstrip(" "), 1.0) for word in words), default=0.0)


def _column_widths(natural: Sequence[float], least: Sequence[float], smallest: float, available: float) -> list[float]:
    wanted = sum(natural)
    if wanted <= available:
        stretch = available / wanted if wanted > available * _STRETCH_FROM else 1.0
        return [width * stretch for width in natural]
    if sum(least) > available:
        return _shared([min(width, smallest) for width in least], least, available)
    return _shared(least, natural, available)


def _shared(least: Sequence[float], natural: Sequence[float], available: float) -> list[float]:
    """Widths that add up to `available`. Columns shrink from the widest on: none wraps while a wider one has room."""
    low, high = 0.0, max(natural)
    for _ in range(40):
        limit = (low + high) / 2
        widths = [max(few, min(most, limit)) for few, most in zip(least, natural, strict=True)]
        low, high = (low, limit) if sum(widths) > available else (limit, high)
    return [max(few, min(most, low)) for few, most in zip(least, natural, strict=True)]
