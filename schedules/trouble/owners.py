"""Schedules whose owner is gone: no job can run as a user who was deactivated or deleted."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from reports.choices.checked import looks_up_choices
from schedules import slots
from schedules.models import Schedule
from schedules.trouble import pausing


def pause_without_owner() -> int:
    """Pause the schedules whose owner was deactivated or deleted, whichever way. Returns how many."""
    ids = Schedule.objects.filter(next_at__isnull=False).without_owner().values_list("pk", flat=True)
    return sum(_pause_without_owner(pk) for pk in list(ids))


@looks_up_choices
def _pause_without_owner(schedule_id: UUID) -> bool:
    with transaction.atomic():
        schedule = Schedule.objects.lock(schedule_id, skip_locked=True)
        if schedule is None or schedule.paused or schedule.has_owner:
            return False
        # Times that have come fail for the same reason, which pauses it.
        if not slots.record(schedule):
            pausing.pause(schedule, pausing.OWNER_GONE)
            schedule.save(update_fields=["next_at", "paused", "paused_reason"])
    return True
