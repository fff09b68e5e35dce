"""Waits before a retry, and before a process that ended is restarted."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backoff:
    """Waits that double from `first` to `longest`, in seconds."""

    first: float
    longest: float

    def seconds(self, failures: int) -> float:
        """The wait after this many failures in a row; 1 is the first."""
        # The exponent is bounded because a float overflows at 2 ** 1024.
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 100))

    def jittered(self, failures: int) -> float:
        """The wait, shortened at random by up to half, so that retries don't all come at the same moment."""
        return round(self.seconds(failures) * random.uniform(0.5, 1.0), 1)  # noqa: S311 - not a secret


@dataclass
class RestartTimer:
    """Decides when a process that ended may be started again.

    The waits grow while the process keeps ending early. A process that ran for `steady_seconds` counts as healthy, and
    its end resets the waits: otherwise a few crashes over weeks would add up to a long outage.
    """

    waits: Backoff
    steady_seconds: float
    #: Ends so far.
    restarts: int = 0
    _early_ends: int = field(default=0, init=False)
    _started_at: float = field(default=0.0, init=False)
    _due_at: float = field(default=0.0, init=False)

    def record_start(self) -> None:
        self._started_at = time.monotonic()

    def record_end(self) -> None:
        now = time.monotonic()
        self._early_ends = 1 if now - self._started_at > self.steady_seconds else self._early_ends + 1
        self._due_at = now + self.waits.seconds(self._early_ends)
        self.restarts += 1

    def is_due(self) -> bool:
        """True before the first start, and once the wait after an end is over."""
        return time.monotonic() >= self._due_at
