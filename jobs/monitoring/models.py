"""Saved views and bulk actions of the job list. Django finds them through jobs.models."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SavedView(models.Model):
    """Filters of the job list that a user saved under a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    filters = models.CharField(max_length=1000, help_text=_("The query string."))

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_view_name_of_user")]

    def __str__(self) -> str:
        return self.name


class BulkAction(models.Model):
    """A retry or cancel of many jobs, and its progress. The audit log has an entry for each job."""

    class Action(models.TextChoices):
        RETRY = "retry", _("Retry")
        CANCEL = "cancel", _("Cancel")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bulk_actions")
    action = models.CharField(max_length=10, choices=Action)
    ids = models.JSONField(null=True, help_text=_("The selected jobs; null: all jobs that match the filters."))
    filters = models.TextField(blank=True, help_text=_("The query string."))
    queued_until = models.DateTimeField(help_text=_("Jobs queued after this time aren't included."))
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(
        default=0, help_text=_("Jobs that were already retried or had already ended.")
    )
    refused = models.PositiveIntegerField(default=0, help_text=_("Jobs that couldn't be retried or cancelled."))
    last_queued_at = models.DateTimeField(null=True, help_text=_("When the last processed job was queued."))
    last_id = models.UUIDField(null=True, help_text=_("The last processed job."))
    started_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, help_text=_("A process works on the bulk action until then."))
    ended_at = models.DateTimeField(null=True)
    stopped = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        indexes = [models.Index(fields=["started_at"], name="bulk_unfinished", condition=Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.action}: {self.processed} of {self.total}"

    @property
    def processed(self) -> int:
        return self.done + self.skipped + self.refused
