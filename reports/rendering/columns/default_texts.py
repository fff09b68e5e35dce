"""How people see values of columns that have no format."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import NUMBERS, ColumnKind, kind_of, unwrapped
from reports.rendering.column_text import display_text
from reports.rendering.columns.number_format import with_digits
from reports.rendering.columns.numerals import Numerals
from reports.rendering.infinity import counts
from reports.rendering.text_arrays import TEXT

#: Of a double. The others are mostly what computing with doubles has added.
_SIGNIFICANT_DIGITS = 12
#: From this power of ten on, Arrow writes exponents: 1e+10. Python does so from the sixteenth on.
_EXPONENTS_FROM = 10
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400
#: `2024-01-31` and `2024-01-31 23:59:59`, in characters.
_DATE_LENGTH, _SECOND_LENGTH = 10, 19
_ZEROS = r"(?: 00:00:00(?:\.0+)?Z?|\.0+(Z?))$"


def default_text(column: pa.Array, numerals: Numerals) -> pa.Array:
    """The texts of a column. NULL stays NULL."""
    kind = kind_of(column.type)
    if kind is ColumnKind.TIMESTAMP:
        return _timestamps(unwrapped(column))
    if kind not in NUMBERS:
        return display_text(column)
    texts = _floats(unwrapped(column)) if kind is ColumnKind.FLOAT else display_text(column)
    if numerals.point != ".":
        texts = pc.replace_substring(texts, ".", numerals.point)
    return with_digits(texts, numerals)


def _timestamps(values: pa.Array) -> pa.Array:
    """Without the time at midnight, and without a fraction of zeros."""
    texts = pc.replace_substring(display_text(values), "T", " ", max_replacements=1)
    per_second = _PER_SECOND[values.type.unit]
    numbers = counts(values)
    is_whole = _divides(numbers, per_second)
    if not pc.any(is_whole).as_py():
        return texts
    usual = _SECOND_LENGTH + len(f"{per_second:d}" if per_second > 1 else "") + len("Z" if values.type.tz else "")
    lengths = pc.min_max(pc.utf8_length(texts))
    if lengths["min"].as_py() != usual or lengths["max"].as_py() != usual:
        # Years with a sign, and infinity.
        return pc.replace_substring_regex(texts, _ZEROS, r"\1")
    if per_second > 1:
        seconds = pc.utf8_slice_codeunits(texts, 0, _SECOND_LENGTH)
        if values.type.tz:
            seconds = pc.binary_join_element_wise(seconds, pa.scalar("Z", TEXT), pa.scalar("", TEXT))
        texts = pc.if_else(is_whole, seconds, texts)
    is_midnight = _divides(numbers, per_second * _DAY)
    if pc.any(is_midnight).as_py():
        texts = pc.if_else(is_midnight, pc.utf8_slice_codeunits(texts, 0, _DATE_LENGTH), texts)
    return texts


def _divides(numbers: pa.Array, divisor: int) -> pa.Array:
    return pc.equal(pc.multiply(pc.divide(numbers, divisor), divisor), numbers)


def _floats(values: pa.Array) -> pa.Array:
    """The shortest texts of the doubles, rounded to so many digits as are meant."""
    if values.type.bit_width < 64:
        # A shorter float has seven digits.
        return values.cast(TEXT)
    magnitudes = pc.floor(pc.log10(pc.abs(values)))
    places = pc.subtract(_SIGNIFICANT_DIGITS - 1, magnitudes)
    # Powers of ten up to the 22nd are exact, so that both steps together round only once.
    is_usual = pc.and_(pc.greater_equal(places, 0), pc.less_equal(places, 22))
    powers = _powers_of_ten().take(pc.if_else(is_usual, places, None).cast(pa.int64()))
    scaled = pc.multiply(values, powers)
    whole = pc.round(scaled, 0, "half_to_even")
    rounded = pc.divide(whole, powers)
    texts = pc.coalesce(rounded, values).cast(TEXT)
    # A half, where the product may be off; what has too many places for exact powers; what Arrow writes with exponents.
    is_rare = pc.or_kleene(
        pc.or_kleene(pc.greater(pc.abs(pc.subtract(scaled, whole)), 0.499), pc.invert(is_usual)),
        pc.greater_equal(magnitudes, _EXPONENTS_FROM),
    )
    is_rare = pc.fill_null(pc.and_(is_rare, pc.and_(pc.is_finite(values), pc.not_equal(values, 0.0))), False)
    if not pc.any(is_rare).as_py():
        return texts
    rare = pa.array(map(_rounded_text, values.filter(is_rare).to_pylist()), TEXT)
    return pc.replace_with_mask(texts, is_rare, rare)


def _rounded_text(value: float) -> str:
    return repr(float(f"{value:.{_SIGNIFICANT_DIGITS}g}")).removesuffix(".0")


@lru_cache(maxsize=1)
def _powers_of_ten() -> pa.Array:
    return pa.array([float(10**power) for power in range(23)])
