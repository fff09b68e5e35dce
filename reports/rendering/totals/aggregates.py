"""Sums, averages, extremes and counts over runs of rows, exact for every type. The rules are in docs/formats.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from functools import reduce
from math import fsum, inf, isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from common.api.numbers import DECIMAL_DIGITS, FLOAT_DIGITS, LONG_DECIMAL_DIGITS
from reports.rendering.column_kinds import NUMBERS, TEMPORAL, ColumnKind, kind_of, unwrapped, validity
from reports.rendering.scalar_text import scalar_text

_INTEGER_BACKED = TEMPORAL | {ColumnKind.DURATION}
_ORDERED = NUMBERS | _INTEGER_BACKED | {ColumnKind.TEXT, ColumnKind.JSON}
#: Decimals with more digits are added in Python: their sum over a batch may not fit into Arrow's longest decimal.
_MAX_KERNEL_DIGITS = 60
#: The sum over a batch of decimals of up to so many digits has no more than 38.
_MAX_SHORT_DIGITS = 28
#: Adds without rounding: PostgreSQL's numeric has at most 147,456 digits. NaN and infinities are values, not errors.
_EXACT = Context(prec=200_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
#: An average has this many fraction digits more than its column.
_EXTRA_AVERAGE_DIGITS = 2
_NUMERIC_TEXT_TYPE = pa.opaque(pa.string(), "numeric", "total")

#: One partial result per run of rows. None: the run has no values.
Partials = list[Any]


class Aggregate:
    """One function over one column.

    Its partial results can be merged in any order without losing exactness. For sums and averages they are pairs of
    the count and the exact sum.
    """

    def __init__(self, function: str, data_type: pa.DataType, decimals: int | None) -> None:
        self.function = function
        self._type = data_type
        self._kind = kind_of(data_type)
        self._decimals = decimals
        if decimals is None and self._kind in (ColumnKind.INTEGER, ColumnKind.DECIMAL):
            scale = unwrapped(pa.array([], data_type)).type.scale if self._kind is ColumnKind.DECIMAL else 0
            self._decimals = max(0, scale) + _EXTRA_AVERAGE_DIGITS

    def error(self) -> str | None:
        """Why the function can't be applied to the column, as the end of a sentence. None: it can."""
        if self.function == "count" or self._kind is ColumnKind.NULL:
            return None
        if self.function in ("sum", "average"):
            return None if self._kind in NUMBERS else f"has no {self.function}: it is not a column of numbers"
        return None if self._kind in _ORDERED else f"has no {self.function}: its values have no order"

    def partials(self, column: pa.Array, starts: Sequence[int]) -> Partials:
        """The partial result of each run of rows. `starts` are the runs' first rows, beginning with 0."""
        if self.function == "count":
            return _counts(column, starts)
        if self._kind is ColumnKind.NULL:
            return [None] * len(starts)
        return self._extremes(column, starts) if self.function in ("min", "max") else self._sums(column, starts)

    def merge(self, one: Any, other: Any) -> Any:
        """The partial result of both partial results' rows."""
        if one is None or other is None:
            return other if one is None else one
        if self.function == "count":
            return one + other
        if self.function in ("min", "max"):
            return self._extreme((one, other))
        return one[0] + other[0], _add(one[1], other[1])

    def results(self, partials: Partials) -> pa.Array:
        """The finished totals as a column: exact numbers, or values of the column's own type."""
        if self.function == "count":
            return pa.array([partial or 0 for partial in partials], pa.int64())
        if self.function in ("sum", "average"):
            return _number_column([None if partial is None else self._finished(*partial) for partial in partials])
        if self._kind is ColumnKind.NUMERIC_TEXT:
            return _number_column(partials)
        data_type = unwrapped(pa.array([], self._type)).type
        if self._kind in _INTEGER_BACKED:
            return pa.array(partials, _integer_type(data_type)).cast(data_type)
        return pa.array(partials, data_type)

    def _sums(self, column: pa.Array, starts: Sequence[int]) -> Partials:
        counts, values = _counts(column, starts), unwrapped(column)
        widened = _widened(values) if self._kind in (ColumnKind.INTEGER, ColumnKind.DECIMAL) else None
        if widened is not None:
            sums = _aggregate_runs(widened, starts, "sum")
        elif self._kind is ColumnKind.FLOAT:
            sums = [_sum_of_floats(run) for run in _python_runs(self._kind, values, starts)]
        else:
            sums = [reduce(_EXACT.add, run, Decimal(0)) for run in _python_runs(self._kind, values, starts)]
        return [(count, total) if count else None for count, total in zip(counts, sums, strict=True)]

    def _finished(self, count: int, total: Any) -> Decimal | float:
        """The sum or average, rounded once."""
        if isinstance(total, float) or (isinstance(total, Decimal) and not total.is_finite()):
            return float(total)
        if self.function == "sum" and isinstance(total, Decimal):
            return total
        value = Fraction(total) / count if self.function == "average" else Fraction(total)
        if self._decimals is not None:
            return _rounded(value, self._decimals)
        if self._kind is ColumnKind.NUMERIC_TEXT:
            return _rounded(value, _EXTRA_AVERAGE_DIGITS - min(0, int(total.as_tuple().exponent)))
        try:
            rounded = float(value)
        except OverflowError:
            return inf if value > 0 else -inf
        # With all 17 digits, 0.1 + 0.2 would show as 0.30000000000000004.
        short = float(format(rounded, f".{FLOAT_DIGITS}g"))
        # Rounding to fewer digits can lead beyond the largest double.
        return short if isfinite(short) else rounded

    def _extremes(self, column: pa.Array, starts: Sequence[int]) -> Partials:
        values = unwrapped(column)
        if self._kind in (ColumnKind.FLOAT, ColumnKind.NUMERIC_TEXT):
            return [self._extreme(run) if run else None for run in _python_runs(self._kind, values, starts)]
        if self._kind in _INTEGER_BACKED:
            # Python's dates end in 9999 and have no nanoseconds, so these values are compared as integers.
            values = values.cast(_integer_type(values.type))
        return _aggregate_runs(values, starts, self.function)

    def _extreme(self, values: Iterable[Any]) -> Any:
        choose: Callable[..., Any] = max if self.function == "max" else min
        if self._kind in (ColumnKind.FLOAT, ColumnKind.NUMERIC_TEXT):
            # NaN, the only value not equal to itself, is the largest number, as in PostgreSQL and DuckDB.
            return choose(values, key=lambda value: (True, 0) if value != value else (False, value))
        return choose(values)


def _counts(column: pa.Array, starts: Sequence[int]) -> Partials:
    return _aggregate_runs(validity(column).cast(pa.int64()), starts, "sum")


def _aggregate_runs(values: pa.Array, starts: Sequence[int], function: str) -> Partials:
    """One of Arrow's aggregates over each run, all runs in one call."""
    if len(starts) == 1:
        return [getattr(pc, function)(values).as_py()]
    ends = pa.array([*starts[1:], len(values)], pa.int32())
    run_numbers = pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(ends, pa.array(range(len(starts)), pa.int32())))
    table = pa.table({"run": run_numbers, "value": values})
    # Without threads, the groups come out in the order of their runs.
    return list(table.group_by("run", use_threads=False).aggregate([("value", function)])[1].to_pylist())


def _widened(values: pa.Array) -> pa.Array | None:
    """The numbers as decimals long enough for the sum of a batch. None: Arrow has none that long."""
    if pt.is_integer(values.type):
        return values.cast(pa.decimal128(DECIMAL_DIGITS, 0))
    digits, scale = values.type.precision, values.type.scale
    if scale < 0 or digits > _MAX_KERNEL_DIGITS:
        return None
    is_short = digits <= _MAX_SHORT_DIGITS
    return values.cast(pa.decimal128(DECIMAL_DIGITS, scale) if is_short else pa.decimal256(LONG_DECIMAL_DIGITS, scale))


def _python_runs(kind: ColumnKind, values: pa.Array, starts: Sequence[int]) -> list[list[Any]]:
    """The values of each run as Python numbers, without NULLs, for what Arrow doesn't compute exactly."""
    numbers = (values.cast(pa.float64()) if kind is ColumnKind.FLOAT else values).to_pylist()
    if kind is ColumnKind.NUMERIC_TEXT:
        numbers = [None if value is None else Decimal(value) for value in numbers]
    runs = zip(starts, [*starts[1:], len(numbers)], strict=True)
    return [[value for value in numbers[start:end] if value is not None] for start, end in runs]


def _sum_of_floats(values: Sequence[float]) -> Fraction | float:
    """The exact sum. A float if one of the values is NaN or infinite."""
    if not all(map(isfinite, values)):
        return sum(value for value in values if not isfinite(value))
    remainders = list(values)
    exact = Fraction(0)
    try:
        # fsum rounds the exact sum once. The sum of the values and its negated result is what the rounding lost.
        while rounded := fsum(remainders):
            exact += Fraction(rounded)
            remainders.append(-rounded)
    except OverflowError:
        return sum(map(Fraction, values), Fraction(0))
    return exact


def _add(one: Any, other: Any) -> Any:
    """Add two exact sums."""
    if isinstance(one, Decimal):
        return _EXACT.add(one, other)
    if isinstance(one, float) or isinstance(other, float):
        # Exact sums of floats are fractions. Only NaN and infinities are floats, and they outweigh all other numbers.
        return sum(value for value in (one, other) if isinstance(value, float))
    return one + other


def _rounded(value: Fraction, digits: int) -> Decimal:
    """Round to this many fraction digits, a half to the even neighbor."""
    return Decimal(round(value * 10**digits)).scaleb(-digits, _EXACT)


def _integer_type(data_type: pa.DataType) -> pa.DataType:
    """The integer type in which Arrow stores a date, a time, a timestamp or a duration."""
    return pa.int32() if data_type.bit_width == 32 else pa.int64()


def _number_column(values: Sequence[Any]) -> pa.Array:
    """Decimals and floats as one column: of decimals or doubles where possible, else of digits in text."""
    numbers: list[Any] = [
        float(value) if isinstance(value, Decimal) and not value.is_finite() else value for value in values
    ]
    present = [value for value in numbers if value is not None]
    floats = sum(isinstance(value, float) for value in present)
    if floats:
        return pa.array(numbers, pa.float64()) if floats == len(present) else _numeric_text(numbers)
    scale = max((-int(value.as_tuple().exponent) for value in present), default=0)
    try:
        return pa.array(numbers, pa.decimal256(LONG_DECIMAL_DIGITS, max(0, scale)))
    except (pa.ArrowInvalid, ValueError):
        return _numeric_text(numbers)


def _numeric_text(values: Sequence[Decimal | float | None]) -> pa.Array:
    texts = [None if value is None else _digits(value) for value in values]
    return pa.ExtensionArray.from_storage(_NUMERIC_TEXT_TYPE, pa.array(texts, pa.string()))


def _digits(value: Decimal | float) -> str:
    if isinstance(value, float):
        return str(scalar_text(pa.array([value]))[0].as_py())
    return format(value, "f")
