"""Rows from drivers that return Python values, in lists that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reports.sources.deadline import Deadline

BATCH_ROWS = 10_000
#: Rows read first, to learn how long a row is.
PROBE_ROWS = 100
_BATCH_BYTES = 32 * 2**20

Row = Sequence[Any]


def read_chunks(fetch: Callable[[int], Sequence[Row]], deadline: Deadline) -> Iterator[list[Row]]:
    """Lists of at most BATCH_ROWS rows; fewer where rows are so long that a list would not fit in memory."""
    rows = list(fetch(PROBE_ROWS))
    while rows:
        deadline.check()
        # The newest rows tell how long the next ones will be.
        sample = rows[-PROBE_ROWS:]
        sample_bytes = sum(len(value) if isinstance(value, (str, bytes)) else 8 for row in sample for value in row)
        bytes_per_row = max(1, sample_bytes / len(sample))
        size = max(1, min(BATCH_ROWS, int(_BATCH_BYTES / bytes_per_row)))
        if len(rows) < size and len(rows) == PROBE_ROWS:
            rows += fetch(size - len(rows))
        yield rows
        rows = list(fetch(size))
