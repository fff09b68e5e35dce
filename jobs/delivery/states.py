"""The state of all deliveries of a job, which is stored with the job."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from jobs.delivery.models import Delivery
from jobs.models import JobExecutionLog
from jobs.status import DeliveryState

State = Delivery.State


def summary(states: Collection[str]) -> DeliveryState | None:
    """Return the state of a job whose deliveries have these states; None without any."""
    if State.HELD in states:
        return DeliveryState.HELD
    if State.PENDING in states:
        return DeliveryState.PENDING
    if State.FAILED in states:
        return DeliveryState.PARTLY_DELIVERED if State.SENT in states else DeliveryState.FAILED
    if State.SENT in states:
        return DeliveryState.DELIVERED
    return DeliveryState.SKIPPED if states else None


def store_summary(job_id: UUID) -> None:
    """Store the state of a job's deliveries, in the transaction that changed one of them."""
    job = JobExecutionLog.objects.filter(pk=job_id)
    # Two deliveries may end at the same time. Only the one that has the lock reads what the other one wrote.
    job.select_for_update(no_key=True).values_list("pk").first()
    states = Delivery.objects.filter(job=job_id).order_by().values_list("state", flat=True).distinct()
    job.update(delivery_state=summary(set(states)) or "")
