"""The statuses of a job, and which may follow which. jobs.execution.transitions makes the changes."""

from __future__ import annotations

from django.db import models


class Status(models.TextChoices):
    """A job's status. A job that was cancelled or timed out is Failed; its error code says why."""

    QUEUED = "Queued", "Queued"
    RUNNING = "Running", "Running"
    SUCCEEDED = "Succeeded", "Succeeded"
    FAILED = "Failed", "Failed"


#: The statuses that may follow each status.
SUCCESSORS = {
    Status.QUEUED: {Status.RUNNING, Status.FAILED},
    Status.RUNNING: {Status.QUEUED, Status.SUCCEEDED, Status.FAILED},
    Status.SUCCEEDED: set(),
    Status.FAILED: set(),
}
UNFINISHED = (Status.QUEUED, Status.RUNNING)
ENDED = (Status.SUCCEEDED, Status.FAILED)
