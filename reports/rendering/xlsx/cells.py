"""Arrow columns as the XML of sheet cells."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_text import as_text
from reports.rendering.kinds import NUMBERS, Kind, kind_of, unwrapped
from reports.rendering.text_arrays import TEXT, concat, contained_characters, replace_characters, value_bytes
from reports.rendering.xlsx import parts as parts

#: Excel computes with doubles and shows 15 digits: a longer number as a number would lose its end.
DIGITS = 15
_LARGEST = 10**DIGITS - 1
_PLAIN_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"

#: What a cell holds, in UTF-16 units, and how much of a longer text is kept.
CELL_UNITS = 32_767
KEPT_UNITS = 32_700
_CERTAINLY_FITS = CELL_UNITS // 2

#: Excel's serial of 1970-01-01, and the days it can show: from 1900-03-01, as it believes in a 29 February 1900.
_EPOCH = 25_569
_FIRST_DAY, _LAST_DAY = 61 - _EPOCH, 2_958_465 - _EPOCH
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}

_XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
#: XML has no place for control characters; Excel reads and writes them so, and text that looks so is escaped itself.
_CONTROLS = {chr(code): f"_x{code:04X}_" for code in range(32) if code not in (9, 10)}
_LOOKALIKE = r"_(x[0-9A-Fa-f]{4}_)"
_NONCHARACTERS = ("\ufffe", "\uffff")

_INLINE = ' t="inlineStr"><is><t xml:space="preserve">'
_INLINE_END = "</t></is>"
_MAX_WIDTH = 60
_SAMPLE_ROWS = 1_000
_FIXED_WIDTHS = {Kind.DATE: 12.0, Kind.TIMESTAMP: 20.0, Kind.TIME: 10.0, Kind.BOOLEAN: 8.0}


class CellMaker:
    """Makes the cells of a column, in the styles of rows or in those of totals. Counts the texts that had to be cut."""

    def __init__(self, *, totals: bool = False) -> None:
        self.cut = 0
        self._first_style = parts.TOTALS if totals else 0

    def cells(self, column: pa.Array, letters: str, row_numbers: pa.Array) -> pa.Array:
        """One `<c>` a row; an empty string, so no cell at all, for NULL."""
        content = self._content(column)
        return pc.fill_null(concat(f'<c r="{letters}', row_numbers, '"', content, "</c>"), "")

    def _content(self, column: pa.Array) -> pa.Array:
        """What follows the cell's address: style, type and value."""
        kind, values = kind_of(column.type), unwrapped(column)
        if kind in NUMBERS:
            return self._numbers(kind, values)
        if kind is Kind.BOOLEAN:
            # Programs disagree where a boolean stands.
            style = parts.BOOLEAN + self._first_style
            return concat(f' s="{style}" t="b"><v>', pc.if_else(values, "1", "0").cast(TEXT), "</v>")
        if kind in (Kind.DATE, Kind.TIMESTAMP):
            return self._moments(kind, values)
        if kind is Kind.TIME:
            days = _days(values)
            return self._either(_between(days, 0, 1), self._typed(days.cast(TEXT), parts.TIME), None, values)
        return self._texts(as_text(column))

    def _numbers(self, kind: Kind, values: pa.Array) -> pa.Array:
        texts = as_text(values)
        style = parts.style_of_number(kind, values.type)
        return self._either(_is_exact(kind, values, texts), self._typed(texts, style), texts)

    def _moments(self, kind: Kind, values: pa.Array) -> pa.Array:
        """Dates before March 1900 and after 9999 have no place on Excel's calendar: they stay text."""
        days = values.cast(pa.int32()) if kind is Kind.DATE else _days(values)
        fits = _between(days, _FIRST_DAY, _LAST_DAY + 1)
        style = parts.DATE if kind is Kind.DATE else parts.TIMESTAMP
        return self._either(fits, self._typed(pc.add(days, _EPOCH).cast(TEXT), style), None, values)

    def _either(
        self, fits: pa.Array | bool, typed: pa.Array, texts: pa.Array | None, values: pa.Array | None = None
    ) -> pa.Array:
        """The typed cells where they fit, and text at the same side where they don't, made only when it is needed."""
        if fits is True or pc.all(fits).as_py() in (True, None):
            return typed
        return pc.if_else(fits, typed, self._texts(as_text(values) if texts is None else texts, parts.TEXT_RIGHT))

    def _typed(self, numbers: pa.Array, style: int) -> pa.Array:
        return concat(f' s="{style + self._first_style}"><v>', numbers, "</v>")

    def _texts(self, texts: pa.Array, style: int = parts.TEXT) -> pa.Array:
        return concat(f' s="{style + self._first_style}"{_INLINE}', _escaped(self._fitted(texts)), _INLINE_END)

    def _fitted(self, texts: pa.Array) -> pa.Array:
        longest = pc.max(pc.utf8_length(texts)).as_py()
        if longest is None or longest <= _CERTAINLY_FITS:
            return texts
        return pa.array([None if value is None else self._cut(value) for value in texts.to_pylist()], TEXT)

    def _cut(self, value: str) -> str:
        units = value.encode("utf-16-le")
        if len(units) <= 2 * CELL_UNITS:
            return value
        self.cut += 1
        kept = units[: 2 * KEPT_UNITS].decode("utf-16-le", "ignore")
        return f"{kept}… [cut: {len(value):,} characters]"


def inline_text(value: str) -> str:
    """The end of the tag and the text of a cell, for the few cells that are not made by column."""
    return f"{_INLINE}{_escaped(pa.array([value[:KEPT_UNITS]], TEXT))[0].as_py()}{_INLINE_END}"


def column_letters(index: int) -> str:
    letters, index = "", index + 1
    while index:
        index, remainder = divmod(index - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters


def width_of(name: str, column: pa.Array, *, more: float = 0.0) -> float:
    """Characters that show the header, its filter button and the first rows, with `more` for longer numbers."""
    kind = kind_of(column.type)
    shown = _FIXED_WIDTHS.get(kind)
    if shown is None:
        lines = pc.utf8_length(as_text(column.slice(0, _SAMPLE_ROWS)))
        shown = float(pc.max(lines).as_py() or 0) + 2 + more
    return min(float(_MAX_WIDTH), max(8.0, len(name) + 4.0, shown))


def _is_exact(kind: Kind, values: pa.Array, texts: pa.Array) -> pa.Array | bool:
    """Which numbers a double carries to the last digit."""
    if kind is Kind.INTEGER:
        return _is_short(values)
    if kind is Kind.FLOAT:
        return pc.is_finite(values)
    if kind is Kind.DECIMAL and values.type.precision <= DIGITS:
        return True
    short = pc.less_equal(pc.utf8_length(_digits(texts)), DIGITS)
    return pc.and_(short, pc.match_substring_regex(texts, _PLAIN_NUMBER)) if kind is Kind.NUMERIC_TEXT else short


def _digits(texts: pa.Array) -> pa.Array:
    """The digits that count: zeros in front, and zeros that end a fraction, are not lost by a double."""
    if contained_characters(texts, "."):
        with_point = pc.match_substring(texts, ".")
        texts = pc.if_else(with_point, pc.utf8_rtrim(texts, "0"), texts)
    return pc.utf8_ltrim(pc.replace_substring(texts, ".", ""), "-0")


def _is_short(integers: pa.Array) -> pa.Array | bool:
    if integers.type.bit_width < 64:
        return True
    short = pc.less_equal(integers, pa.scalar(_LARGEST, integers.type))
    if pa.types.is_unsigned_integer(integers.type):
        return short
    return pc.and_(short, pc.greater_equal(integers, -_LARGEST))


def _days(values: pa.Array) -> pa.Array:
    """Days since 1970, or since midnight, as doubles: right to the microsecond, of which Excel shows milliseconds."""
    unit = values.type.unit
    ticks = values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64()).cast(pa.int64())
    if unit == "ns":
        # Nanoseconds since 1970 are more than a double counts. Rounded down, so that 23:59:59.999 is never tomorrow.
        ticks, unit = pc.divide(pc.subtract(ticks, pc.if_else(pc.less(ticks, 0), 999, 0)), 1_000), "us"
    return pc.divide(ticks.cast(pa.float64(), safe=False), float(_PER_DAY[unit]))


def _between(days: pa.Array, first: int, end: int) -> pa.Array:
    return pc.and_(pc.greater_equal(days, first), pc.less(days, end))


def _escaped(texts: pa.Array) -> pa.Array:
    if contained_characters(texts, "_") and pc.any(pc.match_substring_regex(texts, _LOOKALIKE)).as_py():
        texts = pc.replace_substring_regex(texts, _LOOKALIKE, r"_x005F_\1")
    texts = replace_characters(texts, _XML | _CONTROLS)
    data = bytes(value_bytes(texts))
    for character in _NONCHARACTERS:
        if character.encode() in data:
            texts = pc.replace_substring(texts, character, "\ufffd")
    return texts
