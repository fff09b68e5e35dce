"""The recipients of a slot. Django finds them through schedules.models."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobs.models import JobExecutionLog
from jobs.status import UNFINISHED, DeliveryState, Status

FAILED_DELIVERIES = (DeliveryState.FAILED, DeliveryState.PARTLY_DELIVERED)


class Outcome(models.TextChoices):
    """What came of a recipient: of its job, and of what it sends."""

    FAILED = "failed", _("failed")
    UNFINISHED = "unfinished", _("unfinished")
    #: Nothing was to be sent, or the rules of the deliveries say so.
    NOT_SENT = "not sent", _("not sent")
    DELIVERED = "delivered", _("delivered")


def outcome_of(status: str | None, delivery_state: str | None, *, waits: bool = False) -> Outcome:
    """Return the outcome of a recipient whose job has these; None without a job, which is a failure unless it waits."""
    if waits or status in UNFINISHED or delivery_state in (DeliveryState.PENDING, DeliveryState.HELD):
        return Outcome.UNFINISHED
    if status != Status.SUCCEEDED or delivery_state in FAILED_DELIVERIES:
        return Outcome.FAILED
    return Outcome.DELIVERED if delivery_state == DeliveryState.DELIVERED else Outcome.NOT_SENT


class SlotRecipient(models.Model):
    """A key in the rows of a recipients' query, and its job. Inserted in the transaction of its slot.

    With `split_by`, the slot has a job of its own. Recipients wait for its result, which is then split for them.
    """

    slot = models.ForeignKey("schedules.Slot", on_delete=models.CASCADE, related_name="recipients", db_index=False)
    key = models.CharField(max_length=200, help_text=_("Empty for rows without a key."))
    addresses = models.JSONField(default=list, help_text=_("E-mail addresses that get the result."))
    row = models.JSONField(default=dict, help_text=_("Texts by column, of its first row."))
    parameters = models.JSONField(default=dict, help_text=_("Values of its own, by parameter."))
    job = models.OneToOneField(
        JobExecutionLog,
        on_delete=models.SET_NULL,
        null=True,
        related_name="slot_recipient",
        help_text=_("The latest one: a retry takes the place of the job that failed."),
    )
    archived_job = models.UUIDField(null=True, help_text=_("Its job, once that is archived."))
    archived_status = models.CharField(  # noqa: DJ001 - null instead of empty, as in jobs
        max_length=10, null=True, choices=Status, help_text=_("Of that job.")
    )
    archived_delivery_state = models.CharField(max_length=15, null=True, help_text=_("Of that job."))  # noqa: DJ001
    reason = models.CharField(
        max_length=1000, blank=True, db_default="", help_text=_("Why there is no job, or why addresses are left out.")
    )

    waits = models.BooleanField(
        default=False, db_default=False, help_text=_("Gets its job once the slot's own job has split its result.")
    )

    class Meta:
        ordering = ["slot", "key"]
        indexes = [models.Index(fields=["slot"], name="recipient_waiting", condition=Q(waits=True))]
        constraints = [models.UniqueConstraint(fields=["slot", "key"], name="slot_recipient_once")]

    def __str__(self) -> str:
        return self.key

    @property
    def any_job_id(self) -> UUID | None:
        """Its job, even if that is archived."""
        return self.job_id or self.archived_job

    @property
    def job_status(self) -> str | None:
        """The status of its job, even if that is archived; None without one."""
        return self.job.status if self.job else self.archived_status

    @property
    def delivery_state(self) -> str:
        """That of its job, even if that is archived; empty without deliveries."""
        return (self.job.delivery_state if self.job else self.archived_delivery_state) or ""

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.job_status, self.delivery_state, waits=self.waits)

    @property
    def status(self) -> str:
        """The status of its job; without one, Queued while it waits, or else Failed."""
        return self.job_status or (Status.QUEUED if self.waits else Status.FAILED)

    @property
    def delivery_name(self) -> str:
        """What came of what it sends, for people."""
        return str(DeliveryState(self.delivery_state).label) if self.delivery_state else ""

    @property
    def why(self) -> str:
        """Why it failed, or was sent to fewer addresses."""
        job = self.job or (None if self.waits else self.slot.job)
        return self.reason or (job.error_message if job else "")
