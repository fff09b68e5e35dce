"""Spreads what a burst sends over time: hundreds of mails at once would delay those of everybody else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Max

from jobs.delivery.models import Delivery
from jobs.sql import now as database_now

State = Delivery.State


def spread(deliveries: Iterable[Delivery], schedule: UUID) -> None:
    """Let each new delivery to a burst's recipients wait for those of the same schedule that were never tried."""
    waiting = [delivery for delivery in deliveries if delivery.state == State.PENDING]
    if not waiting:
        return
    earlier = Delivery.objects.filter(schedule=schedule, state=State.PENDING, recipient_key__isnull=False, attempt=0)
    last, now = earlier.aggregate(last=Max("available_at"))["last"], database_now()
    pause = timedelta(minutes=1) / settings.BURST_DELIVERIES_PER_MINUTE
    at = max(now, last + pause) if last else now
    for delivery in waiting:
        delivery.available_at = at
        at += pause
