"""The statuses of a job, which may follow which, and what is told beside a status: position and error.

jobs.execution.transitions makes the changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """A job's status. A job that was cancelled or timed out is Failed; its error code says why."""

    QUEUED = "Queued", _("Queued")
    RUNNING = "Running", _("Running")
    SUCCEEDED = "Succeeded", _("Succeeded")
    FAILED = "Failed", _("Failed")


class DeliveryState(models.TextChoices):
    """What came of all deliveries of a job, in the order in which one is preferred to the next."""

    HELD = "Held", _("Held")
    PENDING = "Pending", _("Pending")
    PARTLY_DELIVERED = "PartlyDelivered", _("Partly delivered")
    FAILED = "Failed", _("Not delivered")
    DELIVERED = "Delivered", _("Delivered")
    SKIPPED = "Skipped", _("Not sent")


#: The statuses that may follow each status.
SUCCESSORS = {
    Status.QUEUED: {Status.RUNNING, Status.FAILED},
    Status.RUNNING: {Status.QUEUED, Status.SUCCEEDED, Status.FAILED},
    Status.SUCCEEDED: set(),
    Status.FAILED: set(),
}
UNFINISHED = (Status.QUEUED, Status.RUNNING)
ENDED = (Status.SUCCEEDED, Status.FAILED)


@dataclass(frozen=True)
class QueuePosition:
    """A queued job's position: 1 is claimed next. With `is_more`, the position is a lower bound.

    `start` is the estimated time at which the job starts; None while no worker is alive, or the job waits for another.
    """

    position: int
    is_more: bool
    start: datetime | None


@dataclass(frozen=True)
class JobError:
    """Why a job failed, in terms its requester may see. `retryable`: the same request may succeed later."""

    code: str
    message: str
    retryable: bool
    attempts: int
