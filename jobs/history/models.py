"""Archives of jobs. Django finds them through jobs.models."""

from __future__ import annotations

from django.db import models


class JobArchive(models.Model):
    """A file with jobs that are no longer in the database. The audit log has an entry about it, with its digest."""

    name = models.CharField(max_length=200, unique=True, help_text="Of the file in the store.")
    jobs = models.PositiveIntegerField()
    first_at = models.DateTimeField(help_text="When the first of its jobs was queued.")
    last_at = models.DateTimeField(help_text="When the last one was queued.")
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    def details(self) -> dict[str, object]:
        """What the entry about it says: all that a search relies on."""
        span = {"first_at": self.first_at.isoformat(), "last_at": self.last_at.isoformat()}
        return {"name": self.name, "size": self.size, "sha256": self.sha256, "jobs": self.jobs, **span}


class HistoryTurn(models.Model):
    """Whose turn it is to archive: one row."""

    owner = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(null=True)
    pending = models.CharField(
        max_length=200, blank=True, help_text="The file that is being written, and that no row names yet."
    )

    def __str__(self) -> str:
        return self.owner
