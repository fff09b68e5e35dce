"""Processes of workers: no orphan survives, and a killed process takes no lock with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from common.processes import call_in_fork, fork_process, is_alive, reap
from jobs.queue.cluster import RecordLock
from tests.server import ROOT


def test_a_lock_of_a_killed_process_is_free() -> None:
    lock = RecordLock()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        lock.acquire()
        os.write(write_end, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(read_end, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert lock.acquire()
    lock.release()
    lock._file.close()
    for end in (read_end, write_end):
        os.close(end)


def test_grandchildren_die_with_a_killed_child() -> None:
    script = """
import os, sys, time
from common.processes import kill_children_with_parent
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
    while is_alive(grandchild) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(grandchild)


def test_a_forked_process_leads_its_session_and_its_exit_status_tells_whether_it_failed() -> None:
    def fail() -> None:
        raise RuntimeError("the test wants it to fail")

    def check_session() -> None:
        assert os.getsid(0) == os.getpid()

    assert reap(fork_process("test", check_session), 10) == 0
    assert reap(fork_process("test", fail), 10) == 1


def test_a_call_in_a_fork_returns_a_text_or_none_if_it_fails_or_takes_long() -> None:
    def fail() -> str:
        raise RuntimeError("the test wants it to fail")

    def take_long() -> str:
        time.sleep(60)
        return "too late"

    assert call_in_fork(lambda: f"in {os.getpid()}", 10) not in (None, f"in {os.getpid()}")
    assert call_in_fork(lambda: "", 10) == ""
    assert call_in_fork(fail, 10) is None
    assert call_in_fork(take_long, 0.1) is None
