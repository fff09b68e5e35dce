"""The outbox: deliveries that wait to be sent, and the record of each attempt.

A deliverer that dies after sending and before recording leaves a delivery that is sent again, with the same id. A
delivery never changes its job's status.
"""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

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
from jobs.delivery import planning, receipts, recipients
from jobs.delivery.states import store_summary
from jobs.delivery.unsubscribing import is_unsubscribed
from jobs.execution.protocol import Result
from jobs.models import Delivery, DeliveryPlan, JobEvent, JobExecutionLog
from jobs.status import Status
from reports.models import delivers

State = Delivery.State
#: Attempts, over about three hours, after which a delivery has failed.
MAX_ATTEMPTS = 12
RETRY_WAITS = Backoff(first=5, longest=3600)
_OVERDUE_SECONDS = 600
#: Events of deliveries that aren't sent at once.
_EVENTS_AT_ONCE = {
    State.SKIPPED: JobEvent.Kind.DELIVERY_SKIPPED,
    State.HELD: JobEvent.Kind.DELIVERY_HELD,
    State.FAILED: JobEvent.Kind.DELIVERY_GIVEN_UP,
}


def add_deliveries(job: JobExecutionLog, result: Result) -> None:
    """Add the deliveries of a job that has just succeeded, in the caller's transaction."""
    deliveries = _planned(job, result)
    if not deliveries:
        return
    Delivery.objects.bulk_create(deliveries)
    store_summary(job.pk)
    for delivery in deliveries:
        if delivery.state in _EVENTS_AT_ONCE:
            details = {**_event_details(delivery), "message": delivery.error}
            record_event(job, _EVENTS_AT_ONCE[State(delivery.state)], details)


def _planned(job: JobExecutionLog, result: Result) -> list[Delivery]:
    if job.converted_from:
        # What it shows was sent before.
        return []
    if job.is_scheduled:
        # What a schedule sends, and to whom, is not for the report to say.
        plan = DeliveryPlan.objects.filter(job=job).first()
        outcome = planning.Outcome(result.rows, bool(result.truncated), result.content_digest)
        return planning.of_plan(plan, job, outcome) if plan else []
    if job.version is None or not delivers(job.version.pk, requested=job.deliver):
        return []
    return planning.of_report(job, job.version)


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
    related = ("job__artifact", "job__tenant", "job__report", "job__delivery_plan__owner")
    return Delivery.objects.select_related(*related).get(pk=delivery.pk)


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


def mark_skipped(delivery: Delivery, reason: str) -> bool:
    """Record that the delivery is not to be sent after all. False if its lease was lost."""
    with transaction.atomic():
        updated = bool(_leased(delivery).update(state=State.SKIPPED, ended_at=Now(), error=reason))
        if updated:
            store_summary(delivery.job_id)
            details = {**_event_details(delivery), "message": reason}
            record_event(delivery.job, JobEvent.Kind.DELIVERY_SKIPPED, details)
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


def release(*, delivery: Delivery, actor: User) -> None:
    """Send a held delivery. Raises DeliveryNotHeld, DeliveryNotAllowed or ResultPurged.

    Whether the recipient may have it is checked now and again on sending; the file's SHA-256 is checked on sending.
    """
    if delivery.state != State.HELD:
        raise exceptions.DeliveryNotHeld
    if delivery.job.result is None:
        raise exceptions.ResultPurged
    if sentence := recipients.UNSUBSCRIBED if is_unsubscribed(delivery) else recipients.refusal(delivery):
        raise exceptions.DeliveryNotAllowed(sentence)
    changes = {
        "state": State.PENDING,
        "available_at": Now(),
        "error": "",
        "options": {**(delivery.options or {}), "verify": True},
    }
    _end_hold(delivery, changes, JobEvent.Kind.DELIVERY_RELEASED, Action.DELIVERY_RELEASE, actor)


def discard(*, delivery: Delivery, actor: User | str, reason: str = "") -> None:
    """Never send a held delivery. Raises DeliveryNotHeld."""
    changes = {"state": State.DISCARDED, "ended_at": Now(), "error": reason}
    _end_hold(delivery, changes, JobEvent.Kind.DELIVERY_DISCARDED, Action.DELIVERY_DISCARD, actor)


def _end_hold(
    delivery: Delivery, changes: dict[str, Any], kind: JobEvent.Kind, action: Action, actor: User | str
) -> None:
    with transaction.atomic():
        if not Delivery.objects.filter(pk=delivery.pk, state=State.HELD).update(**changes):
            raise exceptions.DeliveryNotHeld
        store_summary(delivery.job_id)
        record_event(delivery.job, kind, {**_event_details(delivery), "actor": actor_name(actor)})
        _audit(action, delivery, actor)


def discard_held(job: JobExecutionLog, reason: str) -> None:
    """Discard what is held of a job, in the caller's transaction."""
    for delivery in job.deliveries.filter(state=State.HELD):
        # Somebody may have released it meanwhile.
        with contextlib.suppress(exceptions.DeliveryNotHeld):
            discard(delivery=delivery, actor=audit.SYSTEM, reason=reason)


def discard_unsent(schedule: UUID, reason: str) -> None:
    """Send nothing more of a schedule, in the caller's transaction: neither what waits nor what its jobs will make."""
    unsent = Delivery.objects.filter(schedule=schedule, state__in=(State.HELD, State.PENDING))
    jobs = sorted(set(unsent.values_list("job_id", flat=True)))
    # Also those of failed jobs: a retry would send as they did.
    DeliveryPlan.objects.filter(schedule=schedule).exclude(job__status=Status.SUCCEEDED).delete()
    # A deliverer that is sending one now loses its lease.
    unsent.update(state=State.DISCARDED, ended_at=Now(), error=reason, fence=F("fence") + 1)
    for job_id in jobs:
        store_summary(job_id)


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
    details: dict[str, Any] = {"delivery": str(delivery.pk), "kind": delivery.kind, "target": delivery.target}
    if action == Action.DELIVERY_SENT:
        details |= receipts.receipt(delivery)
    audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk), details=details)
