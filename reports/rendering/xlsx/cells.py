"""Columns as the XML of sheet cells."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import NUMBERS, Kind, kind_of, unwrapped
from reports.rendering.column_text import as_text
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import TEXT, concat, contained_characters, replace_characters, value_bytes
from reports.rendering.xlsx.styles import TOTAL, Style, number_style

#: Excel computes with doubles and shows 15 digits. As a number, a longer number would lose its last digits.
_MAX_DIGITS = 15
_MAX_INTEGER = 10**_MAX_DIGITS - 1
_PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"

#: The UTF-16 units that a cell holds, and how many of a longer text are kept.
_CELL_UNITS = 32_767
_KEPT_UNITS = 32_700
#: A character takes two units at most.
_ALWAYS_FITTING_CHARACTERS = _CELL_UNITS // 2

#: Excel's serial number of 1970-01-01, and the days since then that it can show. Excel counts a 29 February 1900,
#: so its days before 1900-03-01 are wrong by one.
_EPOCH = 25_569
_FIRST_DAY, _LAST_DAY = 61 - _EPOCH, 2_958_465 - _EPOCH
_TICKS_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}

_XML_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
#: XML can't contain control characters. Excel writes them like this, so text that looks like this is escaped, too.
_CONTROL_ESCAPES = {chr(code): f"_x{code:04X}_" for code in range(32) if code not in (9, 10)}
_LOOKS_ESCAPED = r"_(x[0-9A-Fa-f]{4}_)"
_NONCHARACTERS = ("\ufffe", "\uffff")

_INLINE = ' t="inlineStr"><is><t xml:space="preserve">'
_INLINE_END = "</t></is>"

_MAX_WIDTH = 60.0
_SAMPLE_ROWS = 1_000
_FIXED_WIDTHS = {Kind.DATE: 12.0, Kind.TIMESTAMP: 20.0, Kind.TIME: 10.0, Kind.BOOLEAN: 8.0}


class CellBuilder:
    """Builds the cells of columns, in the styles of rows or in those of totals."""

    def __init__(self, *, totals: bool = False) -> None:
        #: Texts that were too long for a cell.
        self.cut_texts = 0
        self._first_style = TOTAL if totals else 0

    def cells(self, column: pa.Array, letters: str, row_numbers: pa.Array) -> pa.Array:
        """One `<c>` per row. NULL is an empty text: no cell at all."""
        content = self._content(column)
        return pc.fill_null(concat(f'<c r="{letters}', row_numbers, '"', content, "</c>"), "")

    def _content(self, column: pa.Array) -> pa.Array:
        """Everything after a cell's address: style, type and value."""
        kind, values = kind_of(column.type), unwrapped(column)
        if kind in NUMBERS:
            numbers = scalar_text(values)
            exact = _exact_in_double(kind, values, numbers)
            style = number_style(kind, values.type)
            return self._typed_or_text(exact, self._typed(numbers, style), lambda: numbers)
        if kind is Kind.BOOLEAN:
            # With a style, because programs differ in how they align booleans.
            style = Style.BOOLEAN + self._first_style
            return concat(f' s="{style}" t="b"><v>', pc.if_else(values, "1", "0").cast(TEXT), "</v>")
        if kind in (Kind.DATE, Kind.TIMESTAMP):
            days = values.cast(pa.int32()) if kind is Kind.DATE else _days(values)
            style = Style.DATE if kind is Kind.DATE else Style.TIMESTAMP
            dates = self._typed(pc.add(days, _EPOCH).cast(TEXT), style)
            return self._typed_or_text(_between(days, _FIRST_DAY, _LAST_DAY + 1), dates, lambda: scalar_text(values))
        if kind is Kind.TIME:
            days = _days(values)
            times = self._typed(days.cast(TEXT), Style.TIME)
            return self._typed_or_text(_between(days, 0, 1), times, lambda: scalar_text(values))
        return self._texts(as_text(column))

    def _typed_or_text(self, fits: pa.Array | None, typed: pa.Array, as_texts: Callable[[], pa.Array]) -> pa.Array:
        """The typed cells where they fit, elsewhere text that is aligned like them. None: all fit."""
        if fits is None or pc.all(fits, min_count=0).as_py():
            return typed
        return pc.if_else(fits, typed, self._texts(as_texts(), Style.TEXT_RIGHT))

    def _typed(self, numbers: pa.Array, style: int) -> pa.Array:
        return concat(f' s="{style + self._first_style}"><v>', numbers, "</v>")

    def _texts(self, texts: pa.Array, style: int = Style.TEXT) -> pa.Array:
        longest = pc.max(pc.utf8_length(texts)).as_py() or 0
        if longest > _ALWAYS_FITTING_CHARACTERS:
            texts = pa.array([None if value is None else self._cut(value) for value in texts.to_pylist()], TEXT)
        return concat(f' s="{style + self._first_style}"{_INLINE}', _escaped(texts), _INLINE_END)

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


def column_width(name: str, column: pa.Array, *, extra: float = 0.0) -> float:
    """The width in characters for the heading with its filter button and the first rows, and `extra` for totals."""
    width = _FIXED_WIDTHS.get(kind_of(column.type))
    if width is None:
        lengths = pc.utf8_length(as_text(column.slice(0, _SAMPLE_ROWS)))
        width = float(pc.max(lengths).as_py() or 0) + 2 + extra
    return min(_MAX_WIDTH, max(8.0, len(name) + 4.0, width))


def _exact_in_double(kind: Kind, values: pa.Array, texts: pa.Array) -> pa.Array | None:
    """Which numbers a double holds to the last digit. None: all of them."""
    if kind is Kind.FLOAT:
        return pc.is_finite(values)
    if kind is Kind.INTEGER:
        if values.type.bit_width < 64:
            return None
        short = pc.less_equal(values, pa.scalar(_MAX_INTEGER, values.type))
        if pa.types.is_unsigned_integer(values.type):
            return short
        return pc.and_(short, pc.greater_equal(values, -_MAX_INTEGER))
    if kind is Kind.DECIMAL and values.type.precision <= _MAX_DIGITS:
        return None
    # Leading zeros, and zeros at the end of a fraction, don't count: a double doesn't lose them.
    digits = texts
    if contained_characters(texts, "."):
        digits = pc.if_else(pc.match_substring(texts, "."), pc.utf8_rtrim(texts, "0"), texts)
    digits = pc.utf8_ltrim(pc.replace_substring(digits, ".", ""), "-0")
    short = pc.less_equal(pc.utf8_length(digits), _MAX_DIGITS)
    return pc.and_(short, pc.match_substring_regex(texts, _PLAIN_NUMBER)) if kind is Kind.NUMERIC_TEXT else short


def _days(values: pa.Array) -> pa.Array:
    """Days since 1970-01-01 or since midnight as doubles, exact to the microsecond. Excel shows milliseconds."""
    unit = values.type.unit
    ticks = values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64()).cast(pa.int64())
    if unit == "ns":
        # A double can't count the nanoseconds since 1970. Rounded down, so that 23:59:59.999 never becomes tomorrow.
        ticks, unit = pc.divide(pc.subtract(ticks, pc.if_else(pc.less(ticks, 0), 999, 0)), 1_000), "us"
    return pc.divide(ticks.cast(pa.float64(), safe=False), float(_TICKS_PER_DAY[unit]))


def _between(days: pa.Array, first: int, end: int) -> pa.Array:
    return pc.and_(pc.greater_equal(days, first), pc.less(days, end))


def _escaped(texts: pa.Array) -> pa.Array:
    if contained_characters(texts, "_") and pc.any(pc.match_substring_regex(texts, _LOOKS_ESCAPED)).as_py():
        texts = pc.replace_substring_regex(texts, _LOOKS_ESCAPED, r"_x005F_\1")
    texts = replace_characters(texts, _XML_ESCAPES | _CONTROL_ESCAPES)
    data = bytes(value_bytes(texts))
    for character in _NONCHARACTERS:
        if character.encode() in data:
            texts = pc.replace_substring(texts, character, "\ufffd")
    return texts
