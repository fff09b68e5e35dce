"""When the database's clock counts as set."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from jobs.clock import ClockWatch


def _after(seconds: float) -> Callable[..., Any]:
    """Let the database's answers arrive so many seconds later."""

    def answer_late(execute: Callable[..., Any], *args: Any) -> Any:
        answer = execute(*args)
        time.sleep(seconds)
        return answer

    return answer_late


@pytest.mark.django_db
def test_a_slow_answer_is_no_clock_that_was_set() -> None:
    watch = ClockWatch(longest_answer_seconds=0.3)
    with connection.execute_wrapper(_after(0.5)):
        assert watch.step() is None
    assert watch.step() is None
    with connection.execute_wrapper(_after(0.5)):
        assert watch.step() == 0
    step = watch.step()
    assert step is not None and abs(step) < 0.3
