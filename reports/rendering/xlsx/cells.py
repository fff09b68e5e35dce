"""Columns as the XML of sheet cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import NUMBERS, TEMPORAL, ColumnKind, kind_of, unwrapped
from reports.rendering.column_text import as_text, display_text
from reports.rendering.columns.highlights import STYLES
from reports.rendering.columns.views import ColumnView
from reports.rendering.duration_display import duration_display, plain_durations
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import TEXT, concat, contained_characters, replace_characters, value_bytes
from reports.rendering.xlsx.number_formats import excel_format
from reports.rendering.xlsx.serial_numbers import serial_numbers
from reports.rendering.xlsx.styles import TOTAL, Style, StyleSheet, number_style

#: Excel computes with doubles and shows 15 digits. As a number, a longer number would lose its last digits.
_MAX_DIGITS = 15
_MAX_INTEGER = 10**_MAX_DIGITS - 1
_PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"

#: The UTF-16 units that a cell holds, and how many of a longer text are kept.
_CELL_UNITS = 32_767
_KEPT_UNITS = 32_700
#: A character takes two units at most.
_ALWAYS_FITTING_CHARACTERS = _CELL_UNITS // 2

#: Those with a fraction of a second have the style after it.
_MOMENT_STYLES = {
    ColumnKind.DATE: Style.DATE,
    ColumnKind.TIMESTAMP: Style.TIMESTAMP,
    ColumnKind.TIME: Style.TIME,
    ColumnKind.DURATION: Style.DURATION,
}

_XML_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
#: XML can't contain control characters. Excel writes them like this, so text that looks like this is escaped, too.
_CONTROL_ESCAPES = {chr(code): f"_x{code:04X}_" for code in range(32) if code not in (9, 10)}
_LOOKS_ESCAPED = r"_(x[0-9A-Fa-f]{4}_)"
_NONCHARACTERS = ("\ufffe", "\uffff")

_INLINE = ' t="inlineStr"><is><t xml:space="preserve">'
_INLINE_END = "</t></is>"

_MAX_WIDTH = 60.0
#: Rows are as high as their texts, but show at most so many lines of them.
_MOST_LINES = 12
_LINE_POINTS = 15
_SAMPLE_ROWS = 1_000
_FIXED_WIDTHS = {ColumnKind.DATE: 12.0, ColumnKind.TIMESTAMP: 20.0, ColumnKind.TIME: 10.0, ColumnKind.BOOLEAN: 8.0}
#: For a fraction of a second. Without that room, viewers show ### instead of the value.
_FRACTION_WIDTH = 5.0


class ColumnStyles:
    """The styles of one column's cells: those of Style, as its view changes them."""

    def __init__(self, sheet: StyleSheet, view: ColumnView) -> None:
        self._sheet = sheet
        self._code = excel_format(view)
        self._alignment = view.options.align or ""
        self._view = view

    def highlighted(self, column: pa.Array) -> pa.Array | None:
        return self._view.highlighted(column)

    def index(self, base: int, highlight: int | None) -> int:
        return self._sheet.index(base, code=self._code, alignment=self._alignment, highlight=highlight)


class CellBuilder:
    """Builds the cells of columns, in the styles of rows or in those of totals."""

    def __init__(self, *, totals: bool = False) -> None:
        #: Texts that were too long for a cell.
        self.cut_texts = 0
        self._first_style = TOTAL if totals else 0
        #: The width of the column whose cells are built, in characters.
        self._width = inf
        #: The styles of that column; None for those of Style. And the highlight of each row, if it has any.
        self._styles: ColumnStyles | None = None
        self._highlights: pa.Array | None = None
        #: Lines that the texts of each row take. None: one line.
        self._lines: pa.Array | None = None

    def rows(
        self,
        columns: Sequence[pa.Array],
        letters: Sequence[str],
        widths: Sequence[float],
        styles: Sequence[ColumnStyles],
        numbers: pa.Array,
        attributes: str,
    ) -> pa.Array:
        """The `<row>` of each row, with these numbers and attributes. `letters` names the columns."""
        self._lines = None
        cells = []
        for column, name, self._width, column_styles in zip(columns, letters, widths, styles, strict=True):
            self._highlights = column_styles.highlighted(column)
            cells.append(self.cells(column, name, numbers, column_styles))
        return concat('<row r="', numbers, f'"{attributes}', self._heights(), ">", *cells, "</row>\n")

    def cells(
        self, column: pa.Array, letters: str, row_numbers: pa.Array, styles: ColumnStyles | None = None
    ) -> pa.Array:
        """One `<c>` per row. NULL is an empty text: no cell at all."""
        self._styles = styles
        content = self._content(column)
        return pc.fill_null(concat(f'<c r="{letters}', row_numbers, '"', content, "</c>"), "")

    def _heights(self) -> pa.Array | str:
        """The attribute of rows with several lines. LibreOffice doesn't find the height by itself."""
        if self._lines is None:
            return ""
        points = pc.multiply(pc.min_element_wise(self._lines, _MOST_LINES), _LINE_POINTS).cast(TEXT)
        heights = concat(' ht="', points, '" customHeight="1"')
        return pc.if_else(pc.greater(self._lines, 1), heights, "")

    def _content(self, column: pa.Array) -> pa.Array:
        """Everything after a cell's address: style, type and value."""
        kind, values = kind_of(column.type), unwrapped(column)
        if kind in NUMBERS:
            numbers = scalar_text(values)
            exact = _exact_in_double(kind, values, numbers)
            style = number_style(kind, values.type)
            return self._typed_or_text(exact, self._typed(numbers, style), lambda: numbers)
        if kind is ColumnKind.BOOLEAN:
            # With a style, because programs differ in how they align booleans.
            style = Style.BOOLEAN + self._first_style
            return concat(f' s="{style}" t="b"><v>', pc.if_else(values, "1", "0").cast(TEXT), "</v>")
        if kind in TEMPORAL | {ColumnKind.DURATION}:
            return self._moments(kind, values, lambda: (as_text if kind in TEMPORAL else display_text)(values))
        if kind is ColumnKind.INTERVAL:
            durations = plain_durations(values)
            clocks = self._moments(ColumnKind.DURATION, durations, lambda: duration_display(durations))
            return pc.coalesce(clocks, self._texts(display_text(values), Style.TEXT_RIGHT))
        return self._texts(as_text(column))

    def _moments(self, kind: ColumnKind, values: pa.Array, as_texts: Callable[[], pa.Array]) -> pa.Array:
        """Dates, times and durations: numbers with a format that shows them, and text where Excel couldn't."""
        days, fits, has_fraction = serial_numbers(kind, values)
        style: int | pa.Array = _MOMENT_STYLES[kind]
        if pc.any(has_fraction).as_py():
            style = pc.if_else(has_fraction, style + 1, style)
        if kind is ColumnKind.TIMESTAMP:
            is_midnight = pc.equal(days, pc.floor(days))
            if pc.any(is_midnight).as_py():
                style = pc.if_else(is_midnight, int(Style.DATE), style)
        return self._typed_or_text(fits, self._typed(days.cast(TEXT), style), as_texts)

    def _typed_or_text(self, fits: pa.Array | None, typed: pa.Array, as_texts: Callable[[], pa.Array]) -> pa.Array:
        """The typed cells where they fit, elsewhere text that is aligned like them. None: all fit."""
        if fits is None or pc.all(fits, min_count=0).as_py():
            return typed
        return pc.if_else(fits, typed, self._texts(as_texts(), Style.TEXT_RIGHT))

    def _typed(self, numbers: pa.Array, style: int | pa.Array) -> pa.Array:
        return concat(' s="', self._style(style), '"><v>', numbers, "</v>")

    def _style(self, style: int | pa.Array) -> str | pa.Array:
        """The number of a style, or of each row's style."""
        if self._highlights is not None:
            # One number for both, so that each combination is looked up once.
            base = pa.repeat(style, len(self._highlights)) if isinstance(style, int) else style
            none = len(STYLES)
            pairs = pc.add(pc.multiply(base.cast(pa.int64()), none + 1), pc.fill_null(self._highlights, none))
            return _by_distinct(pairs, lambda pair: self._index(pair // (none + 1), pair % (none + 1)))
        if isinstance(style, int):
            return str(self._index(style))
        return _by_distinct(style, self._index)

    def _index(self, style: int, highlight: int = len(STYLES)) -> int:
        base = style + self._first_style
        return self._styles.index(base, highlight if highlight < len(STYLES) else None) if self._styles else base

    def _texts(self, texts: pa.Array, style: int = Style.TEXT) -> pa.Array:
        longest = pc.max(pc.utf8_length(texts)).as_py() or 0
        if longest > _ALWAYS_FITTING_CHARACTERS:
            texts = pa.array([None if value is None else self._cut(value) for value in texts.to_pylist()], TEXT)
        styles: int | pa.Array = style
        if style == Style.TEXT and (longest > self._width or contained_characters(texts, "\n")):
            lines = self._lines_of(texts)
            styles = pc.if_else(pc.greater(lines, 1), Style.TEXT_WRAPPED, style)
            self._lines = lines if self._lines is None else pc.max_element_wise(self._lines, lines)
        return concat(' s="', self._style(styles), f'"{_INLINE}', _escaped(texts), _INLINE_END)

    def _lines_of(self, texts: pa.Array) -> pa.Array:
        """About how many lines each text takes in its column. NULL takes one."""
        full_lines = pc.floor(pc.divide(pc.utf8_length(texts).cast(pa.float64()), self._width)).cast(pa.int64())
        return pc.fill_null(pc.add(pc.add(full_lines, pc.count_substring(texts, "\n").cast(pa.int64())), 1), 1)

    def _cut(self, value: str) -> str:
        units = value.encode("utf-16-le")
        if len(units) <= 2 * _CELL_UNITS:
            return value
        self.cut_texts += 1
        # Half of a surrogate pair at the end is ignored.
        kept = units[: 2 * _KEPT_UNITS].decode("utf-16-le", "ignore")
        return f"{kept}… [cut: {len(value):,} characters]"


def inline_text(value: str) -> str:
    """The end of a `<c>` tag and the text, for the few cells that are not built by column."""
    return f"{_INLINE}{_escaped(pa.array([value[:_KEPT_UNITS]], TEXT))[0].as_py()}{_INLINE_END}"


def column_letters(index: int) -> str:
    """A, B … Z, AA … for 0, 1 …"""
    letters, index = "", index + 1
    while index:
        index, remainder = divmod(index - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters


def column_width(view: ColumnView, column: pa.Array, *, extra: float = 0.0) -> float:
    """The width in characters for the heading with its filter button and the first rows, and `extra` for totals."""
    if view.options.width:
        return float(view.options.width)
    width = None if view.pattern else _FIXED_WIDTHS.get(view.kind)
    if width is None:
        lengths = pc.utf8_length(view.texts(column.slice(0, _SAMPLE_ROWS)))
        width = float(pc.max(lengths).as_py() or 0) + 2 + extra
    elif view.kind in (ColumnKind.TIME, ColumnKind.TIMESTAMP) and unwrapped(column.slice(0, 0)).type.unit != "s":
        width += _FRACTION_WIDTH
    return min(_MAX_WIDTH, max(8.0, len(view.label) + 4.0, width))


def _by_distinct(numbers: pa.Array, index_of: Callable[[int], int]) -> pa.Array:
    distinct = numbers.dictionary_encode()
    texts = [None if number is None else str(index_of(number)) for number in distinct.dictionary.to_pylist()]
    return pa.array(texts, TEXT).take(distinct.indices)


def _exact_in_double(kind: ColumnKind, values: pa.Array, texts: pa.Array) -> pa.Array | None:
    """Which numbers a double holds to the last digit. None: all of them."""
    if kind is ColumnKind.FLOAT:
        return pc.is_finite(values)
    if kind is ColumnKind.INTEGER:
        if values.type.bit_width < 64:
            return None
        short = pc.less_equal(values, pa.scalar(_MAX_INTEGER, values.type))
        if pa.types.is_unsigned_integer(values.type):
            return short
        return pc.and_(short, pc.greater_equal(values, -_MAX_INTEGER))
    if kind is ColumnKind.DECIMAL and values.type.precision <= _MAX_DIGITS:
        return None
    # Leading zeros, and zeros at the end of a fraction, don't count: a double doesn't lose them.
    digits = texts
    if contained_characters(texts, "."):
        digits = pc.if_else(pc.match_substring(texts, "."), pc.utf8_rtrim(texts, "0"), texts)
    digits = pc.utf8_ltrim(pc.replace_substring(digits, ".", ""), "-0")
    short = pc.less_equal(pc.utf8_length(digits), _MAX_DIGITS)
    return pc.and_(short, pc.match_substring_regex(texts, _PLAIN_NUMBER)) if kind is ColumnKind.NUMERIC_TEXT else short


def _escaped(texts: pa.Array) -> pa.Array:
    if contained_characters(texts, "_") and pc.any(pc.match_substring_regex(texts, _LOOKS_ESCAPED)).as_py():
        texts = pc.replace_substring_regex(texts, _LOOKS_ESCAPED, r"_x005F_\1")
    texts = replace_characters(texts, _XML_ESCAPES | _CONTROL_ESCAPES)
    data = bytes(value_bytes(texts))
    for character in _NONCHARACTERS:
        if character.encode() in data:
            texts = pc.replace_substring(texts, character, "\ufffd")
    return texts
