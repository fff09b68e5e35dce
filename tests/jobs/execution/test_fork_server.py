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

from jobs.execution.fork_server import ForkServer
from jobs.execution.processes import become_subreaper, kill_children, signal_group
from tests.server import ROOT


def live(subject: str, files: Sequence[int]) -> None:
    """Say what it was given, and its parent; then do as the subject says."""
    if subject == "starts another":
        subject = f"{subject} {subprocess.Popen(['sleep', '60'], start_new_session=True).pid}"
    inheritable = [file for file in files if os.get_inheritable(file)]
    with os.fdopen(files[0], "w") as pipe:
        pipe.write(f"{subject} {os.getppid()} {inheritable}")
    if subject.startswith(("waits", "starts another")):
        time.sleep(60)
    if subject == "crashes":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(7)


@pytest.fixture
def server(as_worker: set[int]) -> Iterator[ForkServer]:
    made = ForkServer(live)
    yield made
    made.end()


def begin(server: ForkServer, subject: str) -> tuple[int, str]:
    """The process that lives with the subject, and what it says; 0 when the server is lost."""
    read, write = os.pipe()
    pid = server.fork(subject, [write])
    os.close(write)
    with os.fdopen(read) as heard:
        return pid or 0, heard.read()


def ended(pid: int) -> bool:
    """Within some seconds; one that nobody has reaped has ended."""

    def has_ended() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return eventually(has_ended)


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_process_is_given_its_subject_and_files_and_its_end_is_told(server: ForkServer) -> None:
    pid, said = begin(server, "one")
    assert said == f"one {server.pid} []", "and its files are nobody's whom it starts"
    assert ended(pid)
    assert server.reap() == 7
    pid, said = begin(server, "crashes")
    assert ended(pid)
    assert server.reap() == -signal.SIGKILL
    assert server.is_ready()


def test_no_file_is_left_open_on_either_side(server: ForkServer) -> None:
    def files() -> list[int]:
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in (os.getpid(), server.pid)]

    begin(server, "first")
    server.reap()
    before = files()
    for _ in range(20):
        begin(server, "next")
        server.reap()
    assert files() == before


def test_a_process_keeps_its_id_until_it_is_reaped(server: ForkServer) -> None:
    pid, _ = begin(server, "crashes")
    assert ended(pid)
    assert psutil.Process(pid).ppid() == server.pid
    server.reap()
    assert not psutil.pid_exists(pid)


def test_a_server_whose_process_nobody_has_reaped_is_not_ready_for_another(server: ForkServer) -> None:
    """Else the exit status of one would be taken for the id of the next, which is 0: everybody in one's own group."""
    begin(server, "of which the worker lost sight")
    assert not server.is_ready()
    server.end()
    assert not server.is_ready()


def test_a_server_that_does_not_hear_of_an_end_is_not_waited_for(server: ForkServer) -> None:
    pid, _ = begin(server, "crashes")
    assert ended(pid)
    os.kill(server.pid, signal.SIGSTOP)
    assert server.reap() is None
    assert not server.is_ready()


def test_a_server_that_is_killed_takes_its_process_along_and_what_that_started_is_adopted(
    server: ForkServer, as_worker: set[int]
) -> None:
    become_subreaper()
    _, said = begin(server, "starts another")
    other = int(said.split()[2])
    os.kill(server.pid, signal.SIGKILL)
    assert server.reap() is None
    kill_children(but=as_worker)
    assert not psutil.pid_exists(other)
    assert not server.is_ready()
    assert begin(server, "another")[0] == 0


def test_a_server_that_does_not_answer_is_ended(server: ForkServer, settings) -> None:  # type: ignore[no-untyped-def]
    settings.LEASE_SECONDS = 0.6
    os.kill(server.pid, signal.SIGSTOP)
    assert begin(server, "waits in vain")[0] == 0
    assert not psutil.pid_exists(server.pid)


def test_a_subject_may_be_larger_than_what_a_socket_holds(server: ForkServer) -> None:
    assert begin(server, "x" * 5_000_000)[1] == "x" * 5_000_000 + f" {server.pid} []"
    assert server.reap() == 7


def test_a_server_that_takes_nothing_in_is_lost_in_the_same_time(server: ForkServer, settings) -> None:  # type: ignore[no-untyped-def]
    settings.LEASE_SECONDS = 3
    os.kill(server.pid, signal.SIGSTOP)
    begun = time.monotonic()
    assert server.fork("x" * 5_000_000, []) is None
    assert time.monotonic() - begun < 2


def test_a_server_ends_with_its_worker_and_so_does_what_it_forked() -> None:
    script = """
import os, time
import django
django.setup()
from jobs.execution.fork_server import ForkServer
from tests.jobs.execution.test_fork_server import begin, live
server = ForkServer(live)
print(server.pid, begin(server, "waits")[0], flush=True)
time.sleep(60)
"""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "reportserver.settings"}
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    family = [int(pid) for pid in worker.stdout.readline().split()]
    worker.kill()
    worker.communicate()
    assert len(family) == 2
    assert all(map(ended, family))


def test_no_signal_goes_to_a_group_that_means_others() -> None:
    for group in (0, 1, -1):
        with pytest.raises(ValueError, match="no group to signal"):
            signal_group(group, signal.SIGKILL)
