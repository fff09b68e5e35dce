"""The outbox: deliveries that wait to be sent, and the record of each attempt.

A deliverer that dies after sending and before recording leaves a delivery that is sent again, with the same id. A
delivery never changes its job's status.
"""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.models import User
from audit import actions as audit
from audit.actions import actor_name
from audit.models import Action
from jobs import exceptions
from jobs.actions import record_event
from jobs.clock import Now
from jobs.delivery import planning, receipts, recipients, throttling
from jobs.delivery.outgoing import after_failure, claim_due, leased
from jobs.delivery.states import store_summary
from jobs.execution.protocol import Result
from jobs.models import Delivery, DeliveryPlan, JobEvent, JobExecutionLog
from jobs.notices import events
from jobs.status import Status
from reports.models import delivers

State = Delivery.State
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
        if delivery.state == State.FAILED:
            events.delivery_given_up(delivery)


def _planned(job: JobExecutionLog, result: Result) -> list[Delivery]:
    if job.converted_from and not job.split_from:
        # What it shows was sent before.
        return []
    if job.is_scheduled:
        # What a schedule sends, and to whom, is not for the report to say.
        plan = DeliveryPlan.objects.filter(job=job).first()
        outcome = planning.Outcome(result.rows, bool(result.truncated), result.content_digest)
        deliveries = planning.of_plan(plan, job, outcome) if plan else []
        if plan and plan.recipient:
            throttling.spread(deliveries, plan.schedule)
        return deliveries
    if job.version is None or not delivers(job.version.pk, requested=job.deliver):
        return []
    return planning.of_report(job, job.version)


def claim() -> Delivery | None:
    """Claim the next due delivery until its lease ends; None if none is due. Counts as an attempt from now on."""
    key = claim_due(Delivery.objects.all())
    if key is None:
        return None
    related = ("job__artifact", "job__tenant", "job__report", "job__delivery_plan__owner")
    # None if it was deleted since it was claimed.
    return Delivery.objects.select_related(*related).filter(pk=key).first()


def mark_sent(delivery: Delivery) -> bool:
    """Record that the delivery was sent. False if its lease was lost: it will be sent again, with the same id."""
    with transaction.atomic():
        updated = bool(leased(delivery).update(state=State.SENT, ended_at=Now(), error=""))
        if updated:
            store_summary(delivery.job_id)
            record_event(delivery.job, JobEvent.Kind.DELIVERED, _event_details(delivery))
            events.delivery_sent(delivery)
            _audit(Action.DELIVERY_SENT, delivery)
    return updated


def mark_skipped(delivery: Delivery, reason: str) -> bool:
    """Record that the delivery is not to be sent after all. False if its lease was lost."""
    with transaction.atomic():
        updated = bool(leased(delivery).update(state=State.SKIPPED, ended_at=Now(), error=reason))
        if updated:
            store_summary(delivery.job_id)
            details = {**_event_details(delivery), "message": reason}
            record_event(delivery.job, JobEvent.Kind.DELIVERY_SKIPPED, details)
    return updated


def mark_failed(delivery: Delivery, error: str, *, permanent: bool = False) -> bool:
    """Record a failed attempt, and retry later unless it was the last or `permanent`. False if the lease was lost."""
    changes, wait = after_failure(delivery, failed=State.FAILED, permanent=permanent)
    with transaction.atomic():
        updated = bool(leased(delivery).update(error=error, **changes))
        if updated:
            store_summary(delivery.job_id)
            kind = JobEvent.Kind.DELIVERY_GIVEN_UP if wait is None else JobEvent.Kind.DELIVERY_FAILED
            record_event(delivery.job, kind, {**_event_details(delivery), "message": error, "seconds": wait or 0.0})
        if updated and wait is None:
            delivery.error = error
            events.delivery_given_up(delivery)
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
    if sentence := recipients.is_unwanted(delivery) or recipients.refusal(delivery):
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


def _event_details(delivery: Delivery) -> dict[str, object]:
    # Without the target: everyone who can see the job reads these, but addresses are for administrators.
    return {"delivery": str(delivery.pk), "kind": delivery.kind, "try": delivery.attempt}


def _audit(action: Action, delivery: Delivery, actor: User | str = audit.SYSTEM) -> None:
    job = delivery.job
    details: dict[str, Any] = {"delivery": str(delivery.pk), "kind": delivery.kind, "target": delivery.target}
    if action == Action.DELIVERY_SENT:
        details |= receipts.receipt(delivery)
    audit.record(action, actor=actor, tenant_id=job.tenant_id, target=("job", job.pk), details=details)
