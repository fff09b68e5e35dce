"""The outbox: deliveries that wait to be sent, and the record of each attempt.

A deliverer that dies after sending and before recording leaves a delivery that is sent again, with the same id. A
delivery never changes its job's status.
"""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from accounts.models import User
from audit import actions as audit
from audit.actions import actor_name
from audit.models import Action
from common.backoff import Backoff
from jobs import exceptions
from jobs.actions import record_event
from jobs.clock import Now, from_now, waits_too_long
from jobs.delivery.senders import SENDERS
from jobs.delivery.states import store_summary
from jobs.models import Delivery, JobEvent, JobExecutionLog
from reports.models import delivers

State = Delivery.State
#: Attempts, over about three hours, after which a delivery has failed.
MAX_ATTEMPTS = 12
RETRY_WAITS = Backoff(first=5, longest=3600)
_OVERDUE_SECONDS = 600


def add_deliveries(job: JobExecutionLog) -> None:
    """Add a delivery for each target of the job's version, in the caller's transaction."""
    # What a schedule sends, and to whom, is not for the report to say.
    if job.version is None or job.is_scheduled or not delivers(job.version.pk, requested=job.deliver):
        return
    targets = [
        (delivery_target.kind, target)
        for delivery_target in job.version.delivery_targets.all()
        if delivery_target.kind in SENDERS
        for target in SENDERS[delivery_target.kind].targets(delivery_target.options)
    ]
    Delivery.objects.bulk_create(
        Delivery(
            job=job,
            name=kind,
            kind=kind,
            target=target,
            target_digest=hashlib.sha256(target.encode()).hexdigest(),
            available_at=Now(),
        )
        for kind, target in dict.fromkeys(targets)
    )
    store_summary(job.pk)


def claim() -> Delivery | None:
    """Claim the next due delivery until its lease ends; None if none is due. Counts as an attempt from now on."""
    with transaction.atomic():
        due = Delivery.objects.filter(state=State.PENDING, available_at__lte=Now()).order_by("available_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        delivery = due.first()
        if delivery is None:
            return None
        lease_end = from_now(settings.DELIVERY_LEASE_SECONDS)
        _leased(delivery).update(fence=F("fence") + 1, attempt=F("attempt") + 1, available_at=lease_end)
    return Delivery.objects.select_related("job__artifact", "job__tenant", "job__report").get(pk=delivery.pk)


def renew(delivery: Delivery) -> bool:
    """Extend the lease from now on. False if it was lost."""
    return bool(_leased(delivery).update(available_at=from_now(settings.DELIVERY_LEASE_SECONDS)))


def mark_sent(delivery: Delivery) -> bool:
    """Record that the delivery was sent. False if its lease was lost: it will be sent again, with the same id."""
    with transaction.atomic():
        updated = bool(_leased(delivery).update(state=State.SENT, ended_at=Now(), error=""))
        if updated:
            store_summary(delivery.job_id)
            record_event(delivery.job, JobEvent.Kind.DELIVERED, _event_details(delivery))
            _audit(Action.DELIVERY_SENT, delivery)
    return updated


def mark_failed(delivery: Delivery, error: str, *, permanent: bool = False) -> bool:
    """Record a failed attempt, and retry later unless it was the last or `permanent`. False if the lease was lost."""
    is_last = permanent or delivery.attempt >= MAX_ATTEMPTS
    wait = 0.0 if is_last else RETRY_WAITS.jittered(delivery.attempt)
    with transaction.atomic():
        changes = {"state": State.FAILED, "ended_at": Now()} if is_last else {"available_at": from_now(wait)}
        updated = bool(_leased(delivery).update(error=error, **changes))
        if updated:
            store_summary(delivery.job_id)
            kind = JobEvent.Kind.DELIVERY_GIVEN_UP if is_last else JobEvent.Kind.DELIVERY_FAILED
            record_event(delivery.job, kind, {**_event_details(delivery), "message": error, "seconds": wait})
        if updated and is_last:
            _audit(Action.DELIVERY_FAILED, delivery)
    return updated


def resend(*, job: JobExecutionLog, actor: User | str) -> int:
    """Send the job's failed deliveries again, with as many attempts as at first. Return how many there are.

    They keep their ids, so that a receiver that got one after all recognizes it. Raise NoFailedDelivery if there are
    none, or if they are already being sent again, and ResultPurged if there is nothing to send.
    """
    if job.result is None:
        raise exceptions.ResultPurged
    failed = job.deliveries.filter(state=State.FAILED)
    with transaction.atomic():
        # One by one: a delivery that another call has just reset must not be counted or audited twice.
        reset = [
            delivery
            for delivery in failed
            if failed.filter(pk=delivery.pk).update(
                state=State.PENDING, available_at=Now(), attempt=0, fence=F("fence") + 1, ended_at=None
            )
        ]
        if reset:
            store_summary(job.pk)
        for delivery in reset:
            details = {**_event_details(delivery), "actor": actor_name(actor)}
            record_event(job, JobEvent.Kind.DELIVERY_RETRIED, details)
            _audit(Action.DELIVERY_RETRY, delivery, actor)
    if not reset:
        raise exceptions.NoFailedDelivery
    return len(reset)


def bring_forward() -> int:
    """Send deliveries soon that would wait for longer than attempts ever do. Return how many.

    One that is being sent keeps a lease.
    """
    lease = settings.DELIVERY_LEASE_SECONDS
    waiting = Delivery.objects.filter(waits_too_long(RETRY_WAITS, lease=lease), state=State.PENDING)
    return waiting.filter(attempt=0).update(available_at=Now()) + waiting.update(available_at=from_now(lease))


def count_overdue() -> int:
    """Count the deliveries that have waited for more than ten minutes; after a resend, only once they failed again."""
    limit = from_now(-_OVERDUE_SECONDS)
    overdue = Q(attempt__gt=0) | Q(available_at__lt=limit)
    return Delivery.objects.filter(overdue, state=State.PENDING, created_at__lt=limit).count()


def _leased(delivery: Delivery) -> QuerySet[Delivery]:
    """The delivery, if its lease is still held: the condition of every write."""
    return Delivery.objects.filter(pk=delivery.pk, fence=delivery.fence, state=State.PENDING)


def _event_details(delivery: Delivery) -> dict[str, object]:
    # Without the target: everyone who can see the job reads these, but addresses are for administrators.
    return {"delivery": str(delivery.pk), "kind": delivery.kind, "try": delivery.attempt}


def _audit(action: Action, delivery: Delivery, actor: User | str = audit.SYSTEM) -> None:
    job = delivery.job
    details = {"delivery": str(delivery.pk), "kind": delivery.kind, "target": delivery.target}
    audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk), details=details)
