"""Backfills of schedules that burst: their slots are queued, and the scheduler makes the jobs of one after another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from reports.choices.checked import looks_up_choices, sharing_outcomes
from schedules import slots
from schedules.models import Schedule, Slot

#: Seconds for which one schedule's slots share what was read for the first of them. Others wait meanwhile.
_SECONDS = 10


def queue(locked: Schedule, times: Sequence[datetime]) -> list[Slot]:
    """Give these times of a locked schedule queued slots, or let their slots without a job be used again."""
    existing = {slot.time: slot for slot in locked.slots.filter(time__in=times)}
    queued = [slots.new_slot(locked, each, Slot.State.QUEUED, kind=Slot.Kind.BACKFILL) for each in times]
    for slot in queued:
        if slot.time in existing:
            slot.pk = existing[slot.time].pk
            slot.save(force_update=True)
    Slot.objects.bulk_create([slot for slot in queued if slot.time not in existing])
    return list(locked.slots.filter(time__in=times).order_by("time"))


def waiting() -> list[UUID]:
    """Return the schedules with queued slots for which no host is reading recipients."""
    unread = Schedule.objects.not_being_read()
    queued = Slot.objects.filter(state=Slot.State.QUEUED, schedule__in=unread).order_by()
    return list(queued.values_list("schedule", flat=True).distinct())


def burst_queued(schedule_id: UUID) -> int:
    """Make the jobs of a schedule's queued slots, the first one first, each in a transaction. Returns of how many.

    Stops after a while, so that other schedules have their turn.
    """
    number, started = 0, time.monotonic()
    with sharing_outcomes():
        while time.monotonic() - started < _SECONDS and _burst_next(schedule_id):
            number += 1
    return number


@looks_up_choices
def _burst_next(schedule_id: UUID) -> bool:
    with transaction.atomic():
        schedule = Schedule.objects.lock(schedule_id, skip_locked=True)
        if schedule is None:
            return False
        slot = schedule.slots.filter(state=Slot.State.QUEUED).order_by("time").first()
        if slot is None:
            return False
        slots.add_slot(schedule, slot.time, kind=Slot.Kind.BACKFILL, slot=slot)
    return True
