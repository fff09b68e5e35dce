"""This process as a worker."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from common import processes
from jobs.execution import child_handle


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Let this process adopt and kill children as a worker does, except those that it had before: servers of other
    tests. The ids of those."""
    others = {process.pid for process in psutil.Process().children()}
    monkeypatch.setattr(child_handle, "kill_children", lambda *, but: processes.kill_children(but=[*but, *others]))
    yield others
    processes.kill_children(but=others)
    processes._libc.prctl(processes._PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    assert others <= {process.pid for process in psutil.Process().children()}, "a server of another test was killed"
