"""Columns of numbers as whole numbers of a pattern's smallest place, rounded exactly.

No decimal or integer passes through a float. A double is rounded as the shortest decimal that reads back as the same
double, so 2.675 becomes 2.68 with two places, as people expect from what they see.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import ColumnKind
from reports.rendering.columns.number_patterns import CompiledPattern
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import SLICE_ROWS, TEXT

_MAX_INT64 = 2**63 - 1
#: Up to here a double has room for the half that decides the rounding.
_MAX_EXACT = 2.0**51
#: Powers of ten up to this one are exact doubles.
_MAX_POWER = 22
#: A double times a power of ten differs from the exact product by at most a few times this share.
_EPSILON = 2.0**-50
_MAX_SHORT_DIGITS = 38


class Units(NamedTuple):
    """Numbers without their sign as int64, and which of them are negative. NULL stays NULL."""

    numbers: pa.Array
    negative: pa.Array
    #: Rows whose number is too long, infinite or not a number: their number is NULL, too.
    others: Sequence[int] = ()


def units_of(values: pa.Array, kind: ColumnKind, pattern: CompiledPattern) -> Units | None:
    """The numbers of an unwrapped column; None if they have to be converted one by one."""
    digits = pattern.shift + pattern.fraction_digits[1]
    if kind is ColumnKind.FLOAT:
        return _of_floats(values, pattern, digits)
    if kind is ColumnKind.INTEGER:
        return _scaled(values, digits)
    if kind is ColumnKind.DECIMAL and values.type.precision <= _MAX_SHORT_DIGITS and values.type.scale >= 0:
        return _of_decimals(values, digits)
    return None


def _scaled(values: pa.Array, digits: int) -> Units | None:
    """Integers times a power of ten."""
    extremes = pc.min_max(values)
    smallest, largest = extremes["min"].as_py() or 0, extremes["max"].as_py() or 0
    if max(-smallest, largest) * 10**digits > _MAX_INT64:
        return None
    numbers = values.cast(pa.int64())
    negative = pc.less(numbers, 0)
    if smallest < 0:
        numbers = pc.abs(numbers)
    return Units(pc.multiply(numbers, 10**digits) if digits else numbers, negative)


def _of_decimals(values: pa.Array, digits: int) -> Units | None:
    scale = values.type.scale
    values = values.cast(pa.decimal128(_MAX_SHORT_DIGITS, scale))
    if not _is_short(values):
        return None
    if scale <= digits:
        return _scaled(_unscaled(values), digits - scale)
    unscaled = _unscaled(values)
    return Units(_divided(pc.abs(unscaled), 10 ** (scale - digits)), pc.less(unscaled, 0))


def _is_short(values: pa.Array) -> bool:
    """Whether the digits of each decimal fit into an int64, also after they are doubled."""
    extremes, scale = pc.min_max(values), values.type.scale
    present = [abs(value) for value in (extremes["min"].as_py(), extremes["max"].as_py()) if value is not None]
    return all(int(value.scaleb(scale)) < _MAX_INT64 // 4 for value in present)


def _divided(numbers: pa.Array, divisor: int) -> pa.Array:
    """The quotients, rounded: a half goes to the even neighbor."""
    quotient = pc.divide(numbers, divisor)
    doubled = pc.multiply(pc.subtract(numbers, pc.multiply(quotient, divisor)), 2)
    is_odd = pc.equal(pc.bit_wise_and(quotient, 1), 1)
    is_up = pc.or_(pc.greater(doubled, divisor), pc.and_(pc.equal(doubled, divisor), is_odd))
    return pc.add(quotient, is_up.cast(pa.int64()))


def _unscaled(values: pa.Array) -> pa.Array:
    """The digits of each decimal as an int64: the lower half of its 128 bits."""
    halves = pa.Array.from_buffers(pa.int64(), 2 * len(values), [None, values.buffers()[1]], offset=2 * values.offset)
    lower = halves.take(_even_numbers(SLICE_ROWS if len(values) <= SLICE_ROWS else len(values)).slice(0, len(values)))
    return pc.if_else(values.is_valid(), lower, None) if values.null_count else lower


@lru_cache(maxsize=2)
def _even_numbers(count: int) -> pa.Array:
    return pa.array(range(0, 2 * count, 2), pa.int64())


def _of_floats(values: pa.Array, pattern: CompiledPattern, digits: int) -> Units | None:
    if digits > _MAX_POWER:
        return None
    if values.type.bit_width < 64:
        # By their texts: 0.1 of 32 bits is 0.10000000149 in 64.
        values = values.cast(TEXT).cast(pa.float64())
    scaled = pc.multiply(pc.abs(values), float(10**digits))
    rounded = pc.round(scaled, 0, "half_to_even")
    distance = pc.abs(pc.subtract(scaled, rounded))
    is_certain = pc.and_(
        pc.less(scaled, _MAX_EXACT),
        pc.less(distance, pc.subtract(0.5, pc.multiply(pc.add(scaled, 1.0), _EPSILON))),
    )
    numbers = pc.if_else(is_certain, rounded, None).cast(pa.int64())
    negative = pc.less(values, 0.0)
    if pc.all(is_certain, min_count=0).as_py():
        return Units(numbers, negative)
    rows = pc.indices_nonzero(pc.invert(pc.fill_null(is_certain, True))).to_pylist()
    exact = [_exact_units(value, digits) for value in values.take(pa.array(rows, pa.int64())).to_pylist()]
    mask = pc.invert(pc.fill_null(is_certain, True))
    numbers = pc.replace_with_mask(numbers, mask, pa.array(exact, pa.int64()))
    return Units(numbers, negative, [row for row, units in zip(rows, exact, strict=True) if units is None])


def _exact_units(value: float, digits: int) -> int | None:
    decimal = Decimal(repr(abs(value)))
    if not decimal.is_finite() or decimal.adjusted() + digits > 18:
        return None
    units = round(decimal.scaleb(digits))
    return units if units <= _MAX_INT64 else None


def decimals_of(values: pa.Array, kind: ColumnKind) -> list[Decimal | None]:
    """Every number of a column, exactly. Infinities and NaN are among them."""
    if kind is ColumnKind.FLOAT and values.type.bit_width == 64:
        return [None if value is None else Decimal(repr(value)) for value in values.to_pylist()]
    return [None if text is None else Decimal(text) for text in scalar_text(values).to_pylist()]
