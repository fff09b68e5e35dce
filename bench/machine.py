"""What the numbers were measured on. No name of a host and no path: the document is public."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import psutil


def facts() -> str:
    """One sentence about the machine, one about how busy it was."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {psutil.cpu_count()} cores ({_model()}), "
        f"{memory:.0f} GiB of memory, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}. "
        f"Load average at the start: {os.getloadavg()[0]:.1f} (what else the machine was doing)."
    )


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
