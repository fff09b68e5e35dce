"""What people are told of: turns an event into notices, in the transaction of the event.

Trouble of a schedule is told once, when it starts, and once more when it is over. Notices are written before the audit
entry of their event, for whose place in the log all other writers wait.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from accounts.models import User
from jobs.clock import Now
from jobs.delivery.models import Delivery, DeliveryPlan
from jobs.models import JobExecutionLog, Notice, Streak

log = logging.getLogger(__name__)
Kind = Notice.Kind


class Told(NamedTuple):
    """Whom a schedule tells, and of what: the field `notify` of its definition. `approved`: by an Administrator."""

    schedule: UUID
    slug: str
    tenant_id: int
    owner_id: int | None
    to: Sequence[str]
    on: Collection[str]
    approved: bool

    @classmethod
    def by_plan(cls, plan: DeliveryPlan | None, tenant_id: int) -> Told | None:
        """Return whom the schedule of a job tells; None if nobody."""
        if plan is None or not plan.notify:
            return None
        fields = plan.notify
        return cls(
            plan.schedule, plan.schedule_slug, tenant_id, plan.owner_id, fields["to"], fields["on"], fields["approved"]
        )


@contextmanager
def isolated(subject: object) -> Iterator[None]:
    """Undo and log what fails in the block, so that no notice stands in the way of its event.

    If the database is away, its error is raised: the event isn't recorded either.
    """
    try:
        with transaction.atomic():
            yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("A notice could not be written.", extra={"subject": str(subject)})


def job_ended(job: JobExecutionLog, *, error: str | None, rows: int = 0) -> None:
    """Tell who asked for it, and whom its schedule tells, that a job has ended. `error`: why it failed."""
    if job.notify_id is None and not job.is_scheduled:
        return
    with isolated(job.pk):
        for write in WRITES:
            write(job, error, rows)


def tell_user_again(job: JobExecutionLog, user: User) -> None:
    """Tell a user that the job whose result was asked for has ended, in the caller's transaction. Each time it is asked
    for is an event of its own."""
    _tell_user(job, user, f"job:{job.pk}:{uuid4()}", None, job.rows)


def _tell_user(job: JobExecutionLog, user: User, event: str, error: str | None, rows: int) -> None:
    details = _of_job(job) | {"error": error, "rows": rows}
    _add(Kind.JOB_ENDED, event, [user.email], tenant_id=job.tenant_id, user=user, job=job.pk, details=details)


def _tell_requester(job: JobExecutionLog, error: str | None, rows: int) -> None:
    user = User.objects.filter(pk=job.notify_id or 0).first()
    if user:
        _tell_user(job, user, f"job:{job.pk}", error, rows)


def _tell_schedule(job: JobExecutionLog, error: str | None, rows: int) -> None:
    plan = DeliveryPlan.objects.filter(job=job).first() if job.is_scheduled else None
    told = Told.by_plan(plan, job.tenant_id)
    if told is None:
        return
    details = _of_job(job) | {"slot": plan.slot.isoformat() if plan else ""}
    key, event = _of_recipient(plan)
    if error is None:
        ended = Streak.objects.exclude(kind=Streak.Kind.DELIVERY).filter(key__in=("", key))
        _end_streaks(told, ended, job.pk, details, event=event)
    else:
        details |= {"error": error}
        _start_streak(told, Streak.Kind.JOB, Kind.FAILURE, {"failure"}, details, job=job.pk, key=key, event=event)


def _of_recipient(plan: DeliveryPlan | None) -> tuple[str, str]:
    """Return the key of the streak of a job that is for one of many recipients, and the event that all of them share.

    Another recipient's job must not end it, and 200 that fail at once make one message. Both empty for other jobs.
    """
    if plan is None or not plan.recipient:
        return "", ""
    key = hashlib.sha256(str(plan.recipient["key"]).encode()).hexdigest()
    return key, f"{plan.schedule}:{plan.slot.isoformat()}"


#: What is written beside the end of a job, in a part of its transaction that may fail.
WRITES = [_tell_requester, _tell_schedule]


def delivery_given_up(delivery: Delivery) -> None:
    """Tell that a delivery of a schedule has failed for good, in the transaction in which it has."""
    _tell_of_delivery(delivery, has_failed=True)


def delivery_sent(delivery: Delivery) -> None:
    """Tell that a delivery of a schedule was sent after the same one had failed before."""
    _tell_of_delivery(delivery, has_failed=False)


def _tell_of_delivery(delivery: Delivery, *, has_failed: bool) -> None:
    if delivery.schedule is None:
        return
    with isolated(delivery.pk):
        job = delivery.job
        told = Told.by_plan(DeliveryPlan.objects.filter(job=job).first(), job.tenant_id)
        if told is None:
            return
        key = hashlib.sha256(f"{delivery.name} {delivery.target_digest}".encode()).hexdigest()
        details = _of_job(job) | {"delivery": delivery.name, "error": delivery.error}
        if has_failed:
            _start_streak(told, Streak.Kind.DELIVERY, Kind.DELIVERY, {"delivery"}, details, job=job.pk, key=key)
        else:
            _end_streaks(told, Streak.objects.filter(kind=Streak.Kind.DELIVERY, key=key), job.pk, details)


def slot_failed(told: Told, *, slot: str, reason: str) -> None:
    """Tell that a schedule couldn't create the job of a time."""
    details = {"slot": slot, "error": reason}
    with isolated(told.schedule):
        _start_streak(told, Streak.Kind.SLOT, Kind.SLOT_FAILED, {"failure", "missed"}, details)


def times_missed(told: Told, *, slot: str, number: int) -> None:
    """Tell that a schedule missed some times, of which `slot` is the last."""
    details = {"slot": slot, "number": number}
    with isolated(told.schedule):
        _start_streak(told, Streak.Kind.MISSED, Kind.MISSED, {"missed"}, details)


def schedule_paused(told: Told, *, slot: str, reason: str, has_owner: bool = True) -> None:
    """Tell that the server paused a schedule."""
    if told.on:
        details = {"slot": slot, "error": reason, "has_owner": has_owner}
        with isolated(told.schedule):
            _tell(told, Kind.PAUSED, f"paused:{told.schedule}:{slot}", details)


def needs_owner(tenant_id: int, *, event: str, owner: str, slug: str) -> None:
    """Tell the Administrators of a tenant that schedules have lost their owner, once for the `event`."""
    with isolated(slug):
        for user in User.objects.administrators_of(tenant_id).exclude(email=""):
            details = {"owner": owner, "schedule": slug}
            _add(Kind.NEEDS_OWNER, event, [user.email], tenant_id=tenant_id, user=user, details=details)


def forget(schedule: UUID) -> None:
    """Start again with telling of a schedule's trouble: somebody else is told from now on, or of something else."""
    Streak.objects.filter(schedule=schedule).delete()


def _start_streak(
    told: Told,
    streak_kind: Streak.Kind,
    kind: Notice.Kind,
    on: Collection[str],
    details: Mapping[str, Any],
    *,
    job: UUID | None = None,
    key: str = "",
    event: str = "",
) -> None:
    if not told.to:
        return
    identity = {"schedule": told.schedule, "kind": streak_kind, "key": key}
    streak, is_new = Streak.objects.get_or_create(**identity, defaults={"since": Now()})
    if is_new and not on.isdisjoint(told.on):  # type: ignore[attr-defined]
        _tell(told, kind, f"{streak_kind}:{event or streak.pk}", details, job=job)


def _end_streaks(
    told: Told, streaks: QuerySet[Streak], job: UUID, details: Mapping[str, Any], *, event: str = ""
) -> None:
    of_schedule = streaks.filter(schedule=told.schedule)
    # One by one: another job that ends now must not tell of it, too.
    ended = [streak for streak in of_schedule if of_schedule.filter(pk=streak.pk).delete()[0]]
    if ended and "recovery" in told.on:
        since = min(streak.since for streak in ended)
        _tell(told, Kind.RECOVERY, f"recovery:{event or ended[0].pk}", {**details, "since": since.isoformat()}, job=job)


def _tell(told: Told, kind: Notice.Kind, event: str, details: Mapping[str, Any], *, job: UUID | None = None) -> None:
    _add(
        kind,
        event,
        told.to,
        tenant_id=told.tenant_id,
        job=job,
        schedule=told.schedule,
        owner_id=told.owner_id,
        approved=told.approved,
        details={**details, "schedule": told.slug},
    )


def _add(kind: Notice.Kind, event: str, addresses: Sequence[str], **fields: Any) -> None:
    different = {address.lower(): address for address in addresses if address}.values()
    notices = [Notice(kind=kind, event=event, address=address, available_at=Now(), **fields) for address in different]
    # The event may have told this address already.
    Notice.objects.bulk_create(notices, ignore_conflicts=True)


def _of_job(job: JobExecutionLog) -> dict[str, Any]:
    return {"report": job.report_name, "slug": job.report_slug}
