"""Rows from drivers that hand them over as Python values, in lists that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reports.sources.failures import Deadline

BATCH_ROWS = 10_000
#: Rows read to learn how long a row is, before a batch of them is.
PROBE_ROWS = 100
_BATCH_BYTES = 32 * 2**20

Row = Sequence[Any]


def chunks(fetch: Callable[[int], Sequence[Row]], deadline: Deadline) -> Iterator[list[Row]]:
    """Rows in lists of at most BATCH_ROWS, and fewer where rows are so long that a list would not fit in memory."""
    rows = list(fetch(PROBE_ROWS))
    while rows:
        deadline.check()
        size = max(1, min(BATCH_ROWS, _BATCH_BYTES * len(rows) // max(1, _size(rows[-PROBE_ROWS:], len(rows)))))
        if len(rows) < size and len(rows) == PROBE_ROWS:
            rows += fetch(size - len(rows))
        yield rows
        rows = list(fetch(size))


def _size(sample: list[Row], rows: int) -> int:
    """Bytes of `rows` rows like those of the sample."""
    seen = sum(len(value) if isinstance(value, (str, bytes)) else 8 for row in sample for value in row)
    return seen * rows // len(sample)
