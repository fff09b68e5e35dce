"""Where the time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Literal

import pyarrow as pa

#: Connecting and sending the query; waiting for its first rows and for the others; writing; syncing and publishing.
Phase = Literal["connect", "firstRow", "read", "render", "publish"]


class Phases:
    """A stopwatch that is always in one phase, and adds up the seconds of each. A phase can be entered again."""

    def __init__(self) -> None:
        self._phase: Phase = "connect"
        self._since = time.monotonic()
        self._seconds: dict[str, float] = {}

    def enter(self, phase: Phase) -> None:
        """End the current phase and begin this one."""
        now = time.monotonic()
        self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now

    def of_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches. Between two of them the run renders."""
        self.enter("firstRow")
        for batch in batches:
            self.enter("render")
            yield batch
            self.enter("read")
        self.enter("render")

    def end(self) -> dict[str, float]:
        """Return the seconds of each phase so far, to the millisecond."""
        self.enter(self._phase)
        return {phase: round(seconds, 3) for phase, seconds in self._seconds.items()}
