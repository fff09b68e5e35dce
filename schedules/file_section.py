"""The section `schedules` of the definitions file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from accounts.models import Tenant, User
from audit.actions import PendingEntry
from audit.models import Action
from reports.definitions.accounts_and_sources import Sync
from reports.definitions.errors import errors_in, join_path
from reports.definitions.file_sections import VariableNames
from reports.exceptions import InvalidDefinition
from schedules import slots, to_database
from schedules.definitions import FileSchedule
from schedules.models import Schedule


class SchedulesSection:
    """See reports.definitions.file_sections.FileSection."""

    name = "schedules"
    definition = FileSchedule
    prunes_last = False

    def lock(self, tenants: Collection[str]) -> None:
        # Before any job is locked, which deleting users, reports and schedules does: a scheduler, too, locks schedules
        # first.
        rows = Schedule.objects.filter(tenant__slug__in=tenants).order_by("pk")
        list(rows.select_for_update(of=("self",)).values_list("pk"))

    def prune(self, sync: Sync, tenants: Collection[str], kept: Sequence[FileSchedule]) -> list[PendingEntry]:
        listed = {(entry.tenant, entry.slug) for entry in kept}
        entries = []
        for schedule in Schedule.objects.filter(tenant__slug__in=tenants).select_related("tenant"):
            if (schedule.tenant.slug, schedule.slug) not in listed:
                slots.forget(schedule)
                entries.append(to_database.audit_entry(Action.SCHEDULE_DELETE, schedule))
                schedule.delete()
                sync.differences.append(f"delete {_name(schedule)}")
        return entries

    def sync(self, sync: Sync, entries: Sequence[FileSchedule], actor: User | str) -> list[PendingEntry]:
        stored = {(schedule.tenant_id, schedule.slug): schedule.pk for schedule in Schedule.objects.all()}
        pending: list[PendingEntry] = []
        for at, definition in enumerate(entries):
            path = f"{self.name}[{at}]"
            tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
            if tenant is None:
                continue
            pk = stored.get((tenant.pk, definition.slug))
            schedule = Schedule.objects.lock(pk) if pk else None
            try:
                if schedule:
                    pending += _update(sync, schedule, definition, actor)
                else:
                    pending.append(_create(sync, definition, tenant, actor))
            except InvalidDefinition as error:
                sync.errors |= {join_path(path, below): sentences for below, sentences in errors_in(error).items()}
        return pending

    def export(self, tenants: Iterable[Tenant], variables: VariableNames) -> tuple[list[dict[str, Any]], list[str]]:
        rows = Schedule.objects.filter(tenant__in=list(tenants)).complete().order_by("tenant__slug", "slug")
        schedules = list(rows)
        whole = [schedule for schedule in schedules if schedule.report and schedule.owner]
        warnings = [
            f"{_name(schedule)} is left out: its {'owner' if schedule.report else 'report'} was deleted."
            for schedule in schedules
            if schedule not in whole
        ]
        return [schedule.definition.entry() for schedule in whole], warnings


def _create(sync: Sync, definition: FileSchedule, tenant: Tenant, actor: User | str) -> PendingEntry:
    schedule = to_database.create_schedule(definition, tenant, actor)
    sync.differences.append(f"create {_name(schedule)}")
    return to_database.audit_entry(Action.SCHEDULE_CREATE, schedule, version=1)


def _update(sync: Sync, schedule: Schedule, definition: FileSchedule, actor: User | str) -> list[PendingEntry]:
    changed = to_database.update_schedule(schedule, definition, actor, dry_run=sync.dry_run)
    if not changed:
        return []
    sync.differences.append(f"update {_name(schedule)}: {', '.join(changed)}")
    number = schedule.version.number
    return [to_database.audit_entry(Action.SCHEDULE_UPDATE, schedule, version=number, changed=changed)]


def _name(schedule: Schedule) -> str:
    return f"schedule {schedule.slug} in {schedule.tenant.slug}"
