"""Files that Administrators upload into a data source of their own: each is a table, with its earlier versions."""

from __future__ import annotations

import uuid

from django.db import models


class UploadedFile(models.Model):
    """One version of a table. The newest is what queries read.

    Its file is below the folder of uploads, in a folder named by the id of this row: see `storage`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey("reports.DataSource", on_delete=models.CASCADE, related_name="files")
    table = models.CharField(max_length=100)
    number = models.PositiveIntegerField(help_text="The version, from 1.")
    filename = models.CharField(max_length=255, help_text="As it was uploaded.")
    suffix = models.CharField(max_length=10, help_text="Of the stored file: .csv or .parquet.")
    size = models.BigIntegerField()
    rows = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField()
    # A name, not a foreign key: it outlives the user.
    uploaded_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["source", "table", "-number"]
        constraints = [models.UniqueConstraint(fields=["source", "table", "number"], name="uploaded_file_version")]

    def __str__(self) -> str:
        return f"{self.table} (version {self.number})"
