"""What users keep about reports. Django finds it through reports.models."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class FavoriteReport(models.Model):
    """A report that a user has marked with a star."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favorites")
    report = models.ForeignKey("reports.ReportConfiguration", on_delete=models.CASCADE, related_name="favorites")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "report"], name="favorite_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.report_id}"
