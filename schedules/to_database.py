"""Creating and changing one schedule by its definition, within the caller's transaction."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from accounts.models import Tenant, User
from audit.actions import PendingEntry, actor_name
from audit.models import Action
from jobs.notices import events
from jobs.results.wanted_files import section_error
from jobs.sql import now as database_now
from reports.choices.checked import needs_first
from reports.definitions.errors import FieldErrors, invalid_definition
from reports.definitions.field_types import principal_of, user_of
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration
from reports.parameters.values import typed_values
from schedules import slots
from schedules.bursting import saving
from schedules.definitions import ScheduleDefinition
from schedules.deliveries import connections, rights
from schedules.models import Schedule, ScheduleVersion
from schedules.permissions import may_run_for


def create_schedule(definition: ScheduleDefinition, tenant: Tenant, actor: User | str) -> Schedule:
    """Create a schedule and its version 1. Raises InvalidDefinition, or PermissionDenied for another owner.

    An actor who is no user is the operator, who may do everything, and names the owner.
    """
    schedule = Schedule(tenant=tenant)
    schedule.now = database_now()
    _write(schedule, definition, actor)
    return schedule


def update_schedule(
    locked: Schedule, definition: ScheduleDefinition, actor: User | str, *, dry_run: bool = False
) -> list[str]:
    """Make the locked schedule match the definition. Return the names of the changed fields.

    `dry_run`: the caller undoes it, so times that have come keep having no slot. Within a function that
    `looks_up_choices`. Raises InvalidDefinition, or PermissionDenied for another owner.
    """
    if definition.tenant != locked.tenant.slug:
        raise invalid_definition({"tenant": ["A schedule can't move to another tenant."]})
    before = locked.definition.entry()
    if definition.run_as is None:
        # Editing doesn't change the owner.
        definition = definition.model_copy(update={"run_as": before["run_as"]})
    after = definition.entry()
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        if not dry_run:
            record_due(locked)
        _write(locked, definition, actor, changed)
    if "notify" in changed:
        events.forget(locked.pk)
    return changed


def apply_paused(schedule: Schedule, paused: bool) -> None:
    if paused != schedule.paused:
        schedule.paused, schedule.paused_reason, schedule.failed_slots = paused, "", 0
    schedule.move_on(after=schedule.now)


def record_due(locked: Schedule) -> None:
    """Times that have come follow the definition of then.

    Within a function that `looks_up_choices`. Each time of a burst makes hundreds of jobs, and has a transaction of its
    own before this one: in one, they would keep everybody waiting who writes.
    """
    if locked.recipients is not None and slots.is_due(locked):
        needs_first(partial(_record_one_by_one, locked.pk))
    while slots.record(locked):
        pass


def _record_one_by_one(schedule_id: UUID) -> None:
    while slots.record_due(schedule_id):
        pass


def audit_entry(action: Action, schedule: Schedule, **details: object) -> PendingEntry:
    target = ("schedule", schedule.pk)
    return PendingEntry(action, schedule.tenant_id, target, {"schedule": schedule.slug, **details})


def _write(
    schedule: Schedule, definition: ScheduleDefinition, actor: User | str, changed: list[str] | None = None
) -> None:
    """Store the definition, as a new version if anything that a version holds has changed. `changed`: None for all.

    `schedule.now` is the time up to which times have slots: read again, it would lose those in between.
    """
    schedule.slug = definition.slug
    is_new_version = changed is None or bool(set(changed) - ScheduleDefinition.UNVERSIONED)
    if is_new_version:
        _set_version(schedule, definition, actor)
    # An owner or report that is gone may have paused it a moment ago: it is resumed only on request.
    apply_paused(schedule, definition.paused if changed is None or "paused" in changed else schedule.paused)
    if is_new_version and schedule.next_at is None and not schedule.paused:
        sentence = "The schedule would never run: no future time matches cron between start_on and end_on."
        raise invalid_definition({"end_on": [sentence]})
    _save(schedule)


def _set_version(schedule: Schedule, definition: ScheduleDefinition, actor: User | str) -> None:
    """Give the schedule the report, the owner and a new version, not stored yet. Raises InvalidDefinition."""
    report, owner = _report_and_owner(schedule, definition, actor)
    number = schedule.current.number + 1 if schedule.current else 1
    faults = saving.errors(schedule, definition, report, actor)
    stored = definition.versioned() | {
        "run_as": principal_of(owner.username),
        "recipients": saving.stored(schedule, definition.recipients),
    }
    schedule.report, schedule.owner = report, owner
    named = connections.named_connections(schedule, definition)
    stored["deliveries"] = connections.with_ids(stored["deliveries"], named)
    version = ScheduleVersion(
        number=number,
        definition=stored,
        approved=rights.approved(schedule, definition, actor),
        notify_approved=rights.notify_approved(schedule, definition, actor),
        created_by=actor_name(actor),
    )
    schedule.current = version
    faults |= rights.errors(schedule, definition, report, version, actor)
    faults |= connections.errors(definition, owner, named)
    _check_values(schedule, definition, report, faults)


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
        entries = version.definition["deliveries"]
        schedule.connections.set({entry["connection_id"] for entry in entries if "connection_id" in entry})


def _report_and_owner(
    schedule: Schedule, definition: ScheduleDefinition, actor: User | str
) -> tuple[ReportConfiguration, User]:
    """Return what the definition names. Raises InvalidDefinition; PermissionDenied for another owner than the actor,
    unless the actor is an Administrator."""
    errors: FieldErrors = {}
    reports = ReportConfiguration.objects.filter(tenant=schedule.tenant, current__isnull=False)
    report = reports.select_related("current").filter(slug=definition.report).first()
    if report is None:
        errors["report"] = [f"Report {definition.report} does not exist in this tenant."]
    elif isinstance(actor, User) and not actor.key_covers(report.pk):
        # The jobs will run with the owner's rights, which are more than the key's.
        raise PermissionDenied("The key can't be used for this report.")
    if definition.run_as is None and not schedule._state.adding:
        raise invalid_definition({"run_as": ["The owner was deleted. Name a user."]} | errors)
    name = user_of(definition.run_as) if definition.run_as else actor_name(actor)
    owner = User.objects.filter(username=name).first()
    is_own = owner is not None and owner in (actor, schedule.owner)
    if not is_own and isinstance(actor, User) and not actor.administers(schedule.tenant_id):
        raise PermissionDenied("Only an Administrator can let a schedule run as somebody else.")
    if owner is None or not _may_own(owner, schedule, actor):
        # The same for a superuser as for nobody: an Administrator of a tenant learns nothing about those outside.
        errors["run_as"] = [f"User {name} does not exist in this tenant."]
    elif report and not may_run_for(owner, report):
        errors["run_as"] = [f"User {name} has no right to run this report, or is not active."]
    if errors or report is None or owner is None:
        raise invalid_definition(errors)
    return report, owner


def _may_own(owner: User, schedule: Schedule, actor: User | str) -> bool:
    """Whether the actor may make this user the owner: one of the tenant; a superuser only if the actor is one too."""
    if owner.tenant_id == schedule.tenant_id or owner.pk == schedule.owner_id:
        return True
    return owner.is_superuser and (not isinstance(actor, User) or actor.is_superuser)


def _check_values(
    schedule: Schedule, definition: ScheduleDefinition, report: ReportConfiguration, errors: FieldErrors
) -> None:
    """Check formats, section and parameters as they would be at the next time.

    Raises InvalidDefinition, also for `errors`.
    """
    version, now = report.version, schedule.now
    if definition.subscribable and report.is_caller_bound:
        errors["subscribable"] = ["What this report shows depends on who runs it, so nobody else can get its results."]
    for at, format in enumerate(definition.formats):
        if format not in version.formats:
            errors[f"formats[{at}]"] = [f"Must be one of: {', '.join(version.formats)}."]
        elif format in definition.formats[:at]:
            errors[f"formats[{at}]"] = ["Is already named."]
    if sentence := section_error(version, definition.formats or version.formats[:1], definition.section):
        errors["section"] = [sentence]
    try:
        moment = schedule.moment(schedule.next_time(after=now) or now)
        own = definition.recipients.parameters if definition.recipients else {}
        declared = [
            replace(parameter, required=False, default=None) if parameter.name in own else parameter
            for parameter in version.declared_parameters()
        ]
        given = {name: value for name, value in definition.parameters.items() if name not in own}
        typed_values(declared, given, moment, rules=version.rules)
    except InvalidParameters as error:
        errors |= {f"parameters.{name}": sentences for name, sentences in error.fields.items()}
    if errors:
        raise invalid_definition(errors)
