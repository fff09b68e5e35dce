"""Tasks in limited children: real ones, which are killed, crash and use too much."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.children.client import ChildFailed, Children, Reason, TaskError
from common.children.fair_queue import Caller
from common.children.messages import ChildLimits
from common.processes import is_alive
from tests.common.children import tasks

ANN = Caller("acme", "ann")
LIMITS = ChildLimits(seconds=20, wait_seconds=20)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    monkeypatch.setenv("REPORTSERVER_DATA_KEY", "a secret")
    children = Children()
    children.configure(modules=["tests.common.children.tasks"], slots=2, calls=16)
    orders = children.start()
    yield children
    orders.close()
    assert children._process
    assert children._process.wait(10) == 0, "it ends when nobody can send orders any more"


def failure(children: Children, task: object, *arguments: object, limits: ChildLimits = LIMITS) -> Reason:
    with pytest.raises(ChildFailed) as caught:
        children.run(task, *arguments, caller=ANN, limits=limits)  # type: ignore[arg-type]
    return caught.value.reason


def test_a_task_returns_its_result_and_sees_no_secret(children: Children) -> None:
    assert children.run(tasks.double, 21, caller=ANN, limits=LIMITS) == 42
    environment = children.run(tasks.environment, caller=ANN, limits=LIMITS)
    assert "PATH" in environment
    assert not [name for name in environment if name.startswith(("REPORTSERVER", "DJANGO"))]


def test_the_ways_to_fail_are_told_apart_and_the_next_task_runs(children: Children) -> None:
    assert failure(children, tasks.take_memory) is Reason.OUT_OF_MEMORY
    assert failure(children, tasks.crash) is Reason.LOST
    assert failure(children, tasks.long_text) is Reason.TOO_LARGE
    with pytest.raises(TaskError):
        children.run(tasks.wrong, caller=ANN, limits=LIMITS)
    assert children.run(tasks.double, 1, caller=ANN, limits=LIMITS) == 2


def test_a_stuck_child_is_killed_with_what_it_started_and_leaves_no_files(children: Children, tmp_path: Path) -> None:
    started = time.monotonic()
    limits = ChildLimits(seconds=3, wait_seconds=20)
    assert failure(children, tasks.sleep_for_ever, tmp_path / "notes", limits=limits) is Reason.TIMEOUT
    assert time.monotonic() - started < 15
    pid, other, folder = (tmp_path / "notes").read_text().split()
    until = time.monotonic() + 5
    while (is_alive(int(pid)) or is_alive(int(other)) or Path(folder).exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(int(pid))
    assert not is_alive(int(other))
    assert not Path(folder).exists()


def test_a_caller_that_waits_too_long_is_refused(children: Children) -> None:
    assert children.run(tasks.double, 1, caller=ANN, limits=LIMITS) == 2
    blocking = threading.Thread(
        target=lambda: children.run(tasks.started_at, 4.0, caller=ANN, limits=LIMITS), daemon=True
    )
    blocking.start()
    time.sleep(0.5)
    # One user may have one of two slots.
    assert failure(children, tasks.double, 1, limits=ChildLimits(seconds=5, wait_seconds=0.5)) is Reason.BUSY
    other = Caller("globex", "cat")
    assert children.run(tasks.double, 4, caller=other, limits=LIMITS) == 8, "others have the other slot"
    blocking.join()
    assert children.run(tasks.double, 3, caller=ANN, limits=LIMITS) == 6


def test_a_killed_server_is_replaced(children: Children) -> None:
    assert children.run(tasks.double, 1, caller=ANN, limits=LIMITS) == 2
    assert children._process
    keeper = children._process.pid
    [server] = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    os.kill(int(server), signal.SIGKILL)
    assert children.run(tasks.double, 2, caller=ANN, limits=LIMITS) == 4
