"""What archived jobs have delivered last: rules of deliveries compare with it (jobs.delivery.planning)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from jobs.models import DeliveredOutcome, Delivery


def keep_outcomes(jobs: Sequence[UUID]) -> None:
    """Keep the outcomes of these jobs, which are about to be archived, unless a later one is kept already."""
    sent = Delivery.objects.filter(job__in=jobs, state=Delivery.State.SENT, schedule__isnull=False)
    for delivery in sent.select_related("job__artifact").order_by("ended_at"):
        artifact = getattr(delivery.job, "artifact", None)
        if artifact is None or delivery.ended_at is None:
            continue
        key = {
            "schedule": delivery.schedule,
            "recipient_key": delivery.recipient_key or "",
            "name": delivery.name,
        }
        values = {
            "rows": artifact.rows,
            "truncated": bool(artifact.truncated),
            "content_digest": artifact.content_digest,
            "delivered_at": delivery.ended_at,
        }
        outcome, is_new = DeliveredOutcome.objects.get_or_create(**key, defaults=values)
        if not is_new and outcome.delivered_at < delivery.ended_at:
            DeliveredOutcome.objects.filter(pk=outcome.pk).update(**values)
