"""Sums, averages, smallest, largest and counts of runs of rows, exact whatever the type. Rules: docs/formats.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from math import fsum, inf, isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from reports.rendering.column_text import as_text
from reports.rendering.kinds import NUMBERS, TEMPORAL, Kind, kind_of, unwrapped
from reports.rendering.text_arrays import TEXT

_TICKING = TEMPORAL | {Kind.DURATION}
_ORDERED = NUMBERS | _TICKING | {Kind.TEXT}
#: Decimals of more digits are added one by one: the sum of a batch might not fit into Arrow's 76.
_KERNEL_DIGITS = 60
_WIDEST = 76
#: Adds without rounding: PostgreSQL's numeric has 147,456 digits at most. NaN and infinities are values, not errors.
_EXACT = Context(prec=200_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
#: What a double surely carries. With all 17 digits, 0.1 + 0.2 would be shown as 0.30000000000000004.
_FLOAT_DIGITS = 15
#: Digits of fraction that an average has more than its column.
_MORE_DIGITS = 2
_NO_NUMBERS = pa.opaque(pa.string(), "numeric", "total")

#: One value for each run of rows.
Partials = list[Any]


class Aggregate:
    """One function over one column. Its partial results merge exactly, in any order; None is the one of no values."""

    def __init__(self, function: str, data_type: pa.DataType, decimals: int | None) -> None:
        self.function = function
        self._type = data_type
        self._kind = kind_of(data_type)
        self._digits = self._fraction_digits(decimals)
        self._of_runs: Callable[[pa.Array, Sequence[int]], Partials]
        if function == "count":
            self._of_runs = _counts
        elif function in ("min", "max"):
            self._of_runs = self._extremes
        else:
            self._of_runs = self._sums

    def fault(self) -> str | None:
        """Why this function has no meaning for the column, or None."""
        if self.function == "count" or self._kind is Kind.NULL:
            return None
        if self.function in ("sum", "average"):
            return None if self._kind in NUMBERS else f"has no {self.function}: it is no column of numbers"
        return None if self._kind in _ORDERED else f"has no {self.function}: its values have no order"

    def of_runs(self, column: pa.Array, starts: Sequence[int]) -> Partials:
        """The partial result of each run of rows; `starts` are their first rows, the first one 0."""
        return self._of_runs(column, starts)

    def merged(self, one: Any, other: Any) -> Any:
        """The partial result of all rows of both."""
        if one is None or other is None:
            return other if one is None else one
        if self.function == "count":
            return one + other
        if self.function in ("min", "max"):
            return self._extreme((one, other))
        return one[0] + other[0], _added(one[1], other[1])

    def shown(self, partials: Partials) -> pa.Array:
        """The finished totals as a column: exact numbers, or values of the column's own type."""
        if self.function == "count":
            return pa.array([partial or 0 for partial in partials], pa.int64())
        if self.function in ("min", "max"):
            return self._as_column(partials)
        finished = [None if partial is None else self._finished(*partial) for partial in partials]
        return _numbers(finished)

    # Sums and averages

    def _sums(self, column: pa.Array, starts: Sequence[int]) -> Partials:
        counts, values = _counts(column, starts), unwrapped(column)
        if self._kind is Kind.NULL:
            return [None] * len(starts)
        widened = _widened(values) if self._kind in (Kind.INTEGER, Kind.DECIMAL) else None
        if widened is not None:
            sums = _aggregated(widened, starts, "sum")
        else:
            add = _sum_of_floats if self._kind is Kind.FLOAT else _sum_of_decimals
            sums = [add(run) for run in _listed(self._kind, values, starts)]
        return [(count, total) if count else None for count, total in zip(counts, sums, strict=True)]

    def _finished(self, count: int, total: Any) -> Decimal | float:
        """The sum or average, rounded once."""
        if isinstance(total, float) or (isinstance(total, Decimal) and not total.is_finite()):
            return float(total)
        if self.function == "sum" and isinstance(total, Decimal):
            return total
        exact = Fraction(total)
        value = exact / count if self.function == "average" else exact
        if self._digits is not None:
            return _rounded(value, self._digits)
        if self._kind is Kind.NUMERIC_TEXT:
            return _rounded(value, _MORE_DIGITS - min(0, int(total.as_tuple().exponent)))
        return _shown_float(value)

    def _fraction_digits(self, given: int | None) -> int | None:
        """Digits of fraction of what is rounded; None where its values decide."""
        if given is not None or self._kind not in (Kind.INTEGER, Kind.DECIMAL):
            return given
        scale = unwrapped(pa.array([], self._type)).type.scale if self._kind is Kind.DECIMAL else 0
        return max(0, scale) + _MORE_DIGITS

    # The smallest and the largest

    def _extremes(self, column: pa.Array, starts: Sequence[int]) -> Partials:
        values = unwrapped(column)
        if self._kind is Kind.NULL:
            return [None] * len(starts)
        if self._kind in (Kind.FLOAT, Kind.NUMERIC_TEXT):
            runs = _listed(self._kind, values, starts)
            return [self._extreme(run) if run else None for run in runs]
        return _aggregated(_ticks(values) if self._kind in _TICKING else values, starts, self.function)

    def _extreme(self, values: Iterable[Any]) -> Any:
        choose = max if self.function == "max" else min
        if self._kind in (Kind.FLOAT, Kind.NUMERIC_TEXT):
            return choose(values, key=_nan_last)
        return choose(values)

    def _as_column(self, partials: Partials) -> pa.Array:
        if self._kind is Kind.NUMERIC_TEXT:
            return _numbers(partials)
        like = unwrapped(pa.array([], self._type)).type
        if self._kind in _TICKING:
            return pa.array(partials, _tick_type(like)).cast(like)
        return pa.array(partials, like)


def _counts(column: pa.Array, starts: Sequence[int]) -> Partials:
    return _aggregated(column.is_valid().cast(pa.int64()), starts, "sum")


def _aggregated(values: pa.Array, starts: Sequence[int], function: str) -> Partials:
    """One of Arrow's aggregates for each run, all runs in one call."""
    if len(starts) == 1:
        scalar = getattr(pc, function)(values)
        return [scalar.as_py()]
    table = pa.table({"run": _run_numbers(len(values), starts), "value": values})
    return list(table.group_by("run", use_threads=False).aggregate([("value", function)])[1].to_pylist())


def _run_numbers(rows: int, starts: Sequence[int]) -> pa.Array:
    """0 for the rows of the first run, 1 for those of the second …"""
    numbers = pa.array(range(len(starts)), pa.int32())
    return pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(pa.array([*starts[1:], rows], pa.int32()), numbers))


def _widened(values: pa.Array) -> pa.Array | None:
    """The numbers as decimals whose sum over a batch is exact; None where Arrow has none."""
    if pt.is_integer(values.type):
        return values.cast(pa.decimal128(38, 0))
    digits, scale = values.type.precision, values.type.scale
    if scale < 0 or digits > _KERNEL_DIGITS:
        return None
    return values.cast(pa.decimal128(38, scale) if digits <= 28 else pa.decimal256(_WIDEST, scale))


def _listed(kind: Kind, values: pa.Array, starts: Sequence[int]) -> list[list[Any]]:
    """The values of each run, without NULL, for what Arrow does not compute exactly."""
    values = values.cast(pa.float64()) if kind is Kind.FLOAT else values
    listed = values.to_pylist()
    if kind is Kind.NUMERIC_TEXT:
        listed = [None if value is None else Decimal(value) for value in listed]
    runs = zip(starts, [*starts[1:], len(listed)], strict=True)
    return [[value for value in listed[start:end] if value is not None] for start, end in runs]


def _sum_of_decimals(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, value)
    return total


def _sum_of_floats(values: Sequence[float]) -> Fraction | float:
    """The exact sum; a float where one of the values is NaN or infinite."""
    if not all(map(isfinite, values)):
        return sum(value for value in values if not isfinite(value))
    remainders = list(values)
    exact = Fraction(0)
    try:
        # fsum rounds the exact sum once; what it rounded away is the sum with its own result taken off.
        while rounded := fsum(remainders):
            exact += Fraction(rounded)
            remainders.append(-rounded)
    except OverflowError:
        return sum(map(Fraction, values), Fraction(0))
    return exact


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, Decimal):
        return _EXACT.add(one, other)
    if isinstance(one, float) or isinstance(other, float):
        # Only NaN and infinities are kept as floats: beside them, other numbers don't count.
        return sum(value for value in (one, other) if isinstance(value, float))
    return one + other


def _rounded(value: Fraction, digits: int) -> Decimal:
    """To so many digits of fraction, a half to the even neighbour."""
    return Decimal(round(value * 10**digits)).scaleb(-digits, _EXACT)


def _shown_float(value: Fraction) -> float:
    try:
        rounded = float(value)
    except OverflowError:
        return inf if value > 0 else -inf
    short = float(format(rounded, f".{_FLOAT_DIGITS}g"))
    return short if isfinite(short) else rounded


def _nan_last(value: Any) -> tuple[bool, Any]:
    """NaN is the largest number, as in PostgreSQL and DuckDB."""
    return (True, 0) if value != value else (False, value)


def _tick_type(data_type: pa.DataType) -> pa.DataType:
    return pa.int32() if data_type.bit_width == 32 else pa.int64()


def _ticks(moments: pa.Array) -> pa.Array:
    """As the integers that they are stored as: Python's own dates end in 9999 and know no nanoseconds."""
    return moments.cast(_tick_type(moments.type))


def _numbers(values: Sequence[Any]) -> pa.Array:
    """As a column of doubles or decimals; where Arrow's decimals are too short, as digits in text."""
    values = [float(value) if isinstance(value, Decimal) and not value.is_finite() else value for value in values]
    kept = [value for value in values if value is not None]
    if any(isinstance(value, float) for value in kept):
        if all(isinstance(value, float) for value in kept):
            return pa.array(values, pa.float64())
        return _digits_in_text(values)
    scale = max((-int(value.as_tuple().exponent) for value in kept), default=0)
    try:
        return pa.array(values, pa.decimal256(_WIDEST, max(0, scale)))
    except (pa.ArrowInvalid, ValueError):
        return _digits_in_text(values)


def _digits_in_text(values: Sequence[Any]) -> pa.Array:
    texts = [None if value is None else _digits(value) for value in values]
    return pa.ExtensionArray.from_storage(_NO_NUMBERS, pa.array(texts, pa.string()))


def _digits(value: Decimal | float) -> str:
    if isinstance(value, float):
        return str(as_text(pa.array([value])).cast(TEXT)[0].as_py())
    return format(value, "f")
