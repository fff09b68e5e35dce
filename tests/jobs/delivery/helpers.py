"""What the tests of deliveries share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from jobs.delivery import outbox
from jobs.delivery.deliverer import deliver
from jobs.models import Delivery, JobExecutionLog

#: Of the result that the fixture `succeeded` makes.
CONTENT = b"a,b\r\n1,2\r\n"
Target = Callable[..., None]
Succeed = Callable[[], JobExecutionLog]


def send_next() -> Delivery:
    """Claim and send one; its row afterwards."""
    claimed = outbox.claim()
    assert claimed, "nothing is due"
    deliver(claimed)
    return Delivery.objects.get(pk=claimed.pk)


def make_due() -> None:
    Delivery.objects.update(available_at=timezone.now() - timedelta(seconds=1))


def kinds(job: JobExecutionLog) -> list[str]:
    return list(job.events.values_list("kind", flat=True))
