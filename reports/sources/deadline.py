"""The time limit of one run."""

from __future__ import annotations

import time

from reports.exceptions import QueryTimeout


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
