"""The time limit of one run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reports.exceptions import QueryTimeout

_INTERRUPT_AGAIN_SECONDS = 0.2


class Deadline:
    """The moment after which a run is stopped, by the monotonic clock, which nobody can set."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self._end - time.monotonic()

    @property
    def passed(self) -> bool:
        return self.remaining <= 0

    def check(self) -> None:
        """Raises QueryTimeout once it has passed."""
        if self.passed:
            raise QueryTimeout


@contextmanager
def interrupting(interrupt: Callable[[], object], deadline: Deadline) -> Iterator[None]:
    """Interrupt the query at the deadline, repeatedly: an interrupt between two steps of a query has no effect."""
    done = threading.Event()

    def watch() -> None:
        pause = max(0.0, deadline.remaining)
        while not done.wait(pause):
            interrupt()
            pause = _INTERRUPT_AGAIN_SECONDS

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
