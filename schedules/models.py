"""Schedules with their immutable versions, and slots: one row for each time at which something was due."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from jobs.models import Connection, JobExecutionLog
from jobs.notices.events import Told
from jobs.status import Status
from reports.definitions.field_types import principal_of
from reports.models import DataSource, ReportConfiguration
from reports.parameters.date_math import Moment
from schedules import cron
from schedules.bursting.definitions import Recipients, stored_recipients
from schedules.bursting.models import SlotRecipient
from schedules.definitions import ScheduleDefinition
from schedules.deliveries.definitions import stored_delivery, stored_notify
from schedules.querysets import ScheduleQuerySet, SlotQuerySet
from schedules.subscribing.models import Subscriber

__all__ = ["Schedule", "ScheduleVersion", "Slot", "SlotRecipient", "Subscriber"]


class Schedule(models.Model):
    """Runs a report again and again, as its owner. Its versions say when and with which values.

    `next_at` is the first time that has no slot yet; null if there is none or the schedule is paused. Slots and
    `next_at` are written in one transaction with the row locked, so every time has exactly one slot.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="schedules")
    slug = models.SlugField(max_length=100)
    report = models.ForeignKey(ReportConfiguration, on_delete=models.SET_NULL, null=True, related_name="schedules")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="schedules")
    current = models.OneToOneField(
        "ScheduleVersion", on_delete=models.SET_NULL, null=True, editable=False, related_name="current_of"
    )
    paused = models.BooleanField(default=False, db_default=False)
    paused_reason = models.CharField(
        max_length=300, blank=True, db_default="", help_text=_("Why the server paused it.")
    )
    failed_slots = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text=_("How many times in a row it could not be run.")
    )
    next_at = models.DateTimeField(null=True, help_text=_("The first time that has no slot yet."))
    next_zone = models.CharField(
        max_length=64, blank=True, db_default="", help_text=_("The time zone in which next_at was computed.")
    )
    reading_until = models.DateTimeField(
        null=True, help_text=_("Until when a host has it to itself while it reads recipients or choices.")
    )
    connections = models.ManyToManyField(
        Connection, through="ConnectionUse", related_name="+", help_text=_("To which its deliveries go.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScheduleQuerySet.as_manager()
    #: The database's time when `ScheduleQuerySet.lock` read it.
    now: datetime
    #: What `ScheduleQuerySet.lock_all` read about its slots, none of which `slots` has added since; None if it didn't.
    newest_slot: datetime | None = None
    is_idle: bool | None = None

    class Meta:
        ordering = ["slug"]
        indexes = [models.Index(fields=["next_at"], name="schedule_due", condition=Q(next_at__isnull=False))]
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="schedule_slug_in_tenant")]

    def __str__(self) -> str:
        return self.slug

    @property
    def has_owner(self) -> bool:
        """Whether somebody is left as whom its jobs can run."""
        return self.owner is not None and self.owner.is_active

    @property
    def told(self) -> Told:
        """Whom it tells of trouble, as its version says; perhaps nobody."""
        fields = self.version.definition.get("notify") or {"to": [], "on": []}
        approved = self.version.notify_approved
        return Told(self.pk, self.slug, self.tenant_id, self.owner_id, fields["to"], fields["on"], approved)

    @property
    def version(self) -> ScheduleVersion:
        version = self.current
        if version is None:
            raise ScheduleVersion.DoesNotExist
        return version

    @property
    def definition(self) -> ScheduleDefinition:
        """Its definition as it is now; not validated again."""
        fields = dict(self.version.definition)
        fields["report"] = self.report.slug if self.report else ""
        fields["run_as"] = principal_of(self.owner.username) if self.owner else None
        # Versions from before these fields existed lack them.
        fields.setdefault("subscribable", False)
        fields["notify"] = stored_notify(fields.get("notify"))
        fields["deliveries"] = [stored_delivery(entry) for entry in self._entries(fields.get("deliveries", []))]
        fields["recipients"] = self.recipients and self.recipients.model_copy(
            update={"data_source": slug_of_source(self.recipients.data_source)}
        )
        return ScheduleDefinition.model_construct(slug=self.slug, tenant=self.tenant.slug, paused=self.paused, **fields)

    def _entries(self, stored: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the entries of deliveries, with the slugs that their connections have now."""
        ids = [entry["connection_id"] for entry in stored if "connection_id" in entry]
        named = Connection.objects.filter(pk__in=ids).values_list("pk", "slug") if ids else []
        slugs = {str(pk): slug for pk, slug in named}
        for entry in stored:
            shown = {name: value for name, value in entry.items() if name != "connection_id"}
            yield shown | ({"connection": slugs[entry["connection_id"]]} if entry.get("connection_id") in slugs else {})

    @property
    def recipients(self) -> Recipients | None:
        """Whom it bursts to, with the data source's id in place of its slug; None if it doesn't."""
        return stored_recipients(self.version.definition.get("recipients"))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of its times: its own, else the report's, else the tenant's, else UTC."""
        return self.moment(datetime.now(UTC)).zone

    def moment(self, instant: datetime) -> Moment:
        """Return what relative dates of a slot at this time are resolved against."""
        of_report = self.report.version.time_zone if self.report and self.report.current_id else ""
        return Moment.of(instant, self.version.definition["time_zone"], of_report, self.tenant.time_zone)

    def times(self, *, after: datetime) -> Iterator[datetime]:
        """Yield the times after this one, in UTC, within its first and last day."""
        fields = self.version.definition
        bounds = {"first": fields["start_on"], "last": fields["end_on"]}
        return cron.times_within(fields["cron"], self.zone, after=after, **bounds)

    def move_on(self, *, after: datetime) -> None:
        """Set `next_at` to the first time after this one, and `next_zone`. Doesn't save."""
        self.next_at = None if self.paused else self.next_time(after=after)
        self.next_zone = self.zone.key

    def next_time(self, *, after: datetime) -> datetime | None:
        return next(self.times(after=after), None)


def slug_of_source(pk: str | None) -> str | None:
    """Return the slug of the data source with this id; None for None, and "" if it was deleted."""
    return pk and (DataSource.objects.filter(pk=pk).values_list("slug", flat=True).first() or "")


class ConnectionUse(models.Model):
    """A schedule's use of a connection, which can't be deleted meanwhile."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="connection_uses")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="uses")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "connection"], name="connection_used_once")]

    def __str__(self) -> str:
        return self.schedule.slug


class ScheduleVersion(models.Model):
    """One immutable, numbered definition of a schedule. `definition`: ScheduleDefinition.versioned()."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    approved = models.JSONField(null=True, help_text=_("Names of its deliveries that an Administrator has saved."))
    notify_approved = models.BooleanField(
        default=False, db_default=False, help_text=_("Whether an Administrator has saved whom it tells of trouble.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # A name, not a foreign key: it outlives the user.
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["schedule", "-number"]
        constraints = [models.UniqueConstraint(fields=["schedule", "number"], name="schedule_version_number")]

    def __str__(self) -> str:
        return f"version {self.number}"


class Slot(models.Model):
    """A time at which a schedule was due, and what came of it. Inserted in the transaction of its job."""

    class Kind(models.TextChoices):
        CRON = "cron", _("Scheduled")
        MANUAL = "manual", _("Run now")
        BACKFILL = "backfill", _("Backfill")

    class State(models.TextChoices):
        #: Of a backfill: the recipients are yet to be read.
        QUEUED = "Queued", _("Queued")
        CREATED = "Created", _("Created")
        SKIPPED = "Skipped", _("Skipped")
        MISSED = "Missed", _("Missed")
        FAILED = "Failed", _("Failed")

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="slots", db_index=False)
    time = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CRON, db_default=Kind.CRON)
    state = models.CharField(max_length=10, choices=State)
    reason = models.CharField(
        max_length=1000, blank=True, db_default="", help_text=_("Why there is no job, or which rows are for nobody.")
    )
    version = models.ForeignKey(ScheduleVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    job = models.OneToOneField(JobExecutionLog, on_delete=models.SET_NULL, null=True, related_name="slot")
    archived_job = models.UUIDField(null=True, help_text=_("Its job, once that is archived."))
    archived_status = models.CharField(  # noqa: DJ001 - null instead of empty, as in jobs
        max_length=10, null=True, choices=Status, help_text=_("Of that job.")
    )
    waits = models.BooleanField(
        default=False, db_default=False, help_text=_("Its job waits for the end of an earlier one.")
    )
    unfinished = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Its job counts for overlap and had not ended when somebody last looked."),
    )
    created_at = models.DateTimeField()

    objects = SlotQuerySet.as_manager()

    class Meta:
        ordering = ["-time"]
        indexes = [
            models.Index(fields=["schedule"], name="slot_waiting", condition=Q(waits=True)),
            models.Index(fields=["schedule"], name="slot_unfinished", condition=Q(unfinished=True)),
            models.Index(fields=["schedule"], name="slot_queued", condition=Q(state="Queued")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "time"], name="slot_once"),
            models.CheckConstraint(condition=Q(state="Created") | Q(job__isnull=True), name="slot_job_if_created"),
        ]

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M} {self.state}"

    @property
    def any_job_id(self) -> uuid.UUID | None:
        """Its job, even if that is archived."""
        return self.job_id or self.archived_job

    @property
    def job_status(self) -> str | None:
        """The status of its job, even if that is archived; None without one."""
        return self.job.status if self.job else self.archived_status

    def job_ids(self) -> list[uuid.UUID]:
        """Return its job and those of its recipients."""
        return [pk for pk in (self.job_id, *self.recipients.values_list("job_id", flat=True)) if pk]
