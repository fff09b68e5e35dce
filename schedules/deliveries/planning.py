"""What a job of a slot sends, by the version of its schedule."""

from __future__ import annotations

from jobs.models import DeliveryPlan
from schedules.models import Schedule, Slot
from schedules.subscribing import actions as subscribing


def delivery_plan(schedule: Schedule, slot: Slot) -> DeliveryPlan:
    """Return what a job of the slot sends, without its job."""
    version = schedule.version
    approved, notify = version.approved or [], version.definition.get("notify")
    deliveries = [entry | {"approved": entry["name"] in approved} for entry in version.definition.get("deliveries", [])]
    deliveries += subscribing.entries(schedule, deliveries)
    return DeliveryPlan(
        schedule=schedule.pk,
        schedule_slug=schedule.slug,
        owner=schedule.owner,
        slot=slot.time,
        time_zone=schedule.zone.key,
        deliveries=deliveries,
        notify=notify and notify | {"approved": version.notify_approved},
    )
