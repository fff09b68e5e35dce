"""Results, and the store of their files. Django finds them through jobs.models."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobs.execution.claim import Claim
from jobs.results.publishing import StoredFile


class Artifact(Claim):
    """The result of a Succeeded job: one or more files, whose paths derive from the job, the claim and the format."""

    job = models.OneToOneField("jobs.JobExecutionLog", on_delete=models.CASCADE, related_name="artifact")
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()
    truncated = models.CharField(
        max_length=500, blank=True, help_text=_("Why the rows are incomplete; empty if they are complete.")
    )
    content_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text=_("Of columns and rows in any order, for deliveries of what has changed; else empty."),
    )
    stamp = models.CharField(max_length=100, help_text=_("Size, times and inode of the file when it was published."))
    more_files = models.JSONField(
        null=True, help_text=_("Format, size, sha256 and stamp of each further file; null if there are none.")
    )
    kept_rows = models.JSONField(
        null=True, help_text=_("Size, sha256 and stamp of the file of kept rows; null if they weren't kept.")
    )
    expires_at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="artifact_expiry", condition=Q(purged_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.size} bytes"

    @property
    def kept(self) -> StoredFile | None:
        """The file of the kept rows; None if they weren't kept."""
        return StoredFile(**self.kept_rows) if self.kept_rows else None

    @property
    def files(self) -> list[StoredFile]:
        """All files, in the order of the job's formats."""
        first = StoredFile(format=self.job.format, size=self.size, sha256=self.sha256, stamp=self.stamp)
        return [first, *(StoredFile(**file) for file in self.more_files or ())]

    @property
    def all_files(self) -> list[StoredFile]:
        """All files, and those of the kept rows and of the pieces, if there are any."""
        split = getattr(self.job, "split", None)
        pieces = StoredFile(**split.file) if split and split.file else None
        return [file for file in (*self.files, self.kept, pieces) if file]

    @property
    def total_size(self) -> int:
        """The bytes of all files."""
        more: int = sum(file["size"] for file in self.more_files or ())
        return self.size + more


class ResultStore(models.Model):
    """The store of result files: one row, whose marker is in the store, too (jobs.results.stores.base)."""

    marker = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.marker
