"""Notices: short mails to people about what happened to jobs and schedules."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from jobs.delivery.outgoing import Outgoing


class Notice(Outgoing):
    """One mail about one event to one address. The row is written in the transaction of the event.

    Jobs and schedules are named by id only: a notice outlives them.
    """

    class Kind(models.TextChoices):
        JOB_ENDED = "job_ended", _("Job ended")
        FAILURE = "failure", _("Job failed")
        DELIVERY = "delivery", _("Delivery failed")
        MISSED = "missed", _("Times missed")
        SLOT_FAILED = "slot_failed", _("Slot failed")
        PAUSED = "paused", _("Schedule paused")
        RECOVERY = "recovery", _("Runs again")
        NEEDS_OWNER = "needs_owner", _("Schedule needs an owner")

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Not sent")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    event = models.CharField(max_length=200, help_text=_("What it is about: each address gets one notice of it."))
    address = models.CharField(max_length=254)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        help_text=_("Whose address it is; null for an address of a schedule."),
    )
    job = models.UUIDField(null=True)
    schedule = models.UUIDField(null=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text=_("Of the schedule, who may mail this address."),
    )
    approved = models.BooleanField(default=False, help_text=_("Whether an Administrator saved the address."))
    details = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)

    class Meta:
        ordering = ["created_at", "id"]
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes = [models.Index(fields=["available_at"], name="notice_due", condition=Q(state="pending"))]
        constraints = [models.UniqueConstraint(fields=["event", "address"], name="notice_once_by_event")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.state}"


class Streak(models.Model):
    """Trouble of a schedule that goes on: people are told when it starts and when it ends, not in between."""

    class Kind(models.TextChoices):
        JOB = "job", _("Jobs fail")
        SLOT = "slot", _("Slots fail")
        MISSED = "missed", _("Times are missed")
        DELIVERY = "delivery", _("A delivery fails")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    schedule = models.UUIDField()
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=64, blank=True, help_text=_("SHA-256 of the delivery's name and target."))
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "kind", "key"], name="streak_once")]

    def __str__(self) -> str:
        return f"{self.kind} since {self.since:%Y-%m-%d %H:%M}"
