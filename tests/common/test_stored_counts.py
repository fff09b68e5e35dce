"""Rate limits in the database: counting, windows and headers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.db import connections
from pytest_django import Settings

from common import throttling
from common.models import RateCount
from common.throttling import count_in_database
from tests.acceptance.helpers import wait_for_window
from tests.clock import DatabaseClock, stopped_clock

LIMIT = 3
#: The start of a window.
NOW = 1_700_000_040
pytestmark = pytest.mark.django_db(databases={"default", configured.COUNTERS_DATABASE})


@pytest.fixture(autouse=True)
def limit(settings: Settings) -> None:
    settings.RATE_LIMITS = {"api": LIMIT, "sign_in": LIMIT}


@pytest.fixture
def clock(db: None) -> Iterator[DatabaseClock]:
    with stopped_clock(NOW) as clock:
        yield clock


def test_calls_are_counted_by_scope_and_caller(clock: DatabaseClock) -> None:
    assert [count_in_database("api", "a").used for _ in range(LIMIT)] == [1, 2, 3]
    assert not count_in_database("api", "b").exceeded
    assert not count_in_database("sign_in", "a").exceeded
    usage = count_in_database("api", "a")
    assert (usage.used, usage.exceeded) == (4, True)


def test_a_new_window_starts_at_zero(clock: DatabaseClock) -> None:
    clock.move(59.9)
    for _ in range(LIMIT + 1):
        last = count_in_database("api", "a")
    assert (last.exceeded, last.resets_in) == (True, 1)
    clock.move(0.1)
    first = count_in_database("api", "a")
    assert (first.used, first.resets_in) == (1, 60)


def test_a_count_can_be_read_without_counting(clock: DatabaseClock) -> None:
    assert count_in_database("api", "a", amount=0).used == 0
    count_in_database("api", "a")
    assert count_in_database("api", "a", amount=0).used == count_in_database("api", "a", amount=0).used == 1


def test_counting_can_stop_at_the_limit(clock: DatabaseClock) -> None:
    usages = [count_in_database("sign_in", "a", stop_at_limit=True) for _ in range(LIMIT + 3)]
    assert [usage.exceeded for usage in usages] == [False] * LIMIT + [True] * 3
    assert count_in_database("sign_in", "a", amount=0).used == LIMIT
    clock.move(60)
    assert not count_in_database("sign_in", "a", stop_at_limit=True).exceeded


def test_a_call_can_be_taken_back_within_its_window(clock: DatabaseClock) -> None:
    usage = count_in_database("sign_in", "a")
    usage.undo()
    assert count_in_database("sign_in", "a", amount=0).used == 0
    usage = count_in_database("sign_in", "a")
    clock.move(60)
    count_in_database("sign_in", "a")
    usage.undo()
    assert count_in_database("sign_in", "a", amount=0).used == 1, "the later window didn't count that call"


def test_headers_tell_the_limit_and_what_is_left(clock: DatabaseClock) -> None:
    clock.move(15)
    assert count_in_database("api", "a").headers() == {
        "RateLimit-Policy": '"api";q=3;w=60', "RateLimit": '"api";r=2;t=45',
    }  # fmt: skip
    for _ in range(LIMIT):
        last = count_in_database("api", "a")
    assert last.headers()["RateLimit"] == '"api";r=0;t=45'


def test_a_host_whose_clock_is_wrong_counts_in_the_same_window(
    clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_in_database("api", "a")
    real = time.time
    for ahead in (61, -61, 86_400):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: real() + ahead)
        throttling.delete_old_counts()
        usage = count_in_database("api", "a")
    assert (usage.used, usage.resets_in) == (4, 60)


def test_a_call_that_arrives_late_does_not_start_the_window_again(clock: DatabaseClock) -> None:
    clock.move(60)
    count_in_database("api", "a")
    clock.move(-1)
    assert (count_in_database("api", "a").used, count_in_database("api", "a").resets_in) == (2, 61)


def test_a_clock_that_is_set_back_does_not_keep_a_limit_used_up(clock: DatabaseClock) -> None:
    for _ in range(LIMIT + 1):
        count_in_database("api", "a")
    clock.move(-3600)
    assert count_in_database("api", "a").used == 1


def test_old_counts_are_deleted(clock: DatabaseClock) -> None:
    count_in_database("api", "old")
    clock.move(121)
    count_in_database("api", "new")
    throttling.delete_old_counts()
    assert RateCount.objects.count() == 1


@pytest.mark.django_db(transaction=True, databases={"default", configured.COUNTERS_DATABASE})
def test_concurrent_calls_are_all_counted() -> None:
    caller = str(uuid4())
    wait_for_window(15)

    def call() -> None:
        for _ in range(10):
            count_in_database("api", caller)
        connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_in_database("api", caller, amount=0).used == 40
