"""Columns of numbers as texts by a CLDR pattern.

Texts are put together from tables: those of the groups of three digits, of the fractions and of the signs. That takes
about as long as Arrow's plain cast to text; one call of Babel for each value would take fifty times as long.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import ColumnKind, kind_of, unwrapped
from reports.rendering.columns.number_patterns import CompiledPattern
from reports.rendering.columns.number_units import Units, decimals_of, units_of
from reports.rendering.columns.numerals import Numerals
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import EMPTY, TEXT

#: Fractions of up to so many digits come from a table.
_TABLE_DIGITS = 4
_MAX_GROUP = 4


class NumberFormat:
    """A pattern, compiled for columns."""

    def __init__(self, pattern: CompiledPattern) -> None:
        self._pattern = pattern
        self._numerals = pattern.numerals

    def texts(self, column: pa.Array) -> pa.Array:
        """The text of each number. Infinities and NaN are as without a pattern; NULL stays NULL."""
        kind, values = kind_of(column.type), unwrapped(column)
        units = units_of(values, kind, self._pattern) if self._is_simple and len(values) else None
        if units is None:
            return self._one_by_one(values, kind)
        texts = self._joined(units)
        if units.others:
            rows = pa.array(units.others, pa.int64())
            mask = pc.is_in(pa.array(range(len(values)), pa.int64()), value_set=rows)
            texts = pc.replace_with_mask(texts, mask, self._one_by_one(values.take(rows), kind))
        return texts

    @cached_property
    def _is_simple(self) -> bool:
        pattern, sizes = self._pattern, self._pattern.group_sizes
        return (
            pattern.is_plain
            and (pattern.least_digits <= 1 if sizes else True)
            and (sizes is None or max(sizes) <= _MAX_GROUP)
        )

    def _one_by_one(self, values: pa.Array, kind: ColumnKind) -> pa.Array:
        texts = scalar_text(values).to_pylist()
        for at, number in enumerate(decimals_of(values, kind)):
            if number is not None and number.is_finite():
                texts[at] = self._pattern.decimal_text(number)
        return pa.array(texts, TEXT)

    def _joined(self, units: Units) -> pa.Array:
        places = 10 ** self._pattern.fraction_digits[1]
        whole, fraction = units.numbers, None
        if places > 1:
            whole = pc.divide(units.numbers, places)
            fraction = self._fraction_texts(pc.subtract(units.numbers, pc.multiply(whole, places)))
        has_negatives = bool(pc.any(units.negative).as_py())
        parts = [self._affixes(self._pattern.prefixes, units.negative, has_negatives), *self._whole_texts(whole)]
        parts += [fraction, self._affixes(self._pattern.suffixes, units.negative, has_negatives)]
        present = [part for part in parts if part is not None]
        return present[0] if len(present) == 1 else pc.binary_join_element_wise(*present, EMPTY)

    def _affixes(self, texts: tuple[str, str], negative: pa.Array, has_negatives: bool) -> pa.Array | pa.Scalar | None:
        if has_negatives and texts[0] != texts[1]:
            return pa.array(texts, TEXT).take(negative.cast(pa.int8()))
        return pa.scalar(texts[0], TEXT) if texts[0] else None

    def _fraction_texts(self, fractions: pa.Array) -> pa.Array:
        digits = self._pattern.fraction_digits[1]
        if digits <= _TABLE_DIGITS:
            return self._fraction_table.take(fractions)
        distinct = fractions.dictionary_encode()
        texts = [self._pattern.fraction(f"{number:0{digits}d}") for number in distinct.dictionary.to_pylist()]
        return pa.array(texts, TEXT).take(distinct.indices)

    @cached_property
    def _fraction_table(self) -> pa.Array:
        digits = self._pattern.fraction_digits[1]
        return pa.array([self._pattern.fraction(f"{number:0{digits}d}") for number in range(10**digits)], TEXT)

    def _whole_texts(self, numbers: pa.Array) -> list[pa.Array]:
        """The groups of the digits left of the point, the first ones first."""
        sizes = self._pattern.group_sizes
        if sizes is None:
            return [self._ungrouped(numbers)]
        texts, size, is_last = [], sizes[0], True
        while True:
            higher = pc.divide(numbers, 10**size)
            is_leading = pc.max(higher).as_py() in (0, None)
            index = numbers if is_leading else pc.subtract(numbers, pc.multiply(higher, 10**size))
            if not is_leading:
                # Digits with a group before them have zeros and a separator in front.
                index = pc.add(index, pc.multiply(pc.greater(higher, 0).cast(pa.int64()), 10**size))
            texts.append(_group_table(self._numerals, size, is_last).take(index))
            if is_leading:
                return texts[::-1]
            numbers, size, is_last = higher, sizes[1], False

    def _ungrouped(self, numbers: pa.Array) -> pa.Array:
        texts = numbers.cast(TEXT)
        if self._pattern.least_digits > 1:
            texts = pc.utf8_lpad(texts, self._pattern.least_digits, "0")
        return with_digits(texts, self._numerals)


def with_digits(texts: pa.Array, numerals: Numerals) -> pa.Array:
    """ASCII numbers with the digits of the locale."""
    if not numerals.is_ascii:
        for digit, local in enumerate(numerals.digits):
            texts = pc.replace_substring(texts, str(digit), local)
    return texts


@lru_cache(maxsize=50)
def _group_table(numerals: Numerals, size: int, is_last: bool) -> pa.Array:
    """The texts of a group of digits: first those without a group before it, then those with one.

    `is_last`: it is next to the point, where 0 is shown.
    """
    leading = [numerals.translated(str(number)) for number in range(10**size)]
    if not is_last:
        leading[0] = ""
    following = [numerals.group + numerals.translated(f"{number:0{size}d}") for number in range(10**size)]
    return pa.array(leading + following, TEXT)
