"""What people do with bursts: look whom a schedule would run for, and run again what failed."""

from __future__ import annotations

import contextlib
from datetime import datetime

from django.db import transaction

from accounts.models import User
from audit import actions as audit
from audit.models import Action
from jobs import actions as jobs
from jobs.delivery import outbox
from jobs.exceptions import JobAlreadyRetried, NoFailedDelivery, ReportConfigurationMissing, ResultPurged
from jobs.models import DeliveryPlan, JobExecutionLog
from jobs.queue import broker
from jobs.status import Status
from reports.choices.checked import looks_up_choices
from schedules import exceptions, to_database
from schedules.actions import check_can_run
from schedules.bursting.children import create_children
from schedules.bursting.models import Outcome
from schedules.bursting.reading import check_values, read_recipients
from schedules.bursting.rows import Recipient
from schedules.models import Schedule, Slot, SlotRecipient
from schedules.slots import delivery_plan


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


def retry_failed(*, schedule: Schedule, slot: Slot, actor: User) -> int:
    """Run again what failed of a slot's burst, and nothing else. Returns how many recipients that are.

    Failed jobs get a retry, results that could not be sent are sent again, and rows that were refused are read again.
    A host that dies halfway leaves the rest failed. Raises NothingToRetry, and as `preview`.
    """
    check_can_run(schedule)
    children = slot.recipients.select_related("job__report", "job__version")
    failed = [child for child in children if child.outcome == Outcome.FAILED]
    if not failed:
        raise exceptions.NothingToRetry
    refused = [child for child in failed if child.job is None]
    retried = sum(_retry(child.job, schedule, actor) for child in failed if child.job)
    if refused and schedule.recipients is not None:
        retried += _create_again(schedule, slot, actor)
    return retried


def _retry(job: JobExecutionLog, schedule: Schedule, actor: User) -> bool:
    # Somebody else may be doing the same.
    with contextlib.suppress(JobAlreadyRetried, ReportConfigurationMissing, NoFailedDelivery, ResultPurged):
        if job.status == Status.FAILED:
            jobs.retry(job=job, actor=actor, requested_by=schedule.owner)
        else:
            outbox.resend(job=job, actor=actor)
        return True
    return False


@looks_up_choices
def _create_again(schedule: Schedule, slot: Slot, actor: User) -> int:
    """Read the recipients that were refused again, and queue the jobs of those that are right by now."""
    broker.ping()
    with transaction.atomic():
        locked = Schedule.objects.lock(schedule.pk)
        if locked is None or locked.recipients is None:
            raise exceptions.ScheduleChanged
        refused = {child.key: child.pk for child in slot.recipients.filter(job=None)}
        found = [each for each in read_recipients(locked, locked.recipients) if each.key in refused]
        plan: DeliveryPlan = delivery_plan(locked, slot)
        again = create_children(locked, slot, found, plan, waits=False)
        for child in again:
            child.pk = refused[child.key]
        fields = ["job", "row", "addresses", "parameters", "reason"]
        SlotRecipient.objects.bulk_update(again, fields, batch_size=100)
        created = sum(child.job is not None for child in again)
        details = {"slot": slot.time.isoformat(), "recipients": created}
        audit.record_all([to_database.audit_entry(Action.SCHEDULE_RUN, locked, **details)], actor)
    return created
