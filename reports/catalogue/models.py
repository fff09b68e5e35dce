"""Where the list of reports has a report, and what users keep about it. Django finds it through reports.models."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class InCatalogue(models.Model):
    """The place of a report in the list of reports."""

    folder = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text=_("Where the list of reports has it.")
    )
    # As lines, so that every database finds one of them: a newline before, between and after.
    tag_lines = models.TextField(blank=True, default="", db_default="", editable=False)

    class Meta:
        abstract = True

    @property
    def tags(self) -> list[str]:
        return self.tag_lines.split("\n")[1:-1]

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self.tag_lines = "".join(f"{tag}\n" for tag in ["", *tags]) if tags else ""


class FavoriteReport(models.Model):
    """A report that a user has marked with a star."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="favorites")
    report = models.ForeignKey("reports.ReportConfiguration", on_delete=models.CASCADE, related_name="favorites")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "report"], name="favorite_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.report_id}"
