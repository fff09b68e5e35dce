"""A worker's fork server: what it forks, how that ends, and how it is lost. With real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from jobs.forkserver import ForkServer
from jobs.processes import end_children
from tests.server import ROOT


def live(subject: object, files: Sequence[int]) -> None:
    """Say what it was given, and its parent; then do as the subject says."""
    with os.fdopen(files[0], "w") as pipe:
        pipe.write(f"{subject} {os.getppid()}")
    if subject == "waits":
        time.sleep(60)
    if subject == "crashes":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(7)


@pytest.fixture
def server() -> Iterator[ForkServer]:
    made = ForkServer(live)
    yield made
    made.end()
    end_children(but=[child.pid for child in psutil.Process().children() if child.pid != made.pid])


def begin(server: ForkServer, subject: str) -> tuple[int | None, str]:
    """The process that lives with the subject, and what it says."""
    read, write = os.pipe()
    pid = server.fork(subject, [write])
    os.close(write)
    with os.fdopen(read) as heard:
        return pid, heard.read()


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_process_is_given_its_subject_and_files_and_its_end_is_told(server: ForkServer) -> None:
    assert begin(server, "one")[1] == f"one {server.pid}"
    assert server.ended(10) == 7
    assert begin(server, "crashes")[1] == f"crashes {server.pid}"
    assert server.ended(10) == -signal.SIGKILL
    assert not server.is_lost()


def test_no_file_is_left_open_on_either_side(server: ForkServer) -> None:
    def files() -> list[int]:
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in (os.getpid(), server.pid)]

    begin(server, "first")
    server.ended(10)
    before = files()
    for _ in range(20):
        begin(server, "next")
        server.ended(10)
    assert files() == before


def test_a_process_that_still_lives_has_no_end_and_is_no_loss(server: ForkServer) -> None:
    pid, _ = begin(server, "waits")
    assert server.ended(0.05) is None
    assert pid
    os.kill(pid, signal.SIGTERM)
    assert server.ended(10) == -signal.SIGTERM


def test_a_server_that_is_killed_takes_its_process_along_and_is_lost(server: ForkServer) -> None:
    pid, _ = begin(server, "waits")
    assert pid
    process = psutil.Process(pid)
    os.kill(server.pid, signal.SIGKILL)
    assert server.ended(10) is None
    assert eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert server.is_lost()
    assert begin(server, "another")[0] is None


def test_a_server_that_does_not_answer_is_ended(server: ForkServer, settings) -> None:  # type: ignore[no-untyped-def]
    settings.LEASE_SECONDS = 0.4
    os.kill(server.pid, signal.SIGSTOP)
    assert begin(server, "waits in vain")[0] is None
    assert server.is_lost()
    assert os.waitpid(server.pid, 0)[1] == signal.SIGKILL


def test_a_subject_may_be_larger_than_what_a_socket_holds(server: ForkServer) -> None:
    assert begin(server, "x" * 5_000_000)[1] == "x" * 5_000_000 + f" {server.pid}"
    assert server.ended(10) == 7


def test_a_server_that_takes_nothing_in_is_lost_too(server: ForkServer, settings) -> None:  # type: ignore[no-untyped-def]
    settings.LEASE_SECONDS = 0.4
    os.kill(server.pid, signal.SIGSTOP)
    assert server.fork("x" * 5_000_000, []) is None
    assert server.is_lost()


def test_a_server_ends_with_its_worker_and_so_does_what_it_forked() -> None:
    script = """
import os, time
import django
django.setup()
from jobs.forkserver import ForkServer
from tests.jobs.test_forkserver import begin, live
server = ForkServer(live)
print(server.pid, begin(server, "waits")[0], flush=True)
time.sleep(60)
"""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "reportserver.settings"}
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    family = [psutil.Process(int(pid)) for pid in worker.stdout.readline().split()]
    worker.kill()
    worker.communicate()
    assert len(family) == 2
    assert eventually(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family))
