"""A worker's fork server: the processes that it forks, how they end, and how it is lost. With real processes."""

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

from common.processes import become_subreaper, kill_children, signal_group
from jobs.execution.fork_server import ForkServer
from tests.server import ROOT


def main(task: str, files: Sequence[int]) -> None:
    """Write the task, the parent's id and the inheritable files to the first file. Then do as the task says."""
    if task == "starts another":
        task = f"{task} {subprocess.Popen(['sleep', '60'], start_new_session=True).pid}"
    inheritable = [file for file in files if os.get_inheritable(file)]
    with os.fdopen(files[0], "w") as pipe:
        pipe.write(f"{task} {os.getppid()} {inheritable}")
    if task.startswith(("waits", "starts another")):
        time.sleep(60)
    if task == "crashes":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(7)


@pytest.fixture
def server(as_worker: set[int]) -> Iterator[ForkServer]:
    server = ForkServer(main, answer_seconds=10)
    yield server
    server.end()


@pytest.fixture
def impatient_server(as_worker: set[int]) -> Iterator[ForkServer]:
    """A fork server that has to answer within a second."""
    server = ForkServer(main, answer_seconds=1)
    yield server
    server.end()


def start(server: ForkServer, task: str) -> tuple[int, str]:
    """Fork a process; its id, or 0 if the fork server is lost, and what it writes."""
    read_end, write_end = os.pipe()
    pid = server.fork(task, [write_end])
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        return pid or 0, pipe.read()


def ends(pid: int) -> bool:
    """True if the process ends within some seconds. A zombie has ended."""

    def has_ended() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return eventually(has_ended)


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_process_gets_its_task_and_files_and_its_exit_status_is_reported(server: ForkServer) -> None:
    pid, output = start(server, "one")
    assert output == f"one {server.pid} []", "programs that it starts don't inherit its files"
    assert ends(pid)
    assert server.reap() == 7
    pid, _ = start(server, "crashes")
    assert ends(pid)
    assert server.reap() == -signal.SIGKILL
    assert server.is_ready()


def test_no_file_is_left_open_on_either_side(server: ForkServer) -> None:
    def open_files() -> list[int]:
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in (os.getpid(), server.pid)]

    start(server, "first")
    server.reap()
    before = open_files()
    for _ in range(20):
        start(server, "next")
        server.reap()
    assert open_files() == before


def test_a_process_keeps_its_id_until_it_is_reaped(server: ForkServer) -> None:
    pid, _ = start(server, "crashes")
    assert ends(pid)
    assert psutil.Process(pid).ppid() == server.pid
    server.reap()
    assert not psutil.pid_exists(pid)


def test_a_server_whose_process_was_not_reaped_is_not_ready_for_another(server: ForkServer) -> None:
    """Otherwise the exit status of one could be read as the id of the next: 0 means the worker's own process group."""
    start(server, "never reaped")
    assert not server.is_ready()
    server.end()
    assert not server.is_ready()


def test_a_server_that_does_not_report_an_exit_status_is_lost(server: ForkServer) -> None:
    pid, _ = start(server, "crashes")
    assert ends(pid)
    os.kill(server.pid, signal.SIGSTOP)
    assert server.reap() is None
    assert not server.is_ready()


def test_a_killed_server_takes_its_process_with_it_and_the_worker_adopts_what_that_started(
    server: ForkServer, as_worker: set[int]
) -> None:
    become_subreaper()
    _, output = start(server, "starts another")
    other = int(output.split()[2])
    os.kill(server.pid, signal.SIGKILL)
    assert server.reap() is None
    kill_children(but=as_worker)
    assert not psutil.pid_exists(other)
    assert not server.is_ready()
    assert start(server, "another")[0] == 0


def test_a_server_that_does_not_answer_is_ended(impatient_server: ForkServer) -> None:
    os.kill(impatient_server.pid, signal.SIGSTOP)
    assert start(impatient_server, "waits in vain")[0] == 0
    assert not psutil.pid_exists(impatient_server.pid)


def test_a_task_may_be_larger_than_a_socket_buffer(server: ForkServer) -> None:
    assert start(server, "x" * 5_000_000)[1] == "x" * 5_000_000 + f" {server.pid} []"
    assert server.reap() == 7


def test_a_server_that_reads_nothing_is_lost_in_the_same_time(impatient_server: ForkServer) -> None:
    os.kill(impatient_server.pid, signal.SIGSTOP)
    started_at = time.monotonic()
    assert impatient_server.fork("x" * 5_000_000, []) is None
    assert time.monotonic() - started_at < 2


def test_a_server_and_its_process_end_with_the_worker() -> None:
    script = """
import time
from jobs.execution.fork_server import ForkServer
from tests.jobs.execution.test_fork_server import main, start
server = ForkServer(main, answer_seconds=10)
print(server.pid, start(server, "waits")[0], flush=True)
time.sleep(60)
"""
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    family = [int(pid) for pid in worker.stdout.readline().split()]
    worker.kill()
    worker.communicate()
    assert len(family) == 2
    assert all(map(ends, family))


def test_no_signal_is_sent_to_the_own_group_or_to_all_processes() -> None:
    for group in (0, 1, -1):
        with pytest.raises(ValueError, match="not the id of a process group"):
            signal_group(group, signal.SIGKILL)
