"""Counts of calls in memory that processes share, and in Redis."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from common import call_counts, throttling
from common.call_counts import redis_counts
from common.call_counts.count import Count
from common.call_counts.memory import SharedMemory
from tests.redis import RedisServer, redis_server

_fork = multiprocessing.get_context("fork")
#: The start of a window.
NOW = 1_700_000_040


@pytest.fixture
def table() -> SharedMemory:
    return SharedMemory()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the host's clock."""

    def set_clock(now: float) -> None:
        monkeypatch.setattr(time, "time", lambda: now)

    set_clock(NOW)
    return set_clock


def test_calls_are_counted_by_caller_and_window(table: SharedMemory, clock: Callable[[float], None]) -> None:
    assert [table.add_call("a") for _ in range(3)] == [Count(1, 60), Count(2, 60), Count(3, 60)]
    assert table.add_call("b").used == 1
    clock(NOW + 59.9)
    assert table.add_call("a") == Count(4, 1)
    clock(NOW + 60)
    assert table.add_call("a") == Count(1, 60)


def test_a_clock_that_is_set_back_keeps_no_limit_used_up(table: SharedMemory, clock: Callable[[float], None]) -> None:
    for _ in range(10):
        table.add_call("a")
    clock(NOW - 3600)
    assert table.add_call("a").used == 1


def test_every_caller_of_many_is_counted_for_itself(table: SharedMemory, clock: Callable[[float], None]) -> None:
    for expected in (1, 2):
        assert {table.add_call(f"user:{number}").used for number in range(10_000)} == {expected}


def test_more_callers_than_the_table_has_room_for_fail_nothing(
    table: SharedMemory, clock: Callable[[float], None]
) -> None:
    assert min(table.add_call(f"user:{number}").used for number in range(20_000)) == 1
    clock(NOW + 60)
    assert table.add_call("user:1").used == 1


def test_all_calls_of_processes_and_threads_are_counted(table: SharedMemory, clock: Callable[[float], None]) -> None:
    def work() -> None:
        threads = [threading.Thread(target=lambda: [table.add_call("a") for _ in range(500)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    processes = [_fork.Process(target=work) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert table.add_call("a").used == 3 * 4 * 500 + 1


def test_a_process_that_is_killed_while_it_counts_leaves_no_lock(table: SharedMemory) -> None:
    def work() -> None:
        while True:
            table.add_call("a")

    for _ in range(20):
        process = _fork.Process(target=work)
        process.start()
        time.sleep(0.01)
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        # Waits for ever if it did.
        table.add_call("b")


@pytest.fixture
def redis(settings: Settings) -> Iterator[RedisServer]:
    with redis_server() as server:
        settings.BROKER_URL = server.url
        redis_counts._script.cache_clear()
        redis_counts._ask_again_at = 0
        yield server
        redis_counts._script.cache_clear()
        redis_counts._ask_again_at = 0


def test_hosts_share_their_counts_in_redis(redis: RedisServer) -> None:
    def another_host() -> None:
        for _ in range(100):
            call_counts.add_call("a")

    processes = [_fork.Process(target=another_host) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    count = call_counts.add_call("a")
    # They may have started in the minute before.
    assert count.used == 301 or count.resets_in > 50
    assert 0 < count.resets_in <= 60
    assert call_counts.add_call("b").used == 1


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_a_host_counts_for_itself_and_waits_only_once(
    redis: RedisServer, fault: signal.Signals, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RATE_LIMITS = {"api": 2}
    assert not throttling.count_call("api", "a").exceeded
    redis.signal(fault)
    started_at = time.monotonic()
    usages = [throttling.count_call("api", "a") for _ in range(50)]
    assert time.monotonic() - started_at < 3
    assert [usage.exceeded for usage in usages] == [False] * 2 + [True] * 48
    assert len([entry for entry in caplog.records if "counts calls for itself" in entry.getMessage()]) == 1
    if fault == signal.SIGSTOP:
        redis.signal(signal.SIGCONT)
        redis_counts._ask_again_at = 0
        assert throttling.count_call("api", "a").used in (2, 3)
