"""What people do with bursts: look whom a schedule would run for, and run again what failed."""

from __future__ import annotations

import contextlib
from collections import deque
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from accounts.models import User
from audit import actions as audit
from audit.models import Action
from jobs import actions as jobs
from jobs.delivery import outbox
from jobs.exceptions import JobAlreadyRetried, NoFailedDelivery, ReportConfigurationMissing, ResultPurged
from jobs.models import JobExecutionLog
from jobs.queue import broker
from jobs.status import Status
from reports.choices.checked import looks_up_choices
from schedules import exceptions, to_database
from schedules.actions import check_can_run
from schedules.bursting import splitting
from schedules.bursting.children import create_children, row_of
from schedules.bursting.progress import retriable_recipients
from schedules.bursting.reading import check_values, read_recipients
from schedules.bursting.rows import Recipient
from schedules.deliveries.planning import delivery_plan
from schedules.models import Schedule, Slot, SlotRecipient

#: Recipients that one call runs again: each is a transaction.
MAX_RETRIES = 100


class Retried(NamedTuple):
    """How many recipients run again, and how many failed ones are left for another call."""

    number: int
    left: int


@looks_up_choices
def preview(*, schedule: Schedule, now: datetime) -> list[Recipient]:
    """Return who would receive what at the schedule's next time. Runs only the recipients' and choices queries.

    Raises ScheduleReportMissing, OwnerMayNotRun, NoRecipientsQuery, RecipientsUnusable, ChoicesUnavailable,
    CallerAttributeMissing or DryRunBusy.
    """
    check_can_run(schedule)
    if schedule.recipients is None:
        raise exceptions.NoRecipientsQuery
    found = read_recipients(schedule, schedule.recipients)
    check_values(schedule, found, schedule.moment(schedule.next_time(after=now) or now))
    return found


def retry_failed(*, schedule: Schedule, slot: Slot, actor: User) -> Retried:
    """Run again what failed of a slot's burst, and nothing else: at most 100 recipients, as somebody waits for it.

    Failed jobs get a retry, results that could not be sent are sent again, and rows that were refused are read again.
    A host that dies halfway leaves the rest failed. Raises NothingToRetry, and as `preview`.
    """
    check_can_run(schedule)
    if slot.job is not None and slot.job.status == Status.FAILED and slot.recipients.exists():
        return _retry_whole(schedule, slot, slot.job, actor)
    failed = list(retriable_recipients(slot).order_by("key").values_list("job", flat=True))
    if not failed:
        raise exceptions.NothingToRetry
    ids, number = deque(pk for pk in failed if pk), 0
    refused, again = len(failed) - len(ids), Retried(0, 0)
    while ids and number < MAX_RETRIES:
        number += _retry(ids.popleft(), schedule, actor)
    if refused and schedule.recipients is not None:
        most = MAX_RETRIES - number
        again = _create_again(schedule, slot, most, actor) if most else Retried(0, refused)
    return Retried(number + again.number, len(ids) + again.left)


def _retry_whole(schedule: Schedule, slot: Slot, job: JobExecutionLog, actor: User) -> Retried:
    """Run the job again whose result is split for the recipients of a slot, all of whom have waited for it."""
    with contextlib.suppress(JobAlreadyRetried):
        jobs.retry(job=job, actor=actor, requested_by=schedule.owner)
    return Retried(slot.recipients.filter(waits=True).count(), retriable_recipients(slot).count())


def _retry(pk: UUID, schedule: Schedule, actor: User) -> bool:
    job = JobExecutionLog.objects.select_related("report", "version").filter(pk=pk).first()
    if job is None:
        return False
    # Somebody else may be doing the same.
    with contextlib.suppress(JobAlreadyRetried, ReportConfigurationMissing, NoFailedDelivery, ResultPurged):
        if job.status == Status.FAILED:
            jobs.retry(job=job, actor=actor, requested_by=schedule.owner)
        else:
            outbox.resend(job=job, actor=actor)
        return True
    return False


@looks_up_choices
def _create_again(schedule: Schedule, slot: Slot, most: int, actor: User) -> Retried:
    """Read the recipients that were refused again, and queue the jobs of the first `most` that are right by now."""
    broker.ping()
    with transaction.atomic():
        locked = Schedule.objects.lock(schedule.pk)
        if locked is None or locked.recipients is None:
            raise exceptions.ScheduleChanged
        refused = {child.key: child.pk for child in slot.recipients.filter(job=None, archived_job=None)}
        found = [each for each in read_recipients(locked, locked.recipients) if each.key in refused]
        check_values(locked, found, locked.moment(slot.time))
        ready = [each for each in found if not each.is_refused]
        tried = [each for each in found if each.is_refused] + ready[:most]
        again = _children_again(locked, slot, tried)
        for child in again:
            child.pk = refused[child.key]
        fields = ["job", "row", "addresses", "parameters", "reason", "waits"]
        SlotRecipient.objects.bulk_update(again, fields, batch_size=100)
        created = sum(child.job is not None or child.waits for child in again)
        details = {"slot": slot.time.isoformat(), "recipients": created}
        audit.record_all([to_database.audit_entry(Action.SCHEDULE_RUN, locked, **details)], actor)
    return Retried(created, len(ready[most:]))


def _children_again(locked: Schedule, slot: Slot, tried: list[Recipient]) -> list[SlotRecipient]:
    """Return the rows of recipients with their jobs; or waiting, if they are to get rows of the slot's job."""
    if locked.recipients is None or locked.recipients.split_by is None:
        return create_children(locked, slot, tried, delivery_plan(locked, slot), waits=False)
    if slot.job_id is None:
        # All of them were refused.
        again = splitting.enqueue_whole(locked, slot, tried, waits=False)
        slot.save(update_fields=["job"])
        return again
    again = [row_of(slot, recipient) for recipient in tried]
    for child, recipient in zip(again, tried, strict=True):
        child.waits = not recipient.is_refused
    return again
