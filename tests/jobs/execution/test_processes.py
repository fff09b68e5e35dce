"""Processes of the workers: no orphan, and no lock that a killed process takes with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from jobs.queue.broker import RecordLock
from tests.server import ROOT


def test_a_lock_of_a_killed_process_is_free() -> None:
    lock = RecordLock()
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        lock.acquire()
        os.write(tell, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert lock.acquire()
    lock.release()
    lock._file.close()
    for end in (ready, tell):
        os.close(end)


def test_grandchildren_die_with_a_killed_child() -> None:
    script = """
import os, sys, time
from jobs.execution.processes import kill_children_with_parent
kill_children_with_parent()
if os.fork() == 0:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 30
    while _runs(grandchild) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _runs(grandchild)


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie that its new parent has yet to reap."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
