"""Durations and intervals as people write them: `25:30:15`, `1 year 2 months -3 days 0:00:01.5`."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from reports.rendering.column_kinds import ColumnKind, kind_of
from reports.rendering.text_arrays import TEXT

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def duration_display(array: pa.Array) -> pa.Array:
    """A column of durations or intervals as large_string. NULL stays NULL."""
    if kind_of(array.type) is ColumnKind.INTERVAL:
        return pa.array([None if value is None else _interval(value) for value in array.to_pylist()], TEXT)
    per_second = _PER_SECOND[array.type.unit]
    ticks = array.cast(pa.int64()).to_pylist()
    return pa.array([None if tick is None else _clock(tick, per_second) for tick in ticks], TEXT)


def plain_durations(intervals: pa.Array) -> pa.Array:
    """The intervals that have neither months nor days as durations. The others become NULL."""
    nanoseconds = [
        None if value is None or value.months or value.days else value.nanoseconds for value in intervals.to_pylist()
    ]
    return pa.array(nanoseconds, pa.int64()).cast(pa.duration("ns"))


def _interval(value: pa.MonthDayNano) -> str:
    return " ".join(_parts(value)) or "0:00:00"


def _parts(value: pa.MonthDayNano) -> Iterator[str]:
    # Months of one sign are years and months of the same sign: -14 months are -1 year -2 months.
    years = abs(value.months) // 12 * (-1 if value.months < 0 else 1)
    for count, unit in ((years, "year"), (value.months - 12 * years, "month"), (value.days, "day")):
        if count:
            yield f"{count:,} {unit}{'' if abs(count) == 1 else 's'}"
    if value.nanoseconds:
        yield _clock(value.nanoseconds, _PER_SECOND["ns"])


def _clock(tick: int, per_second: int) -> str:
    """`-25:30:15.5`: hours without a limit, and no zeros at the end of a fraction."""
    seconds, fraction = divmod(abs(tick), per_second)
    digits = f"{per_second + fraction}"[1:].rstrip("0")
    clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{'-' if tick < 0 else ''}{clock}{'.' if digits else ''}{digits}"
