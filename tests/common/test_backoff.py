"""Waits before another try, and before a process is started again."""

from __future__ import annotations

import time

import pytest

from common.backoff import Backoff, RestartTimer


def test_waits_double_up_to_the_longest() -> None:
    waits = Backoff(first=0.5, longest=5)
    assert [waits.seconds(failures) for failures in (1, 2, 3, 4, 5)] == [0.5, 1, 2, 4, 5]
    assert waits.seconds(100_000) == 5


def test_jitter_shortens_a_wait_by_at_most_half() -> None:
    waits = Backoff(first=8, longest=60)
    found = {waits.jittered(2) for _ in range(200)}
    assert len(found) > 1
    assert min(found) >= 8 and max(found) <= 16


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, in seconds; a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_process_that_keeps_ending_early_is_restarted_ever_later(clock: list[float]) -> None:
    timer = RestartTimer(Backoff(first=1, longest=60), steady_seconds=10)
    assert timer.is_due(), "the first start waits for nothing"
    for wait in (1, 2, 4):
        timer.record_start()
        timer.record_end()
        clock[0] += wait - 0.1
        assert not timer.is_due()
        clock[0] += 0.1
        assert timer.is_due()
    assert timer.restarts == 3


def test_a_process_that_lived_long_is_restarted_soon(clock: list[float]) -> None:
    timer = RestartTimer(Backoff(first=1, longest=60), steady_seconds=10)
    for _ in range(5):
        timer.record_start()
        timer.record_end()
    timer.record_start()
    clock[0] += 11
    timer.record_end()
    clock[0] += 1
    assert timer.is_due()
