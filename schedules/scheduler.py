"""The scheduler: a process of each jobserver that creates the slots that are due. It can be killed at any time."""

from __future__ import annotations

import logging
import signal
import threading
from uuid import UUID

from django.db import connections

from jobs.clock import Now
from jobs.queue import broker
from schedules import slots
from schedules.models import Schedule

log = logging.getLogger(__name__)
#: The longest sleep in seconds: a schedule may be added meanwhile, or a waiting job may start.
_LONGEST_SLEEP = 5.0
_SHORTEST_SLEEP = 0.05
#: Schedules that are looked for at once.
_BATCH = 200


def run_scheduler() -> None:
    """Create slots until SIGTERM or SIGINT. Must be called in its own process."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    while not stopping.is_set():
        stopping.wait(work())


def work() -> float:
    """Create the slots that are due. Returns for how many seconds nothing will be."""
    try:
        # Without its broker, a job could be created that no worker hears of soon.
        broker.ping()
        due = list(Schedule.objects.due().values_list("pk", flat=True)[:_BATCH])
        recorded = sum(_record(pk) for pk in due)
        slots.release_waiting()
        # Those that couldn't be recorded must not keep the processor busy.
        return 0.0 if recorded and len(due) == _BATCH else _seconds_to_next()
    except Exception:
        log.exception("The scheduler could not create slots.")
        connections.close_all()
        return _LONGEST_SLEEP / 2


def _record(schedule_id: UUID) -> int:
    """Record the slots of one schedule. One that fails must not stop the others."""
    try:
        return slots.record_due(schedule_id)
    except Exception:
        log.exception("The slots of a schedule could not be created.", extra={"schedule": str(schedule_id)})
        connections.close_all()
        return 0


def _seconds_to_next() -> float:
    upcoming = Schedule.objects.filter(next_at__gt=Now()).order_by("next_at")
    row = upcoming.values_list("next_at", Now()).first()
    if row is None or row[0] is None:
        return _LONGEST_SLEEP
    return float(min(_LONGEST_SLEEP, max(_SHORTEST_SLEEP, (row[0] - row[1]).total_seconds())))
