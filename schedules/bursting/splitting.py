"""Bursts with `split_by`: one job reads the rows of all recipients, and then each gets a job that renders its own.

Recipients wait for the end of the slot's job. Their jobs are made in one transaction, in which they stop waiting: a
host that dies in it leaves nothing behind, and the next one does the same again.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from jobs.models import JobExecutionLog, JobSplit, Piece
from jobs.queue import scheduled_jobs
from jobs.results.wanted_files import section_of_files
from jobs.splitting import actions as splits
from jobs.status import UNFINISHED, Status
from schedules.bursting.children import new_job, row_of
from schedules.bursting.rows import Recipient
from schedules.deliveries.planning import delivery_plan
from schedules.models import Schedule, Slot, SlotRecipient

_JOB_GONE = "The job that read the rows was deleted."
_NOT_SPLIT = "The result was not split for this recipient. Run the schedule again."
_REPORT_DELETED = "The report was deleted."


def enqueue_whole(schedule: Schedule, slot: Slot, found: Sequence[Recipient], *, waits: bool) -> list[SlotRecipient]:
    """Give the slot a job that reads the rows of all recipients. Returns their rows, yet to be stored.

    Without a recipient that isn't refused, there is no job. Raises as scheduled_job.
    """
    children = [row_of(slot, recipient) for recipient in found]
    for child, recipient in zip(children, found, strict=True):
        child.waits = not recipient.is_refused
    if any(child.waits for child in children):
        slot.job = _whole(schedule, slot, [recipient.key for recipient in found if recipient.has_key], waits)
    return children


def _whole(schedule: Schedule, slot: Slot, keys: Sequence[str], waits: bool) -> JobExecutionLog:
    report, owner, recipients, fields = (
        schedule.report,
        schedule.owner,
        schedule.recipients,
        schedule.version.definition,
    )
    assert report and owner and recipients and recipients.split_by  # noqa: S101 - the caller has checked it
    job = scheduled_jobs.scheduled_job(
        report=report,
        owner=owner,
        parameters=fields["parameters"],
        formats=fields["formats"] or None,
        section=fields.get("section"),
        moment=schedule.moment(slot.time),
    )
    splits.use_format_of_whole(job)
    job.section = section_of_files(report.version, job.formats, fields.get("section"))
    plan = delivery_plan(schedule, slot)
    # What the schedule sends is for the recipients.
    plan.deliveries = []
    details = {"schedule": schedule.slug, "slot": slot.time.isoformat(), "recipients": len(keys)}
    scheduled_jobs.enqueue_scheduled(job, owner, waits=waits, details=details, plan=plan)
    # Recipients that are refused have pieces, too: their rows may be right when they are read again.
    splits.split(job, recipients.split_by, keys)
    return job


def split_ended() -> int:
    """Let the recipients have their jobs whose rows were read. Returns of how many slots."""
    waiting = SlotRecipient.objects.filter(waits=True).order_by().values("slot").distinct()
    ended = Slot.objects.filter(pk__in=waiting).exclude(job__status__in=UNFINISHED)
    return sum(_split(slot) for slot in ended.select_related("version").order_by("time"))


def is_any_waiting() -> bool:
    return SlotRecipient.objects.filter(waits=True).exists()


def _split(slot: Slot) -> bool:
    with transaction.atomic():
        schedule = Schedule.objects.lock(slot.schedule_id, skip_locked=True)
        children = list(SlotRecipient.objects.filter(slot=slot, waits=True).order_by("key")) if schedule else []
        if schedule is None or not children:
            return False
        # It may have been changed since.
        schedule.current = slot.version or schedule.current
        jobs = JobExecutionLog.objects.select_related("report__current", "version", "requested_by")
        # Read again, and locked: a retry may have taken its place, or may be about to.
        Slot.objects.select_for_update().filter(pk=slot.pk).values_list("pk").first()
        whole = jobs.filter(slot=slot.pk).first()
        if whole is not None and not whole.is_ended:
            return False
        _end_waiting(schedule, slot, children, whole)
        SlotRecipient.objects.bulk_update(children, ["job", "reason", "waits"], batch_size=100)
    return True


def _end_waiting(
    schedule: Schedule, slot: Slot, children: Sequence[SlotRecipient], whole: JobExecutionLog | None
) -> None:
    """Queue the jobs of recipients that have waited for this one, or say why there are none."""
    for child in children:
        child.waits = False
    if whole is None or whole.report is None or whole.version is None:
        for child in children:
            child.reason = _JOB_GONE if whole is None else _REPORT_DELETED
    elif whole.status == Status.SUCCEEDED:
        _enqueue_pieces(schedule, slot, children, whole)


def _enqueue_pieces(schedule: Schedule, slot: Slot, children: Sequence[SlotRecipient], whole: JobExecutionLog) -> None:
    fields, plan, new = schedule.version.definition, delivery_plan(schedule, slot), []
    plan.owner = whole.requested_by
    pieces = {piece.key: piece for piece in Piece.objects.filter(split__job=whole)}
    formats = fields["formats"] or whole.version.formats[:1]  # type: ignore[union-attr]
    section = section_of_files(whole.version, formats, fields.get("section"))  # type: ignore[arg-type]
    for child in children:
        if child.key in pieces:
            child.job = splits.job_of_piece(pieces[child.key], whole, formats, section)
            new.append(new_job(schedule, slot, child, plan))
        else:
            child.reason = child.reason or _NOT_SPLIT
    scheduled_jobs.enqueue_burst(new, whole.requested_by or whole.requested_by_name, waits=False)
    if sentence := left_out(JobSplit.objects.filter(job=whole).first()):
        Slot.objects.filter(pk=slot.pk).update(reason=sentence)


def left_out(split: JobSplit | None) -> str:
    """Return a sentence about the rows of a split result that are for no recipient; "" if there are none."""
    found = split and split.left_out
    if not found or not found["rows"]:
        return ""
    keys = ["NULL" if key is None else f"“{key}”" for key in found["keys"]]
    more = " and others" if found["more"] else ""
    return f"Rows without a recipient: {found['rows']:,}. Their {split.column} is {', '.join(keys)}{more}."[:1000]  # type: ignore[union-attr]


def follow_retry(*, job: JobExecutionLog, new_job: JobExecutionLog, **_signal: object) -> None:
    """Let a recipient, or a slot whose recipients share its job, have the job that takes the place of a failed one.

    Receives jobs.actions.job_retried.
    """
    SlotRecipient.objects.filter(job=job).update(job=new_job)
    split = JobSplit.objects.filter(job=new_job).first()
    slot = Slot.objects.select_related("version").filter(job=job).first() if split else None
    if split is None or slot is None:
        return
    Slot.objects.filter(pk=slot.pk).update(job=new_job)
    needs_address = slot.version is not None and slot.version.definition["recipients"]["to"] is not None
    without_job, keys = slot.recipients.filter(job=None, archived_job=None), set(split.keys)
    again = [child.pk for child in without_job if child.key in keys and (child.addresses or not needs_address)]
    without_job.filter(pk__in=again).update(waits=True)
