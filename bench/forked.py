"""Runs a function in a forked child, as a worker runs a report, so that its peak of memory is its own."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Used:
    """What one run took: seconds on the clock, seconds of processor, peak of memory in MB."""

    seconds: float
    processor: float
    peak: float


def forked(work: Callable[[], object]) -> Used:
    """Run it; an exception in it is an error here."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        _live(work)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit("A measured run failed; what it said is above.")
    return Used(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def _live(work: Callable[[], object]) -> None:
    try:
        work()
    except BaseException:  # noqa: BLE001 - the child must end here, whatever happened
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
