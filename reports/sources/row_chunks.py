"""Rows from drivers that return Python values, in lists that fit in memory."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reports.sources.deadline import Deadline

BATCH_ROWS = 10_000
#: Rows whose length tells how long the next ones will be.
PROBE_ROWS = 100
_BATCH_BYTES = 32 * 2**20
#: How fast the number of rows that are fetched at once may grow, from one.
_GROWTH = 10

Row = Sequence[Any]


def read_chunks(
    fetch: Callable[[int], Sequence[Row]], deadline: Deadline, *, rows_at_once: int = BATCH_ROWS
) -> Iterator[list[Row]]:
    """Lists of at most BATCH_ROWS rows; fewer where rows are so long that a list would not fit in memory.

    The first row of each is fetched alone: nobody knows how long it is. `rows_at_once`: where a fetch of many rows is
    no faster than many fetches, a few at once, so that a list ends when rows suddenly get long.
    """
    while rows := list(fetch(1)):
        peak, size = _peak_bytes(), _fitting(rows)
        while len(rows) < size:
            deadline.check()
            more = fetch(min(size - len(rows), rows_at_once, (_GROWTH - 1) * len(rows)))
            rows += more
            if len(rows) <= PROBE_ROWS:
                size = _fitting(rows)
            if not more or _peak_bytes() - peak > _BATCH_BYTES:
                break
        yield rows


def _fitting(rows: list[Row]) -> int:
    """How many rows like the newest of these make a list."""
    sample = rows[-PROBE_ROWS:]
    sample_bytes = sum(len(value) if isinstance(value, (str, bytes)) else 8 for row in sample for value in row)
    return max(1, min(BATCH_ROWS, int(_BATCH_BYTES * len(sample) / max(1, sample_bytes))))


def _peak_bytes() -> int:
    """The most memory that this process has had so far. Reading it is faster than measuring a single row."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
