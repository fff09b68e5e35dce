"""All changes of schedules: each in one transaction with its audit entry, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action
from jobs.queue import broker
from reports.choices.checked import looks_up_choices
from reports.definitions import merge_patch
from reports.definitions.errors import invalid_definition
from reports.definitions.field_types import principal_of
from reports.exceptions import InvalidParameters
from schedules import cron, exceptions, slots, to_database
from schedules.bursting import backfilling
from schedules.bursting.column_check import check_column
from schedules.definitions import ScheduleDefinition, parse_schedule
from schedules.models import Schedule, Slot
from schedules.permissions import may_run_for
from schedules.trouble.pausing import OWNER_GONE

MAX_BACKFILL = 100
_SECOND = timedelta(seconds=1)


def create_schedule(*, definition: ScheduleDefinition, tenant: Tenant, actor: User) -> Schedule:
    """Create a schedule and its version 1. Raises InvalidDefinition, or PermissionDenied for another owner."""
    check_column(None, definition, tenant, actor=actor)
    with transaction.atomic():
        schedule = to_database.create_schedule(definition, tenant, actor)
        _record(Action.SCHEDULE_CREATE, schedule, actor, version=1)
    return schedule


@looks_up_choices
def update_schedule(
    *, schedule: Schedule, definition: ScheduleDefinition, actor: User, expected_version: int | None = None
) -> Schedule:
    """Make the schedule match the definition. Later times follow it at once; those that have passed don't change.

    `expected_version` is that on which the change is based. Raises ScheduleChanged if there is a later one by now, or
    no schedule any more; InvalidDefinition; or PermissionDenied for another owner.
    """
    check_column(schedule.definition, definition, schedule.tenant, actor=actor)
    with transaction.atomic():
        locked = _locked(schedule)
        if expected_version not in (None, locked.version.number):
            raise exceptions.ScheduleChanged
        return _update(locked, definition, actor)


@looks_up_choices
def patch_schedule(*, schedule: Schedule, patch: Mapping[str, Any], actor: User) -> Schedule:
    """Apply a JSON merge patch to the definition. Raises as `update_schedule`."""
    if isinstance(patch.get("recipients"), Mapping) or patch.get("report"):
        before = schedule.definition
        check_column(before, parse_schedule(merge_patch(before.entry(), patch)), schedule.tenant, actor=actor)
    with transaction.atomic():
        locked = _locked(schedule)
        if locked.report is None and not patch.get("report"):
            raise invalid_definition({"report": ["The report was deleted. Name another one."]})
        return _update(locked, parse_schedule(merge_patch(locked.definition.entry(), patch)), actor)


def delete_schedule(*, schedule: Schedule, actor: User) -> None:
    """Delete the schedule with its versions and slots. Its jobs stay, and those that wait for others no longer do."""
    with transaction.atomic():
        locked = _locked(schedule)
        slots.forget(locked)
        entry = to_database.audit_entry(Action.SCHEDULE_DELETE, locked)
        locked.delete()
        audit.record_all([entry], actor)


@looks_up_choices
def take_over(*, schedule: Schedule, owner: User, actor: User | str) -> Schedule:
    """Give a schedule whose owner is gone another one, and let it run again if it was paused for that.

    Raises ScheduleHasOwner, ScheduleReportMissing or, like `update_schedule`, InvalidDefinition.
    """
    with transaction.atomic():
        locked = _locked(schedule)
        if locked.has_owner:
            raise exceptions.ScheduleHasOwner
        if locked.report is None:
            raise exceptions.ScheduleReportMissing
        # The times that have come failed: nobody was there as whom they could run.
        to_database.record_due(locked)
        before = locked.definition.run_as
        paused = locked.paused and locked.paused_reason != OWNER_GONE
        changes = {"run_as": principal_of(owner.username), "paused": paused}
        to_database.update_schedule(locked, parse_schedule(locked.definition.entry() | changes), actor)
        _record(Action.SCHEDULE_TAKE_OVER, locked, actor, version=locked.version.number, before=before, **changes)
    return locked


def pause(*, schedule: Schedule, actor: User | str) -> Schedule:
    """Let no time have a slot until the schedule is resumed. Pausing twice changes nothing."""
    return _set_paused(schedule, True, actor)


def resume(*, schedule: Schedule, actor: User | str) -> Schedule:
    """Let times from now on have slots again, not those of the pause."""
    return _set_paused(schedule, False, actor)


@looks_up_choices
def run_now(*, schedule: Schedule, actor: User | str) -> Slot:
    """Add a slot for this moment with its job. It counts for nothing else.

    Raises ScheduleReportMissing, OwnerMayNotRun, InvalidParameters or QueueUnavailable.
    """
    broker.ping()
    with transaction.atomic():
        locked = _locked(schedule)
        check_can_run(locked)
        slot = slots.add_slot(locked, locked.now, kind=Slot.Kind.MANUAL)
        _raise_if_failed(locked, slot)
        made = {"jobId": str(slot.job_id)} if slot.job_id else {"jobs": len(slot.job_ids())}
        _record(Action.SCHEDULE_RUN, locked, actor, **made)
    return slot


@looks_up_choices
def backfill(*, schedule: Schedule, first: datetime, last: datetime, actor: User | str) -> list[Slot]:
    """Add slots for the times between these two, the first one first, except those that already have a job.

    Slots that were skipped, missed or failed are used again. Times to come are left out. Raises TooManySlots, and as
    `run_now`. Times that are due get their slots first, by the rules for them. The slots of a burst are queued: each of
    them makes hundreds of jobs.
    """
    broker.ping()
    with transaction.atomic():
        locked = _locked(schedule)
        check_can_run(locked)
        # Otherwise a time could get a slot here that the scheduler has yet to create.
        to_database.record_due(locked)
        times = _times_without_job(locked, first, min(last, locked.now))
        if locked.recipients is None:
            existing = {slot.time: slot for slot in locked.slots.filter(time__in=times)}
            made = [slots.add_slot(locked, time, kind=Slot.Kind.BACKFILL, slot=existing.get(time)) for time in times]
        else:
            made = backfilling.queue(locked, times)
        numbers = {"from": first.isoformat(), "to": last.isoformat(), "slots": len(made)}
        _record(Action.SCHEDULE_BACKFILL, locked, actor, **numbers)
    return made


def backfill_times(*, schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    """Return the times that `backfill` would add slots for now. Raises TooManySlots."""
    return _times_without_job(schedule, first, min(last, timezone.now()))


def check_can_run(schedule: Schedule) -> None:
    """Raise ScheduleReportMissing or OwnerMayNotRun if no job can be created."""
    if schedule.report is None:
        raise exceptions.ScheduleReportMissing
    if not may_run_for(schedule.owner, schedule.report):
        raise exceptions.OwnerMayNotRun


def _times_without_job(schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    created = schedule.slots.filter(state__in=(Slot.State.CREATED, Slot.State.QUEUED), time__range=(first, last))
    with_job = set(created.values_list("time", flat=True))
    times = takewhile(lambda time: time <= last, schedule.times(after=max(first, cron.FIRST) - _SECOND))
    found = list(islice((time for time in times if time not in with_job), MAX_BACKFILL + 1))
    if len(found) > MAX_BACKFILL:
        raise exceptions.TooManySlots
    return found


def _raise_if_failed(schedule: Schedule, slot: Slot) -> None:
    """Roll back a slot that somebody waits for: the caller is told instead."""
    if slot.state == Slot.State.FAILED:
        raise InvalidParameters({"recipients" if slot.schedule.recipients else "parameters": [slot.reason]})


@looks_up_choices
def _set_paused(schedule: Schedule, paused: bool, actor: User | str) -> Schedule:
    with transaction.atomic():
        locked = _locked(schedule)
        to_database.record_due(locked)
        if locked.paused != paused:
            to_database.apply_paused(locked, paused)
            locked.save()
            _record(Action.SCHEDULE_PAUSE if paused else Action.SCHEDULE_RESUME, locked, actor)
    return locked


def _locked(schedule: Schedule) -> Schedule:
    locked = Schedule.objects.lock(schedule.pk)
    if locked is None:
        raise exceptions.ScheduleChanged
    return locked


def _update(locked: Schedule, definition: ScheduleDefinition, actor: User) -> Schedule:
    changed = to_database.update_schedule(locked, definition, actor)
    if changed:
        _record(Action.SCHEDULE_UPDATE, locked, actor, version=locked.version.number, changed=changed)
    return locked


def _record(action: Action, schedule: Schedule, actor: User | str, **details: object) -> None:
    audit.record_all([to_database.audit_entry(action, schedule, **details)], actor)
