"""The scheduler: a process of each jobserver that creates the slots that are due. It can be killed at any time."""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from uuid import UUID

from django.db import connections

from common.backoff import Backoff
from jobs import deployment
from jobs.clock import Now
from jobs.queue import broker
from schedules import slots
from schedules.bursting import backfilling, splitting
from schedules.models import Schedule
from schedules.trouble import owners

log = logging.getLogger(__name__)
#: The longest sleep in seconds: a schedule may be added meanwhile, or a waiting job may start.
_LONGEST_SLEEP = 5.0
_SHORTEST_SLEEP = 0.05
#: The sleep while another host holds what is due.
_LOCKED_SLEEP = 0.5
#: Seconds between two looks for schedules that have lost their owner.
_OWNER_CHECK_SECONDS = 5.0
#: Schedules that are looked for at once.
_BATCH = 200
#: Schedules whose slots are created in one transaction. Others who write wait for it: a tenth of a second.
_TOGETHER = 20
#: The sleep while the slots of a schedule are created in the background, until they are done.
_BACKGROUND_SLEEP = 0.5
#: The sleep while recipients wait for the end of the job that reads their rows.
_SPLIT_SLEEP = 2.0
#: Seconds for which a schedule is left alone after failures in a row.
_FAILURE_WAITS = Backoff(5, 300)


def run_scheduler() -> None:
    """Create slots until SIGTERM or SIGINT. Must be called in its own process."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    scheduler = Scheduler()
    while not stopping.is_set():
        stopping.wait(scheduler.work())
    scheduler.stop()


class Scheduler:
    """Creates the slots that are due. Schedules that fail are left alone for a while, so they don't stop the others.

    Those whose choices or recipients have to be looked up follow one after the other in a thread of their own:
    somebody's query may take half a minute.
    """

    def __init__(self) -> None:
        #: The failures in a row of each schedule, and until when it is left alone, by the monotonic clock.
        self._failures: dict[UUID, tuple[int, float]] = {}
        self._owners_checked_at = float("-inf")
        self._background = ThreadPoolExecutor(1)
        self._in_background: dict[UUID, Future[int]] = {}

    def stop(self) -> None:
        """Begin no other schedule in the background."""
        self._background.shutdown(wait=False, cancel_futures=True)

    def work(self) -> float:
        """Create the slots that are due. Returns after how many seconds to do it again."""
        try:
            if deployment.is_suspended():
                return _LONGEST_SLEEP
            # Without its broker, a job could be created that no worker hears of soon.
            broker.ping()
            recorded = self._collect()
            schedules = Schedule.objects.exclude(pk__in=[*self._left_alone(), *self._in_background])
            ids = [*schedules.due().values_list("pk", flat=True)[:_BATCH]]
            ids += schedules.in_another_zone().values_list("pk", flat=True)[:_BATCH]
            recorded += self._record_all(list(dict.fromkeys(ids)))
            self._begin_backfills()
            slots.release_waiting()
            splitting.split_ended()
            self._check_owners()
            return self._seconds_to_next(more_may_be_due=recorded > 0)
        except Exception:
            log.exception("The scheduler could not create slots.")
            connections.close_all()
            return _LONGEST_SLEEP / 2

    def _check_owners(self) -> None:
        """Pause the schedules whose owner is gone: an account can be deactivated in many ways, in SQL too."""
        if time.monotonic() - self._owners_checked_at >= _OWNER_CHECK_SECONDS:
            owners.pause_without_owner()
            self._owners_checked_at = time.monotonic()

    def _left_alone(self) -> list[UUID]:
        now = time.monotonic()
        return [schedule_id for schedule_id, (_, until) in self._failures.items() if until > now]

    def _record_all(self, ids: list[UUID]) -> int:
        """Record the slots of these schedules, many in one transaction; or one by one where one of them fails. Slow
        ones begin in the background."""
        recorded = 0
        for first in range(0, len(ids), _TOGETHER):
            batch = ids[first : first + _TOGETHER]
            try:
                in_batch, slow = slots.record_batch(batch)
                recorded += in_batch
                # In any order: hosts that begin with different ones seldom read the same recipients twice.
                for pk in random.sample(list(slow), len(slow)):
                    self._in_background[pk] = self._background.submit(
                        _alone, pk, partial(slots.record_due, pk, noticed_at=slow[pk])
                    )
            except Exception:
                log.warning("Slots could not be created together. They are created one by one.", exc_info=True)
                connections.close_all()
                recorded += sum(self._record(pk, partial(slots.record_due, pk)) for pk in batch)
        return recorded

    def _begin_backfills(self) -> None:
        """Make the jobs of queued slots in the background."""
        for pk in set(backfilling.waiting()).difference(self._left_alone(), self._in_background):
            self._in_background[pk] = self._background.submit(_alone, pk, partial(backfilling.burst_queued, pk))

    def _collect(self) -> int:
        """Return how many slots were created in the background."""
        ended = {pk: future for pk, future in self._in_background.items() if future.done()}
        for pk in ended:
            del self._in_background[pk]
        return sum(self._record(pk, future.result) for pk, future in ended.items())

    def _record(self, schedule_id: UUID, record: Callable[[], int]) -> int:
        """Record the slots of one schedule. One that fails must not stop the others."""
        try:
            recorded = record()
        except Exception:
            log.exception("The slots of a schedule could not be created.", extra={"schedule": str(schedule_id)})
            connections.close_all()
            failures = self._failures.get(schedule_id, (0, 0.0))[0] + 1
            self._failures[schedule_id] = failures, time.monotonic() + _FAILURE_WAITS.seconds(failures)
            return 0
        self._failures.pop(schedule_id, None)
        return recorded

    def _seconds_to_next(self, *, more_may_be_due: bool) -> float:
        excluded = [*self._left_alone(), *self._in_background]
        upcoming = Schedule.objects.filter(next_at__isnull=False).exclude(pk__in=excluded)
        row = upcoming.order_by("next_at").values_list("next_at", Now()).first()
        longest = _SPLIT_SLEEP if splitting.is_any_waiting() else _LONGEST_SLEEP
        longest = _BACKGROUND_SLEEP if self._in_background else longest
        if row is None or row[0] is None:
            return longest
        seconds = float((row[0] - row[1]).total_seconds())
        if seconds <= 0 and not more_may_be_due:
            return _LOCKED_SLEEP
        return min(longest, max(_SHORTEST_SLEEP, seconds))


def _alone(schedule_id: UUID, make: Callable[[], int]) -> int:
    """Make slots of a schedule, in a thread of its own, unless another host is reading its recipients or choices."""
    try:
        until = Schedule.objects.begin_reading(schedule_id)
        if until is None:
            return 0
        try:
            return make()
        finally:
            Schedule.objects.end_reading(schedule_id, until)
    finally:
        connections.close_all()
