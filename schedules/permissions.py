"""Who may see, change and run schedules: their owner, and Administrators. A key needs the generate right for them."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from accounts.models import User
from reports.models import ReportConfiguration
from reports.permissions import Right, may_generate
from schedules.exceptions import SlotNotFound
from schedules.models import Schedule, Slot


def schedule_to_manage(user: User, key: str) -> Schedule:
    """Return the schedule. Raises ScheduleNotFound or, for others than its owner, PermissionDenied."""
    schedule = Schedule.objects.find(user, key)
    is_own = schedule.owner_id == user.pk and user.key_allows(Right.GENERATE) and user.key_covers(schedule.report_id)
    if not is_own and not user.administers(schedule.tenant_id):
        raise PermissionDenied("Only the schedule's owner or an Administrator can do this.")
    return schedule


def may_run_for(owner: User | None, report: ReportConfiguration) -> bool:
    """Whether this user, as the owner of a schedule, may run the report now."""
    if owner is None or not owner.is_active:
        return False
    in_tenant = owner.is_superuser or owner.tenant_id == report.tenant_id
    return in_tenant and may_generate(owner, report)


def slot_to_manage(schedule: Schedule, slot_id: int) -> Slot:
    """Return a slot of a schedule that the caller can manage. Raises SlotNotFound."""
    slot = schedule.slots.filter(pk=slot_id).first() if slot_id < 2**63 else None
    if slot is None:
        raise SlotNotFound
    return slot
