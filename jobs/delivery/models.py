"""Deliveries: what is sent, to whom, and what came of it."""

from __future__ import annotations

import uuid
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.connections.models import Connection
from jobs.delivery.outgoing import Outgoing
from reports.targets.models import DeliveryTarget


class Delivery(Outgoing):
    """One result to send to one target. The row is written in the transaction in which the job succeeds.

    The id stays the same when the delivery is sent again, so that receivers can recognize duplicates.
    """

    class State(models.TextChoices):
        HELD = "held", _("Held")
        PENDING = "pending", _("Pending")
        SENT = "sent", _("Delivered")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Not sent")
        DISCARDED = "discarded", _("Discarded")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey("jobs.JobExecutionLog", on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    name = models.CharField(
        max_length=100,
        default="",
        db_default="",
        help_text=_("What its schedule calls it; else its kind."),
    )
    kind = models.CharField(max_length=20, choices=[*DeliveryTarget.Kind.choices, *Connection.Kind.choices])
    target = models.CharField(max_length=2000, help_text=_("Address, URL, path or connection."))
    target_digest = models.CharField(max_length=64, help_text=_("SHA-256 of the target, which is too long to index."))
    schedule = models.UUIDField(null=True, help_text=_("The schedule that sends it, which may have been deleted."))
    recipient_key = models.CharField(max_length=200, null=True, help_text=_("Of a burst: which recipient's it is."))  # noqa: DJ001
    options = models.JSONField(null=True, help_text=_("Of a schedule: subject, file name and the like, filled in."))
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)

    class Meta:
        ordering = ["created_at", "id"]
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["available_at"], name="delivery_due", condition=Q(state="pending")),
            # The page of all deliveries.
            models.Index(fields=["-created_at", "-id"], name="delivery_newest"),
            models.Index(fields=["state", "-created_at", "-id"], name="delivery_newest_of_state"),
            # The last delivery of a name, and what a deleted schedule has not sent yet.
            models.Index(
                fields=["schedule", "state", "name", "-ended_at"],
                name="delivery_of_schedule",
                condition=Q(schedule__isnull=False),
            ),
            # The last delivery of a name to a burst's recipient: the index above has those of all recipients.
            models.Index(
                fields=["schedule", "recipient_key", "name", "-ended_at"],
                name="delivery_of_recipient",
                condition=Q(recipient_key__isnull=False),
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["job", "name", "target_digest"], name="delivery_once_by_name")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.state}"

    @property
    def state_name(self) -> str:
        """The state as the API has it."""
        return "Delivered" if self.state == self.State.SENT else self.state.capitalize()


class DownloadLink(models.Model):
    """Downloads the result of a mail without an account. Only its token's digest is stored."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, related_name="link")
    token_digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    downloads = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"until {self.expires_at:%Y-%m-%d}"

    @property
    def is_expired(self) -> bool:
        """Whether pages say so. Whether it still works is decided by the database's clock."""
        return self.expires_at <= timezone.now()


class DeliveryPlan(models.Model):
    """What a job of a schedule sends: as the schedule's version had it when the job was created.

    The schedule's app is above this one, so there is no foreign key; and what was sent outlives the schedule.
    """

    job = models.OneToOneField("jobs.JobExecutionLog", on_delete=models.CASCADE, related_name="delivery_plan")
    schedule = models.UUIDField(db_index=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    slot = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    schedule_slug = models.CharField(max_length=100, blank=True, db_default="", default="")
    notify = models.JSONField(
        null=True, help_text=_("Whom the schedule tells of what, and whether an Administrator saved it: approved.")
    )
    deliveries = models.JSONField(
        help_text=_("As in the schedule's definition, and whether an Administrator saved it: approved.")
    )
    recipient = models.JSONField(null=True, help_text=_("Of a burst: the recipient's key, and its row as texts."))

    def __str__(self) -> str:
        return f"{len(self.deliveries)} of {self.slot:%Y-%m-%d %H:%M}"

    @property
    def is_needed(self) -> bool:
        """Whether it says anything: otherwise it need not be stored."""
        return bool(self.deliveries or self.notify)

    @property
    def recipient_key(self) -> str | None:
        return self.recipient["key"] if self.recipient else None

    @property
    def recipient_fields(self) -> dict[str, str]:
        """What texts have as {recipient.…}."""
        return {**self.recipient["row"], "key": self.recipient["key"]} if self.recipient else {}

    @classmethod
    def compares_results(cls, job_id: UUID) -> bool:
        """Whether a delivery of the job depends on what was delivered before."""
        plan = cls.objects.filter(job=job_id).first()
        return plan is not None and any(entry.get("when") == "changed" for entry in plan.deliveries)


class DeliveredOutcome(models.Model):
    """What was last delivered under a name of a schedule by a job that is archived: later ones are compared with it."""

    schedule = models.UUIDField()
    recipient_key = models.CharField(max_length=200, blank=True, help_text=_("Empty unless it bursts."))
    name = models.CharField(max_length=100)
    rows = models.PositiveBigIntegerField()
    truncated = models.BooleanField()
    content_digest = models.CharField(max_length=64, blank=True)
    delivered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "recipient_key", "name"], name="delivered_outcome_once")
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.rows} rows"


class Unsubscription(models.Model):
    """An address that wants no more mails of a schedule. It outlives the address's place in the schedule."""

    schedule = models.UUIDField()
    address_digest = models.CharField(max_length=64, help_text=_("SHA-256 of the address in lower case."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "address_digest"], name="unsubscribed_once")]

    def __str__(self) -> str:
        return f"{self.schedule}"
