"""Deletes what nobody needs any more, in the background, a little in each round of the supervisor.

A step is a generator that pauses after each small piece of work, so that no amount of it keeps the supervisor from
recovering jobs or from stopping. Only the database's clock decides what is old: a host's may be a month ahead.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps

from django.db import connections

from accounts import expired_sessions
from audit import verification
from common.throttling import delete_old_counts
from jobs.history import archiving
from jobs.notices import outbox as notices
from jobs.queue import broker
from jobs.results import retention, rows_copies, stray_files, stray_objects

log = logging.getLogger(__name__)
#: Seconds from the end of one tidying to the start of the next.
_INTERVAL = 3600
#: Seconds that the tidier works before it looks whether it is to stop, and that it pauses.
_TIDIER_SECONDS, _TIDIER_PAUSE_SECONDS = 1.0, 1.0

#: Each yields, after each piece of work, how much it deleted.
Step = Callable[[], Iterator[int]]


def _in_one_piece(delete: Callable[[], int | None]) -> Step:
    @wraps(delete)
    def step() -> Iterator[int]:
        yield delete() or 0

    return step


STEPS: Sequence[Step] = (
    retention.purge_expired,
    archiving.archive_history,
    stray_files.delete_stray_files,
    stray_objects.delete_stray_objects,
    _in_one_piece(rows_copies.delete_unused),
    _in_one_piece(broker.delete_task_results),
    _in_one_piece(delete_old_counts),
    expired_sessions.delete_page_sessions,
    expired_sessions.delete_api_sessions,
    expired_sessions.delete_api_keys,
    _in_one_piece(notices.delete_old),
)


def run_tidier() -> None:
    """Tidy up and verify the audit log until SIGTERM.

    In a process of its own, where the supervisor must not use the store's client itself.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    tidying, audit_watch = Tidying(), verification.Watch()
    while not stopping.wait(_TIDIER_PAUSE_SECONDS):
        tidying.work_for(seconds=_TIDIER_SECONDS)
        _try_to_verify(audit_watch)


def _try_to_verify(watch: verification.Watch) -> None:
    try:
        watch.work_for(seconds=_TIDIER_SECONDS)
    except Exception:
        log.exception("The audit log could not be verified.")
        connections.close_all()


class Tidying:
    """Runs all steps once an hour, and goes on in the next round with what a round had no time for."""

    def __init__(self, steps: Sequence[Step] = STEPS) -> None:
        self._steps = steps
        self._work: Iterator[None] | None = None
        self._finished_at = float("-inf")

    def work_for(self, *, seconds: float) -> None:
        """Work for about this time, if there is anything to do."""
        if self._work is None:
            if time.monotonic() - self._finished_at < _INTERVAL:
                return
            self._work = self._run_steps()
        deadline = time.monotonic() + seconds
        for _ in self._work:
            if time.monotonic() > deadline:
                return
        self._work, self._finished_at = None, time.monotonic()

    def _run_steps(self) -> Iterator[None]:
        deleted: dict[str, int] = {}
        for step in self._steps:
            name = step.__name__
            deleted[name] = 0
            try:
                for count in step():
                    deleted[name] += count
                    yield
            except Exception:
                log.exception("A step of tidying up failed: %s", name)
                connections.close_all()
        log.info("tidied up", extra={"deleted": {name: count for name, count in deleted.items() if count}})
