"""Infinite dates and timestamps, which PostgreSQL and DuckDB have and Arrow doesn't.

In Arrow they are the numbers that DuckDB gives them: the largest integer of the type, and its negation.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

_LISTS = (pt.is_list, pt.is_large_list, pt.is_fixed_size_list, pt.is_list_view, pt.is_large_list_view)

POSITIVE, NEGATIVE = "infinity", "-infinity"


def infinity(data_type: pa.DataType) -> int:
    """The number of `infinity` in a type of dates or timestamps."""
    return int(2 ** (data_type.bit_width - 1) - 1)


def infinite_text(number: int, data_type: pa.DataType) -> str | None:
    """How formats write a number of this type if it stands for an infinity."""
    limit = infinity(data_type)
    return POSITIVE if number == limit else NEGATIVE if number == -limit else None


def has_infinity(data_type: pa.DataType) -> bool:
    return bool(pt.is_date(data_type) or pt.is_timestamp(data_type))


def counts(array: pa.Array) -> pa.Array:
    """The integers in which Arrow stores dates, times or timestamps."""
    return array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64())


def infinite_value(array: pa.Array) -> str | None:
    """`infinity` or `-infinity` if the column contains it, at any depth of nesting."""
    if has_infinity(array.type):
        limit, extremes = infinity(array.type), pc.min_max(counts(array))
        if extremes["max"].as_py() == limit:
            return POSITIVE
        return NEGATIVE if extremes["min"].as_py() == -limit else None
    return next(filter(None, map(infinite_value, _children(array))), None)


def _children(array: pa.Array) -> list[pa.Array]:
    """The arrays within a nested one, without what it has in memory but doesn't use, such as the fields of a NULL."""
    if isinstance(array, pa.ExtensionArray):
        return [array.storage]
    if pt.is_struct(array.type):
        return list(array.flatten())
    if pt.is_map(array.type):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return [array.keys.slice(start, end - start), array.items.slice(start, end - start)]
    return [array.flatten()] if any(matches(array.type) for matches in _LISTS) else []
