"""The jobs of a burst: one for each recipient of a slot, made in the slot's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from jobs import actions as jobs
from jobs.models import DeliveryPlan, JobExecutionLog
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration
from schedules.bursting import reading
from schedules.bursting.rows import Recipient
from schedules.models import Schedule, Slot, SlotRecipient

_MAX_REASON = 1_000


def create_children(
    schedule: Schedule, slot: Slot, found: Sequence[Recipient], plan: DeliveryPlan, *, waits: bool
) -> list[SlotRecipient]:
    """Queue a job for each recipient that isn't refused. Returns the rows of all, of a slot that is yet to be stored.

    Raises as jobs.actions.enqueue_scheduled, except InvalidParameters, which is about one recipient.
    """
    report, owner = schedule.report, schedule.owner
    assert report is not None and owner is not None  # noqa: S101 - the caller has checked it
    reading.check_values(schedule, found, schedule.moment(slot.time))
    return [_create(schedule, report, slot, recipient, plan, waits) for recipient in found]


def follow_retry(*, job: JobExecutionLog, new_job: JobExecutionLog, **_signal: object) -> None:
    """Let a recipient have the job that takes the place of a failed one. Receives jobs.actions.job_retried."""
    SlotRecipient.objects.filter(job=job).update(job=new_job)


def _create(
    schedule: Schedule,
    report: ReportConfiguration,
    slot: Slot,
    recipient: Recipient,
    plan: DeliveryPlan,
    waits: bool,
) -> SlotRecipient:
    child = SlotRecipient(slot=slot, key=recipient.key, row=recipient.row, addresses=recipient.addresses)
    if not recipient.is_refused:
        try:
            child.job = _enqueue(schedule, report, slot, recipient, plan, waits)
            child.parameters = recipient.values
        except InvalidParameters as error:
            recipient.refuse(reading.sentences(error))
    child.reason = recipient.reason[:_MAX_REASON]
    return child


def _enqueue(
    schedule: Schedule,
    report: ReportConfiguration,
    slot: Slot,
    recipient: Recipient,
    plan: DeliveryPlan,
    waits: bool,
) -> JobExecutionLog:
    fields, owner = schedule.version.definition, schedule.owner
    assert owner is not None  # noqa: S101 - create_children has checked it
    return jobs.enqueue_scheduled(
        report=report,
        owner=owner,
        parameters={**fields["parameters"], **recipient.values},
        formats=fields["formats"] or None,
        section=fields.get("section"),
        moment=schedule.moment(slot.time),
        waits=waits,
        details={"schedule": schedule.slug, "slot": slot.time.isoformat(), "recipient": recipient.key},
        plan=_plan_for(plan, recipient),
    )


def _plan_for(plan: DeliveryPlan, recipient: Recipient) -> DeliveryPlan:
    """Return the plan for one recipient: mails go to the addresses of its rows."""
    mine, to = copy(plan), {"to": recipient.addresses}
    mine.deliveries = [entry | to if entry["kind"] == "email" else entry for entry in plan.deliveries]
    mine.recipient = {"key": recipient.key, "row": recipient.row}
    return mine
