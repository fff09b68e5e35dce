"""What is to leave the house: written with the job's success, sent by a deliverer, noted by compare-and-set.

A deliverer that dies between sending and noting leaves a delivery that is sent again, with the same id, by which the
receiver knows it. Nothing here ever changes the job's status.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from audit import actions as audit
from audit.actions import actor_name
from audit.models import Action
from common.backoff import Backoff
from jobs import exceptions
from jobs.actions import record_event
from jobs.clock import Now, from_now
from jobs.delivery import SENDERS
from jobs.models import Delivery, JobEvent, JobExecutionLog
from reports.models import has_outbound_delivery

State = Delivery.State
#: Tries, over about three hours, after which a delivery is given up.
MAX_ATTEMPTS = 12
#: Seconds from one attempt to send to the next.
RETRY_WAITS = Backoff(first=5, longest=3600)


def add_deliveries(job: JobExecutionLog) -> None:
    """What the job's version delivers, in the caller's transaction."""
    if job.version is None or not has_outbound_delivery(job.version.pk):
        return
    wanted = [
        (target.kind, single)
        for target in job.version.delivery_targets.all()
        if target.kind in SENDERS
        for single in SENDERS[target.kind].targets(target.options)
    ]
    Delivery.objects.bulk_create(
        Delivery(job=job, kind=kind, target=target, target_digest=_digest(target), available_at=Now())
        for kind, target in dict.fromkeys(wanted)
    )


def claim() -> Delivery | None:
    """Take the next delivery that is due: nobody else gets it before the lease is over. The attempt counts from now."""
    with transaction.atomic():
        due = Delivery.objects.filter(state=State.PENDING, available_at__lte=Now()).order_by("available_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        found = due.first()
        if found is None:
            return None
        lease = from_now(settings.DELIVERY_LEASE_SECONDS)
        _held(found).update(fence=F("fence") + 1, attempt=F("attempt") + 1, available_at=lease)
    return Delivery.objects.select_related("job__artifact", "job__tenant", "job__report").get(pk=found.pk)


def mark_sent(delivery: Delivery) -> bool:
    """Note that it was sent. False when the lease was lost: somebody else sends it again, with the same id."""
    with transaction.atomic():
        moved = bool(_held(delivery).update(state=State.SENT, ended_at=Now(), error=""))
        if moved:
            record_event(delivery.job, JobEvent.Kind.DELIVERED, _facts(delivery))
            _record(Action.DELIVERY_SENT, delivery)
    return moved


def mark_failed(delivery: Delivery, sentence: str, *, permanent: bool = False) -> bool:
    """Note that it could not be sent: to be tried again later, or given up. False when the lease was lost."""
    over = permanent or delivery.attempt >= MAX_ATTEMPTS
    seconds = 0.0 if over else RETRY_WAITS.jittered(delivery.attempt)
    with transaction.atomic():
        changes = {"state": State.FAILED, "ended_at": Now()} if over else {"available_at": from_now(seconds)}
        moved = bool(_held(delivery).update(error=sentence, **changes))
        if moved:
            facts = {**_facts(delivery), "message": sentence, "seconds": seconds}
            record_event(
                delivery.job, JobEvent.Kind.DELIVERY_GIVEN_UP if over else JobEvent.Kind.DELIVERY_FAILED, facts
            )
        if moved and over:
            _record(Action.DELIVERY_FAILED, delivery)
    return moved


def resend(*, job: JobExecutionLog, actor: User | str) -> int:
    """Let what was given up of the job's deliveries be tried anew, as often as at first; how many those are.

    They keep their ids, by which a receiver knows what had arrived after all. NothingGivenUp for a second press.
    """
    if job.result is None:
        raise exceptions.ResultPurged
    fresh = {"state": State.PENDING, "available_at": Now(), "attempt": 0, "fence": F("fence") + 1, "ended_at": None}
    with transaction.atomic():
        given_up = job.deliveries.filter(state=State.FAILED)
        again = [one for one in given_up if given_up.filter(pk=one.pk).update(**fresh)]
        for delivery in again:
            record_event(job, JobEvent.Kind.DELIVERY_RETRIED, {**_facts(delivery), "actor": actor_name(actor)})
            _record(Action.DELIVERY_RETRY, delivery, actor)
    if not again:
        raise exceptions.NoFailedDelivery
    return len(again)


def count_overdue() -> int:
    """How many have waited for more than ten minutes. One that is sent again has not, before it fails again."""
    long_ago = timezone.now() - timedelta(minutes=10)
    late = Q(attempt__gt=0) | Q(available_at__lt=long_ago)
    return Delivery.objects.filter(late, state=State.PENDING, created_at__lt=long_ago).count()


def _held(delivery: Delivery) -> QuerySet[Delivery]:
    """The delivery, if it is still this deliverer's: the condition of everything that is written."""
    return Delivery.objects.filter(pk=delivery.pk, fence=delivery.fence, state=State.PENDING)


def _facts(delivery: Delivery) -> dict[str, object]:
    """Without the target: addresses are for Administrators."""
    return {"delivery": str(delivery.pk), "kind": delivery.kind, "try": delivery.attempt}


def _record(action: Action, delivery: Delivery, actor: User | str = audit.SYSTEM) -> None:
    details = {"delivery": str(delivery.pk), "kind": delivery.kind, "target": delivery.target}
    job = delivery.job
    audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk), details=details)


def _digest(target: str) -> str:
    return hashlib.sha256(target.encode()).hexdigest()
