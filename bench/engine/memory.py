"""Checks that a larger result doesn't need more memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.harness.formatting import met, number, ratio
from bench.harness.markdown import table

#: Formats that are written row by row. HTML and PDF limit the number of rows instead.
FORMATS = ("csv", "ndjson", "json", "parquet", "xlsx")
_PEAK_GOAL, _GROWTH_GOAL = 300, 1.2


@dataclass(frozen=True)
class PeakMemory:
    """Peak memory in MB of a small and of a large result."""

    small: float
    large: float

    @property
    def growth(self) -> float:
        return self.large / self.small

    @property
    def is_flat(self) -> bool:
        return self.growth <= _GROWTH_GOAL and self.large < _PEAK_GOAL


def memory_table(peak: Callable[[str], PeakMemory], millions: int) -> str:
    """Measure and show the peak memory of each format. `millions` is the size of the large result, in rows."""
    head = [
        "format",
        "peak MB, 1 M rows",
        f"peak MB, {millions} M rows",
        "growth",
        f"≤ {_GROWTH_GOAL}x and < {_PEAK_GOAL} MB",
    ]
    return table(head, [_row(format, peak(format)) for format in FORMATS])


def _row(format: str, peak: PeakMemory) -> list[str]:
    return [format, number(peak.small), number(peak.large), ratio(peak.growth), met(peak.is_flat)]
