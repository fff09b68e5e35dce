"""The jobs of a burst: one for each recipient of a slot, made in the slot's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from jobs.models import DeliveryPlan, JobExecutionLog
from jobs.queue import scheduled_jobs
from jobs.queue.new_jobs import NewJob
from reports.exceptions import InvalidParameters
from schedules.bursting import reading
from schedules.bursting.rows import Recipient
from schedules.models import Schedule, Slot, SlotRecipient

_MAX_REASON = 1_000


def create_children(
    schedule: Schedule, slot: Slot, found: Sequence[Recipient], plan: DeliveryPlan, *, waits: bool
) -> list[SlotRecipient]:
    """Queue a job for each recipient that isn't refused. Returns the rows of all, of a slot that is yet to be stored.

    Raises as jobs.queue.scheduled_jobs.scheduled_job, except InvalidParameters, which is about one recipient.
    """
    owner = schedule.owner
    assert owner is not None  # noqa: S101 - the caller has checked it
    reading.check_values(schedule, found, schedule.moment(slot.time))
    children, new = [], list[NewJob]()
    for recipient in found:
        child = row_of(slot, recipient)
        if not recipient.is_refused:
            try:
                child.job, child.parameters = _job(schedule, slot, recipient), recipient.values
                new.append(new_job(schedule, slot, child, plan))
            except InvalidParameters as error:
                recipient.refuse(reading.sentences(error))
        child.reason = recipient.reason[:_MAX_REASON]
        children.append(child)
    scheduled_jobs.enqueue_burst(new, owner, waits=waits)
    return children


def row_of(slot: Slot, recipient: Recipient) -> SlotRecipient:
    """Return the row of a recipient that has no job yet."""
    reason = recipient.reason[:_MAX_REASON]
    return SlotRecipient(slot=slot, key=recipient.key, row=recipient.row, addresses=recipient.addresses, reason=reason)


def new_job(schedule: Schedule, slot: Slot, child: SlotRecipient, plan: DeliveryPlan) -> NewJob:
    """Return the job of a recipient with what it sends: mails go to the addresses of its rows."""
    mine, to = copy(plan), {"to": child.addresses}
    mine.deliveries = [entry | to if entry["kind"] == "email" else entry for entry in plan.deliveries]
    mine.recipient = {"key": child.key, "row": child.row}
    details = {"schedule": schedule.slug, "slot": slot.time.isoformat(), "recipient": child.key}
    assert child.job is not None  # noqa: S101 - the caller has given it one
    return NewJob(child.job, mine, details)


def _job(schedule: Schedule, slot: Slot, recipient: Recipient) -> JobExecutionLog:
    fields = schedule.version.definition
    assert schedule.report is not None and schedule.owner is not None  # noqa: S101 - the caller has checked it
    return scheduled_jobs.scheduled_job(
        report=schedule.report,
        owner=schedule.owner,
        parameters={**fields["parameters"], **recipient.values},
        formats=fields["formats"] or None,
        section=fields.get("section"),
        moment=schedule.moment(slot.time),
    )
