"""Dates and timestamps that ADBC gets wrong because it counts them from 1970, while PostgreSQL counts from 2000.

PostgreSQL's infinities are the largest and smallest integers. Adding thirty years to them overflows, to numbers far
before PostgreSQL's first day. No other value has such a number, except for timestamps that really are too far away.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.infinity import counts, has_infinity, infinity

#: Days from 1970-01-01 to PostgreSQL's epoch, and to its first day, 4714-11-24 BC.
_EPOCH, _FIRST_DAY = 10_957, -2_440_588
_MICROSECONDS_PER_DAY = 86_400 * 10**6


def with_infinities(array: pa.Array) -> pa.Array | None:
    """The column, or list column, with infinities as other sources write them.

    None if it has a timestamp after 294247-01-10, which Arrow can't count in microseconds from 1970.
    """
    if pa.types.is_list(array.type):
        return _list_with_infinities(array)
    if not has_infinity(array.type):
        return array
    ticks_per_day = 1 if pa.types.is_date(array.type) else _MICROSECONDS_PER_DAY
    numbers, limit = counts(array), infinity(array.type)
    lowest = pc.min(numbers).as_py()
    if lowest is None or lowest >= _FIRST_DAY * ticks_per_day:
        return array
    # What the overflow made of the largest and the smallest integer.
    wrapped = _EPOCH * ticks_per_day - limit - 2
    values = pc.if_else(pc.equal(numbers, wrapped), pa.scalar(limit, numbers.type), numbers)
    values = pc.if_else(pc.equal(numbers, wrapped + 1), pa.scalar(-limit, numbers.type), values)
    is_lost = pc.and_(pc.less(values, _FIRST_DAY * ticks_per_day), pc.not_equal(values, -limit))
    return None if pc.any(is_lost).as_py() else values.cast(array.type)


def _list_with_infinities(array: pa.ListArray) -> pa.Array | None:
    values = array.values
    converted = with_infinities(values)
    if converted is None or converted is values:
        return None if converted is None else array
    validity_and_offsets = array.buffers()[:2]
    return pa.Array.from_buffers(
        array.type, len(array), validity_and_offsets, array.null_count, array.offset, children=[converted]
    )
