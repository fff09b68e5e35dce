"""All changes of schedules: each in one transaction with its audit entry, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from accounts.models import Tenant, User
from audit import actions as audit
from audit.actions import actor_name
from audit.models import Action
from jobs.queue import broker
from jobs.sql import now as database_now
from reports.definitions import merge_patch
from reports.definitions.errors import FieldErrors, invalid_definition
from reports.definitions.field_types import user_of
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration
from reports.parameters.values import typed_values
from schedules import cron, exceptions, slots
from schedules.definitions import ScheduleDefinition, parse_schedule
from schedules.models import Schedule, ScheduleVersion, Slot
from schedules.permissions import may_run_for

MAX_BACKFILL = 100
_SECOND = timedelta(seconds=1)


def create_schedule(*, definition: ScheduleDefinition, tenant: Tenant, actor: User) -> Schedule:
    """Create a schedule and its version 1. Raises InvalidDefinition, or PermissionDenied for another owner."""
    schedule = Schedule(tenant=tenant)
    schedule.now = database_now()
    with transaction.atomic():
        _write(schedule, definition, actor)
        _record(Action.SCHEDULE_CREATE, schedule, actor, version=1)
    return schedule


def update_schedule(*, schedule: Schedule, definition: ScheduleDefinition, actor: User) -> Schedule:
    """Make the schedule match the definition. Later times follow it at once; those that have passed don't change.

    Raises InvalidDefinition, ScheduleChanged, or PermissionDenied for another owner.
    """
    with transaction.atomic():
        return _update(_locked(schedule), definition, actor)


def patch_schedule(*, schedule: Schedule, patch: Mapping[str, Any], actor: User) -> Schedule:
    """Apply a JSON merge patch to the definition. Raises as `update_schedule`."""
    with transaction.atomic():
        locked = _locked(schedule)
        return _update(locked, parse_schedule(merge_patch(locked.definition.entry(), patch)), actor)


def delete_schedule(*, schedule: Schedule, actor: User) -> None:
    """Delete the schedule with its versions and slots. Its jobs stay, and those that wait for others no longer do."""
    with transaction.atomic():
        locked = _locked(schedule)
        slots.release_all(locked)
        pk, locked_slug = locked.pk, locked.slug
        locked.delete()
        audit.record(
            Action.SCHEDULE_DELETE,
            actor=actor,
            tenant_id=schedule.tenant_id,
            target=("schedule", pk),
            details={"schedule": locked_slug},
        )


def pause(*, schedule: Schedule, actor: User | str) -> Schedule:
    """Let no time have a slot until the schedule is resumed. Pausing twice changes nothing."""
    return _set_paused(schedule, True, actor)


def resume(*, schedule: Schedule, actor: User | str) -> Schedule:
    """Let times from now on have slots again, not those of the pause."""
    return _set_paused(schedule, False, actor)


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
        _record(Action.SCHEDULE_RUN, locked, actor, jobId=str(slot.job_id))
    return slot


def backfill(*, schedule: Schedule, first: datetime, last: datetime, actor: User | str) -> list[Slot]:
    """Add slots for the times between these two, the first one first, except those that already have a job.

    Slots that were skipped, missed or failed are used again. Times to come are left out. Raises TooManySlots, and as
    `run_now`. Times that are due get their slots first, by the rules for them.
    """
    broker.ping()
    with transaction.atomic():
        locked = _locked(schedule)
        check_can_run(locked)
        # Otherwise a time could get a slot here that the scheduler has yet to create.
        _record_due(locked)
        times = _times_without_job(locked, first, min(last, locked.now))
        existing = {slot.time: slot for slot in locked.slots.filter(time__in=times)}
        created = [slots.add_slot(locked, time, kind=Slot.Kind.BACKFILL, slot=existing.get(time)) for time in times]
        numbers = {"from": first.isoformat(), "to": last.isoformat(), "slots": len(created)}
        _record(Action.SCHEDULE_BACKFILL, locked, actor, **numbers)
    return created


def check_can_run(schedule: Schedule) -> None:
    """Raise ScheduleReportMissing or OwnerMayNotRun if no job can be created."""
    if schedule.report is None:
        raise exceptions.ScheduleReportMissing
    if not may_run_for(schedule.owner, schedule.report):
        raise exceptions.OwnerMayNotRun


def _times_without_job(schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    created = schedule.slots.filter(state=Slot.State.CREATED, time__range=(first, last))
    with_job = set(created.values_list("time", flat=True))
    times = takewhile(lambda time: time <= last, schedule.times(after=max(first, cron.FIRST) - _SECOND))
    found = list(islice((time for time in times if time not in with_job), MAX_BACKFILL + 1))
    if len(found) > MAX_BACKFILL:
        raise exceptions.TooManySlots
    return found


def _raise_if_failed(schedule: Schedule, slot: Slot) -> None:
    """Roll back a slot that somebody waits for: the caller is told instead."""
    if slot.state == Slot.State.FAILED:
        raise InvalidParameters({"parameters": [slot.reason]})


def _set_paused(schedule: Schedule, paused: bool, actor: User | str) -> Schedule:
    with transaction.atomic():
        locked = _locked(schedule)
        _record_due(locked)
        if locked.paused != paused:
            _apply_paused(locked, paused)
            locked.save()
            _record(Action.SCHEDULE_PAUSE if paused else Action.SCHEDULE_RESUME, locked, actor)
    return locked


def _apply_paused(schedule: Schedule, paused: bool) -> None:
    if paused != schedule.paused:
        schedule.paused, schedule.paused_reason = paused, ""
    schedule.move_on(after=schedule.now)


def _record_due(locked: Schedule) -> None:
    """Times that have come follow the definition of then."""
    while slots.record(locked):
        pass


def _locked(schedule: Schedule) -> Schedule:
    locked = Schedule.objects.lock(schedule.pk)
    if locked is None:
        raise exceptions.ScheduleChanged
    return locked


def _update(locked: Schedule, definition: ScheduleDefinition, actor: User) -> Schedule:
    if definition.tenant != locked.tenant.slug:
        raise invalid_definition({"tenant": ["A schedule can't move to another tenant."]})
    before = locked.definition.entry()
    if definition.run_as is None:
        # Editing doesn't change the owner.
        definition = definition.model_copy(update={"run_as": before["run_as"]})
    after = definition.entry()
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        _record_due(locked)
        _write(locked, definition, actor, changed)
        _record(Action.SCHEDULE_UPDATE, locked, actor, version=locked.version.number, changed=changed)
    return locked


def _write(schedule: Schedule, definition: ScheduleDefinition, actor: User, changed: list[str] | None = None) -> None:
    """Store the definition, as a new version if anything that a version holds has changed. `changed`: None for all.

    `schedule.now` is the time up to which times have slots: read again, it would lose those in between.
    """
    schedule.slug = definition.slug
    is_new_version = changed is None or bool(set(changed) - ScheduleDefinition.UNVERSIONED)
    if is_new_version:
        _set_version(schedule, definition, actor)
    # An owner or report that is gone may have paused it a moment ago: only who says so resumes it.
    _apply_paused(schedule, definition.paused if changed is None or "paused" in changed else schedule.paused)
    if is_new_version and schedule.next_at is None and not schedule.paused:
        sentence = "The schedule would never run: no future time matches cron between start_on and end_on."
        raise invalid_definition({"end_on": [sentence]})
    _save(schedule)


def _set_version(schedule: Schedule, definition: ScheduleDefinition, actor: User) -> None:
    """Give the schedule the report, the owner and a new version, not stored yet. Raises InvalidDefinition."""
    report, owner = _report_and_owner(schedule, definition, actor)
    number = schedule.current.number + 1 if schedule.current else 1
    stored = definition.versioned() | {"run_as": f"user:{owner.username}"}
    schedule.report, schedule.owner = report, owner
    schedule.current = ScheduleVersion(number=number, definition=stored, created_by=actor_name(actor))
    _check_values(schedule, definition, report)


def _save(schedule: Schedule) -> None:
    version = schedule.version
    if version.pk is None:
        schedule.current = None
    # The database decides: two requests may check at the same time and both find the slug free.
    try:
        with transaction.atomic():
            schedule.save()
    except IntegrityError:
        raise invalid_definition({"slug": ["Another schedule already has this slug."]}) from None
    if version.pk is None:
        version.schedule = schedule
        version.save()
        schedule.current = version
        schedule.save(update_fields=["current"])


def _report_and_owner(
    schedule: Schedule, definition: ScheduleDefinition, actor: User
) -> tuple[ReportConfiguration, User]:
    """Return what the definition names. Raises InvalidDefinition; PermissionDenied for another owner than the actor,
    unless the actor is an Administrator."""
    errors: FieldErrors = {}
    reports = ReportConfiguration.objects.filter(tenant=schedule.tenant, current__isnull=False)
    report = reports.select_related("current").filter(slug=definition.report).first()
    if report is None:
        errors["report"] = [f"Report {definition.report} does not exist in this tenant."]
    if definition.run_as is None and not schedule._state.adding:
        raise invalid_definition({"run_as": ["The owner was deleted. Name a user."]} | errors)
    name = user_of(definition.run_as) if definition.run_as else actor.username
    owner = User.objects.filter(username=name).first()
    is_own = owner is not None and owner.pk in (actor.pk, schedule.owner_id)
    if not is_own and not actor.administers(schedule.tenant_id):
        raise PermissionDenied("Only an Administrator can let a schedule run as somebody else.")
    if owner is None or not _may_own(owner, schedule, actor):
        # The same for a superuser as for nobody: an Administrator of a tenant learns nothing about those outside.
        errors["run_as"] = [f"User {name} does not exist in this tenant."]
    elif report and not may_run_for(owner, report):
        errors["run_as"] = [f"User {name} has no right to run this report, or is not active."]
    if errors or report is None or owner is None:
        raise invalid_definition(errors)
    return report, owner


def _may_own(owner: User, schedule: Schedule, actor: User) -> bool:
    """Whether the actor may make this user the owner: one of the tenant; a superuser only if the actor is one too."""
    if owner.tenant_id == schedule.tenant_id or owner.pk == schedule.owner_id:
        return True
    return owner.is_superuser and actor.is_superuser


def _check_values(schedule: Schedule, definition: ScheduleDefinition, report: ReportConfiguration) -> None:
    """Check format and parameters as they would be at the next time. Raises InvalidDefinition."""
    errors: FieldErrors = {}
    version, now = report.version, schedule.now
    for at, format in enumerate(definition.formats):
        if format not in version.formats:
            errors[f"formats[{at}]"] = [f"Must be one of: {', '.join(version.formats)}."]
    try:
        moment = schedule.moment(schedule.next_time(after=now) or now)
        typed_values(version.declared_parameters(), definition.parameters, moment, rules=version.rules)
    except InvalidParameters as error:
        errors |= {f"parameters.{name}": sentences for name, sentences in error.fields.items()}
    if errors:
        raise invalid_definition(errors)


def _record(action: Action, schedule: Schedule, actor: User | str, **details: object) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=schedule.tenant_id,
        target=("schedule", schedule.pk),
        details={"schedule": schedule.slug, **details},
    )
