"""The states of a job and the moves between them."""

from __future__ import annotations

from django.db import models


class Status(models.TextChoices):
    """Where a job is. A cancelled or timed-out job is Failed, with an error code that says so."""

    QUEUED = "Queued", "Queued"
    RUNNING = "Running", "Running"
    SUCCEEDED = "Succeeded", "Succeeded"
    FAILED = "Failed", "Failed"


#: Every move that a job may make.
TRANSITIONS = {
    Status.QUEUED: {Status.RUNNING, Status.FAILED},
    Status.RUNNING: {Status.QUEUED, Status.SUCCEEDED, Status.FAILED},
    Status.SUCCEEDED: set(),
    Status.FAILED: set(),
}
UNFINISHED = (Status.QUEUED, Status.RUNNING)
ENDED = (Status.SUCCEEDED, Status.FAILED)
