"""The machine that the benchmarks run on. Host names and paths are left out, since the document is public."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import psutil


def describe() -> str:
    """Describe the machine, and how busy it is now."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC with {psutil.cpu_count()} cores ({_cpu_model()}), "
        f"{memory:.0f} GiB of memory, Python {platform.python_version()} and SQLite {sqlite3.sqlite_version}. "
        f"Load average at the start, from other work on the machine: {os.getloadavg()[0]:.1f}."
    )


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
