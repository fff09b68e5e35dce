"""Helpers of the tests of deliveries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from jobs.delivery import outbox
from jobs.delivery.deliverer import deliver
from jobs.models import Delivery, JobExecutionLog

#: The result of a job that the fixture `succeed` makes.
CONTENT = b"a,b\r\n1,2\r\n"
AddTarget = Callable[..., None]
Succeed = Callable[..., JobExecutionLog]


def send_next() -> Delivery:
    """Claim and send the next delivery. Return its row as it is afterwards."""
    delivery = outbox.claim()
    assert delivery, "nothing is due"
    deliver(delivery)
    return Delivery.objects.get(pk=delivery.pk)


def make_due() -> None:
    Delivery.objects.update(available_at=timezone.now() - timedelta(seconds=1))


def event_kinds(job: JobExecutionLog) -> list[str]:
    return list(job.events.values_list("kind", flat=True))
