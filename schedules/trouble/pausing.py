"""Slots that fail, and schedules that pause because of them."""

from __future__ import annotations

from django.conf import settings

from audit import actions as audit
from audit.actions import PendingEntry
from audit.models import Action
from jobs.notices import events
from reports.definitions.field_types import user_of
from schedules.models import Schedule, Slot

REPORT_DELETED = "The report was deleted."
#: What the column holds, and the highest setting.
_MOST_FAILURES = 32_767
OWNER_GONE = "The owner's account was deactivated or deleted."


class SlotFailed(Exception):
    """A slot gets no job; the message says why.

    `pauses`: nor would any later one. `may_pass`: a later one may get a job although nobody does anything.
    """

    def __init__(self, reason: str, *, pauses: bool = False, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.pauses, self.may_pass = pauses, may_pass


def note_failure(schedule: Schedule, slot: Slot, failure: SlotFailed) -> None:
    """Tell of a slot that failed, and count it. Pauses a schedule that can't run any more or failed too often."""
    if schedule.paused:
        return
    if failure.pauses:
        pause(schedule, slot.reason)
        return
    events.slot_failed(schedule.told, slot=slot.time.isoformat(), reason=slot.reason)
    if not failure.may_pass:
        schedule.failed_slots = min(schedule.failed_slots + 1, _MOST_FAILURES)
        # Not just as many: the setting may be lower than it was.
        if settings.SCHEDULE_FAILURES and schedule.failed_slots >= settings.SCHEDULE_FAILURES:
            pause(schedule, f"It failed {schedule.failed_slots} times in a row, the last time because: {slot.reason}")


def pause(schedule: Schedule, reason: str) -> None:
    """Pause a locked schedule, write why, and tell of it. Doesn't save."""
    schedule.paused, schedule.paused_reason, schedule.next_at = True, reason[:300], None
    audit.record_all([paused_entry(schedule)], audit.SYSTEM)
    events.schedule_paused(
        schedule.told, slot=schedule.now.isoformat(), reason=schedule.paused_reason, has_owner=schedule.has_owner
    )
    if not schedule.has_owner:
        # After the audit entry, for which all hosts wait: they write the same notices.
        _tell_administrators(schedule)


def _tell_administrators(schedule: Schedule) -> None:
    owner = schedule.owner
    name = owner.username if owner else user_of(schedule.version.definition["run_as"] or "") or ""
    # One notice of all schedules of an owner: for each deactivation, or the day of the deletion.
    once = f"{owner.pk}:{owner.session_generation}" if owner else f"{name}:{schedule.now:%Y-%m-%d}"
    events.needs_owner(schedule.tenant_id, event=f"owner:{once}", owner=name, slug=schedule.slug)


def paused_entry(schedule: Schedule) -> PendingEntry:
    details = {"schedule": schedule.slug, "reason": schedule.paused_reason}
    return PendingEntry(Action.SCHEDULE_PAUSE, schedule.tenant_id, ("schedule", schedule.pk), details)
