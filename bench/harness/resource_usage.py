"""Measures a function in a forked child, like the one a worker runs a report in, so that its peak memory is its own."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ResourceUsage:
    """What one run used: elapsed seconds, CPU seconds of all its threads, and peak memory in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def run_in_child(function: Callable[[], object]) -> ResourceUsage:
    """Run a function in a forked child. Raises SystemExit if it fails."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        _run_and_exit(function)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit("A measured run failed. Its error is above.")
    return ResourceUsage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def _run_and_exit(function: Callable[[], object]) -> None:
    try:
        function()
    except BaseException:  # noqa: BLE001 - a child that returned would run the rest of the benchmark again
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
