"""Tasks that children of tests run."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def double(number: int) -> int:
    return 2 * number


def environment() -> dict[str, str]:
    return dict(os.environ)


def take_memory() -> int:
    return len(bytearray(8 << 30))


def crash() -> int:
    return ctypes.string_at(0)[0]


def long_text() -> str:
    return "x" * (8 << 20)


def wrong() -> int:
    raise LookupError("a fault of the program")


def sleep_for_ever(notes: Path) -> int:
    """Write down the ids of this process and of one that it starts, and its folder of temporary files."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        notes.write_text(f"{os.getpid()} {other.pid} {Path(file.name).parent}")
    time.sleep(1000)
    return 0


def started_at(seconds: float) -> float:
    started = time.monotonic()
    time.sleep(seconds)
    return started
