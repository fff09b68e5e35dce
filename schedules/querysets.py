"""Queries for schedules."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, NullIf
from django.urls import reverse

from common.ids import parse_uuid
from jobs.clock import Now, from_now
from jobs.status import UNFINISHED
from reports.data_sources.usage import UsingSchedule
from reports.permissions import Right
from schedules.exceptions import AmbiguousSchedule, ScheduleNotFound

if TYPE_CHECKING:
    from accounts.models import User
    from schedules.models import Schedule, Slot  # noqa: F401 - in the string that names the querysets' models

#: The most children of a slot that the API lists.
LISTED_CHILDREN = 100
#: Longer than the queries for one slot may take together.
_READING_SECONDS = 60


class SlotQuerySet(models.QuerySet["Slot"]):
    def complete(self) -> SlotQuerySet:
        """Load what the API says about slots: of a burst, its first children and how many there are."""
        recipients = apps.get_model("schedules", "SlotRecipient")._default_manager
        # Whole jobs of all children of a page of slots would be gigabytes.
        own = ("slot", "key", "addresses", "parameters", "reason", "waits")
        archived = ("archived_job", "archived_status", "archived_delivery_state")
        fields = (*own, *archived, "job__status", "job__delivery_state")
        listed = recipients.select_related("job").only(*fields).order_by("key")[:LISTED_CHILDREN]
        total = recipients.filter(slot=OuterRef("pk")).order_by().values("slot").annotate(n=Count("pk")).values("n")
        slots = self.select_related("job", "version").annotate(children_total=Coalesce(Subquery(total), 0))
        complete: SlotQuerySet = slots.prefetch_related(Prefetch("recipients", listed, to_attr="listed_children"))
        return complete

    def with_unfinished_jobs(self) -> SlotQuerySet:
        """Return the slots with a job that has not ended, their own or a recipient's, or with one that is to come."""
        of_recipient = apps.get_model("schedules", "SlotRecipient")._default_manager.filter(slot=OuterRef("pk"))
        of_recipients = Exists(of_recipient.filter(Q(waits=True) | Q(job__status__in=UNFINISHED)))
        return self.filter(Q(job__status__in=UNFINISHED) | of_recipients)


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def visible_to(self, user: User) -> ScheduleQuerySet:
        """Return the user's own schedules; for an Administrator, all of the tenant; for a superuser, all."""
        in_tenant = self if user.is_superuser else self.filter(Q(tenant_id=user.tenant_id))
        if user.is_administrator:
            return in_tenant
        own = in_tenant.filter(owner=user) if user.key_allows(Right.GENERATE) else self.none()
        reports = user.key.reports if user.key else None
        return own if reports is None else own.filter(report_id__in=list(reports))

    def without_owner(self) -> ScheduleQuerySet:
        """Return the schedules as whose owner no job can run any more: deactivated or deleted."""
        return self.filter(Q(owner__isnull=True) | Q(owner__is_active=False))

    def complete(self) -> ScheduleQuerySet:
        """Load what a schedule's definition, times and slots need."""
        return self.select_related("tenant", "report__current", "owner", "current")

    def find(self, user: User, key: str) -> Schedule:
        """Return the schedule with this id or slug in the user's tenant.

        Raises ScheduleNotFound; AmbiguousSchedule for a superuser, who sees all tenants, when several use the slug.
        """
        uuid = parse_uuid(key)
        schedules = self.complete() if user.is_superuser else self.complete().filter(Q(tenant_id=user.tenant_id))
        # No database takes half a surrogate pair, and PostgreSQL no NUL (%00 in a URL). No slug has a space.
        slug = key if key.isascii() and "\0" not in key else " "
        found = list(schedules.filter(pk=uuid) if uuid else schedules.filter(slug=slug)[:2])
        if not found:
            raise ScheduleNotFound
        if len(found) > 1:
            raise AmbiguousSchedule
        return found[0]

    def of_reports(self, reports: Collection[UUID]) -> dict[UUID, list[UsingSchedule]]:
        """Return the schedules of these reports, with their pages, by report."""
        found: dict[UUID, list[UsingSchedule]] = {}
        for pk, slug, report_id in self.filter(report__in=reports).values_list("pk", "slug", "report_id"):
            found.setdefault(report_id, []).append(UsingSchedule(slug, reverse("schedule", args=[pk])))
        return found

    def with_recipients_from(self, sources: Collection[UUID]) -> dict[UUID, list[UsingSchedule]]:
        """Return the schedules whose recipients' query names one of these data sources, with their pages."""
        found: dict[UUID, list[UsingSchedule]] = {}
        named = KeyTextTransform("data_source", KeyTextTransform("recipients", "current__definition"))
        schedules = self.annotate(source=Cast(named, models.TextField())).filter(source__in=map(str, sources))
        for pk, slug, source in schedules.values_list("pk", "slug", "source"):
            found.setdefault(UUID(source), []).append(UsingSchedule(slug, reverse("schedule", args=[pk])))
        return found

    def due(self) -> ScheduleQuerySet:
        """Return the schedules with a time that has come and has no slot, the longest waiting first. Not those of which
        a host is reading what it needs for that."""
        return self.not_being_read().filter(next_at__lte=Now()).order_by("next_at")

    def not_being_read(self) -> ScheduleQuerySet:
        """Return the schedules of which no host is reading recipients or choices, as far as is known."""
        return self.filter(Q(reading_until=None) | Q(reading_until__lte=Now()))

    def begin_reading(self, pk: UUID) -> datetime | None:
        """Let this host alone read the schedule's recipients and choices for a while. None if another one does.

        The slots themselves don't depend on it: it only saves the data source from the same query of each host. Returns
        what `end_reading` takes. If the host dies, another one begins later.
        """
        mine = self.filter(pk=pk)
        if not mine.not_being_read().update(reading_until=from_now(_READING_SECONDS)):
            return None
        return mine.values_list("reading_until", flat=True).first()

    def end_reading(self, pk: UUID, until: datetime) -> None:
        self.filter(pk=pk, reading_until=until).update(reading_until=None)

    def in_another_zone(self) -> ScheduleQuerySet:
        """Return the schedules whose `next_at` is of a time zone that isn't `Schedule.zone` any more."""
        of_each = (
            KeyTextTransform("time_zone", "current__definition"),
            KeyTextTransform("time_zone", "report__current__options"),
            F("tenant__time_zone"),
        )
        # SQLite returns JSON's null as a text.
        zones = [NullIf(NullIf(Cast(zone, models.TextField()), Value("")), Value("null")) for zone in of_each]
        in_force = Coalesce(*zones, Value("UTC"), output_field=models.TextField())
        return self.filter(next_at__isnull=False).annotate(in_force=in_force).exclude(next_zone=F("in_force"))

    def lock(self, pk: UUID, *, skip_locked: bool = False) -> Schedule | None:
        """Return the schedule, complete and locked until the transaction ends; None if it is gone, or locked already
        with `skip_locked`."""
        rows = self.filter(pk=pk)
        if skip_locked and connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        else:
            rows = rows.select_for_update()
        # A separate statement: PostgreSQL doesn't read joined rows again after it waited for the lock.
        if not rows.values_list("pk").first():
            return None
        schedule = self.complete().get(pk=pk)
        schedule.now = self.clock(pk)
        return schedule

    def lock_all(self, pks: Collection[UUID]) -> list[Schedule]:
        """Return those of the schedules that nobody else has locked, complete and locked, the longest waiting first.

        Equal reports and owners are the same object, whose rights are then read once.
        """
        rows = self.filter(pk__in=pks).order_by("pk")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        found = list(rows.values_list("pk", flat=True))
        # A separate statement, as in `lock`.
        slots = apps.get_model("schedules", "Slot")._default_manager.filter(schedule=OuterRef("pk"))
        known = {
            "newest_slot": Subquery(slots.order_by("-time").values("time")[:1]),
            "is_idle": ~Exists(slots.filter(unfinished=True)),
        }
        schedules = list(self.complete().filter(pk__in=found).annotate(**known).order_by("next_at"))
        if not schedules:
            return []
        now, shared = self.clock(found[0]), dict[tuple[str, object], Any]()
        for schedule in schedules:
            schedule.now = now
            schedule.report = shared.setdefault(("report", schedule.report_id), schedule.report)
            schedule.owner = shared.setdefault(("owner", schedule.owner_id), schedule.owner)
        return schedules

    def clock(self, pk: UUID) -> datetime:
        """Return the database's time. `pk` is any schedule's that exists."""
        now: datetime = self.filter(pk=pk).values_list(Now(), flat=True).get()
        return now
