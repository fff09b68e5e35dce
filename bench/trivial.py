"""The job that the queues are compared by: it notes when it ran, and does nothing else. Also runs outside of Django."""

from __future__ import annotations

import os
import time


def note() -> None:
    """Add the time to the file BENCH_NOTES; one short write is never mixed with another."""
    file = os.open(os.environ["BENCH_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{time.time()}\n".encode())
    os.close(file)
