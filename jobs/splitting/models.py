"""Results that are split into one piece for each recipient. Django finds them through jobs.models."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobSplit(models.Model):
    """By which column a job's result is split, and for which keys. Written with the job; completed with its success."""

    job = models.OneToOneField("jobs.JobExecutionLog", on_delete=models.CASCADE, related_name="split")
    column = models.CharField(max_length=200)
    keys = models.JSONField(help_text=_("Texts of the column, for each of which there is a piece, even without rows."))
    file = models.JSONField(
        null=True, help_text=_("Size, sha256 and stamp of the file of all pieces; null until the job has succeeded.")
    )
    left_out = models.JSONField(
        null=True, help_text=_("Rows of other keys: how many, the first keys, and whether there are more.")
    )

    def __str__(self) -> str:
        return self.column


class Piece(models.Model):
    """The rows of one key: a part of the file of all pieces.

    The job that renders it has its id as `converted_from`: a version of the server that knows no pieces finds no such
    job, and fails rather than read the rows of everybody.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    split = models.ForeignKey(JobSplit, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    key = models.CharField(max_length=200)
    rows = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["split", "key"], name="piece_once")]

    def __str__(self) -> str:
        return self.key
