"""How past runs went. The app that runs reports, which this one does not know, says how to find out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from reports.models import ReportConfiguration

#: A run of fewer rows shows what starting takes, and not how fast rows are written.
_ENOUGH_ROWS = 1_000
#: Whose runs a guess is made from: the report's own, those of all that read the same source, or the tenant's.
Origin = Literal["report", "source", "format"]


@dataclass(frozen=True)
class RunHistory:
    """The newest runs that succeeded: how many, the rows of the middle one, and the seconds that half and that 95 % of
    them took at most."""

    runs: int
    rows: int
    seconds: float
    most_seconds: float


@dataclass(frozen=True)
class Throughput:
    """How fast runs in one format went: each is its rows and its seconds. At least one."""

    origin: Origin
    runs: tuple[tuple[int, float], ...]

    def seconds(self, rows: int) -> float | None:
        """What so many rows will take: at the speed of the middle run, and no less than the quickest took. None
        where only runs of few rows are known and there will be many."""
        least = min(seconds for _, seconds in self.runs)
        per_row = sorted(seconds / count for count, seconds in self.runs if count >= _ENOUGH_ROWS)
        if per_row:
            return max(least, rows * per_row[len(per_row) // 2])
        return least if rows < _ENOUGH_ROWS else None


@dataclass(frozen=True)
class RunHistoryProvider:
    """Who knows: of a report, how its runs went, and how fast each format was."""

    past: Callable[[ReportConfiguration], RunHistory | None]
    paces: Callable[[ReportConfiguration], Mapping[str, Throughput]]


_known: list[RunHistoryProvider] = []


def register_provider(runs: RunHistoryProvider) -> None:
    """From here on, ask there."""
    _known[:] = [runs]


def run_history_of(report: ReportConfiguration) -> RunHistory | None:
    """None where no run has succeeded yet."""
    return _known[0].past(report) if _known else None


def throughputs_of(report: ReportConfiguration) -> Mapping[str, Throughput]:
    """By format; without those in which nothing has been run yet."""
    return _known[0].paces(report) if _known else {}
