"""Turns times that have come into slots, each exactly once.

A schedule is locked, its times since `next_at` get their slots and jobs, and `next_at` moves on, all in one
transaction. A host that dies in it leaves nothing behind, and the next one does the same again. Time is the database's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import User
from audit.actions import PendingEntry
from jobs.clock import Now
from jobs.delivery import outbox
from jobs.models import JobExecutionLog
from jobs.notices import events
from jobs.notices import outbox as notices
from jobs.queue import scheduled_jobs
from jobs.sql import now as database_now
from reports.choices.checked import looks_up_choices
from reports.definitions.field_types import duration
from reports.exceptions import CallerAttributeMissing, ChoicesUnavailable, InvalidParameters, ReportIncomplete
from reports.models import ReportConfiguration
from schedules.bursting.children import create_children
from schedules.bursting.reading import read_recipients, sentences
from schedules.bursting.splitting import enqueue_whole
from schedules.deliveries.planning import delivery_plan
from schedules.exceptions import RecipientsUnusable
from schedules.models import Schedule, Slot, SlotRecipient
from schedules.permissions import may_run_for
from schedules.trouble import pausing
from schedules.trouble.pausing import OWNER_GONE, REPORT_DELETED, SlotFailed

log = logging.getLogger(__name__)
#: How late a slot may be and still count as on time.
ON_TIME = timedelta(minutes=10)
#: The most slots that are made up for at once.
MAX_MADE_UP = 100
#: The most times of one schedule that one transaction records. After a long outage, several follow each other.
_MAX_TIMES = 2_000
#: Slots after which a transaction takes no further schedule: others who write wait for it.
_ENOUGH = 50
_MAX_REASON = 1_000
SCHEDULE_DELETED = "The schedule was deleted."

State = Slot.State


class Plan(NamedTuple):
    """What is to become of the times that have come, each in order: missed ones, made-up ones, those on time."""

    missed: list[datetime]
    made_up: list[datetime]
    on_time: list[datetime]


def plan(times: Sequence[datetime], now: datetime, *, missed: str, within: timedelta) -> Plan:
    """Divide times that have come by the rules for missed ones: "last", "all" or "none" of those `within`."""
    on_time = [time for time in times if now - time <= ON_TIME]
    late = [time for time in times if now - time > ON_TIME]
    recent = [time for time in late if now - time <= within]
    made_up = recent[-{"all": MAX_MADE_UP, "last": 1, "none": 0}[missed] :] if missed != "none" else []
    return Plan(late[: len(late) - len(made_up)], made_up, on_time)


def record_due(schedule_id: UUID, *, noticed_at: datetime | None = None) -> int:
    """Give the times of a schedule that have come their slots. Returns how many; 0 if another host is doing it.

    If the time zone of its report or tenant has changed, its next time follows. Times count as late as they were when
    they were `noticed_at`, by default now: recipients and choices may take a while to look up.
    """
    return _record_due(schedule_id, noticed_at or database_now())


@looks_up_choices
def _record_due(schedule_id: UUID, noticed_at: datetime) -> int:
    with transaction.atomic():
        schedule = Schedule.objects.lock(schedule_id, skip_locked=True)
        return _record_locked(schedule, noticed_at) if schedule else 0


def record_batch(schedule_ids: Sequence[UUID]) -> tuple[int, dict[UUID, datetime]]:
    """As `record_due`, for several schedules in one transaction: that takes a third of the time.

    Returns how many slots; and the schedules that were left out because their recipients or choices of their reports
    have to be looked up, which could keep the others waiting, with when they were noticed. After an outage, the last
    ones may get no slot yet. If one schedule fails, none of them gets a slot.
    """
    slow, recorded = dict[UUID, datetime](), 0
    with transaction.atomic():
        for schedule in Schedule.objects.lock_all(schedule_ids):
            has_choices = schedule.report and schedule.report.current_id and schedule.report.version.has_choices_queries
            if has_choices or schedule.recipients is not None:
                slow[schedule.pk] = schedule.now
            elif recorded < _ENOUGH:
                recorded += _record_locked(schedule)
    return recorded, slow


def _record_locked(schedule: Schedule, noticed_at: datetime | None = None) -> int:
    recorded = record(schedule, noticed_at=noticed_at)
    if schedule.next_at and schedule.next_zone != schedule.zone.key:
        schedule.move_on(after=schedule.now)
        schedule.save(update_fields=["next_at", "next_zone"])
    return recorded


def is_due(schedule: Schedule) -> bool:
    """Whether a locked schedule has a time that has come and has no slot."""
    return schedule.next_at is not None and schedule.next_at <= schedule.now


def record(schedule: Schedule, *, noticed_at: datetime | None = None) -> int:
    """Give the times of a locked schedule that have come their slots, by its definition as it is. Returns how many.

    At most 2,000 at once, or one that bursts. Called before every change, so that none of these times is lost by it.
    `noticed_at`: see `record_due`.
    """
    times = _times_due(schedule)
    if not times:
        return 0
    _record(schedule, times, min(noticed_at or schedule.now, schedule.now))
    schedule.move_on(after=times[-1])
    schedule.save(update_fields=["next_at", "next_zone", "paused", "paused_reason", "failed_slots"])
    return len(times)


def pause_for_deleted_report(report: ReportConfiguration, **_signal: object) -> list[PendingEntry]:
    """Pause the report's schedules before it is deleted, and return audit entries for the end of the transaction.

    Receives reports.models.deleting_report. Times that have come fail: a job could not run any more. The schedules are
    locked before any job is: a scheduler locks them before it changes a job.
    """
    of_report = Schedule.objects.filter(report=report).order_by("pk")
    locked = [Schedule.objects.lock(pk) for pk in of_report.values_list("pk", flat=True)]
    entries = []
    for schedule in locked:
        if schedule is None or schedule.paused:
            continue
        failed = [new_slot(schedule, time, State.FAILED, REPORT_DELETED) for time in _times_due(schedule)]
        Slot.objects.bulk_create(failed, batch_size=500, ignore_conflicts=True)
        schedule.paused, schedule.paused_reason, schedule.next_at = True, REPORT_DELETED, None
        schedule.save(update_fields=["next_at", "paused", "paused_reason"])
        events.schedule_paused(schedule.told, slot=schedule.now.isoformat(), reason=REPORT_DELETED)
        entries.append(pausing.paused_entry(schedule))
    return entries


def _times_due(schedule: Schedule) -> list[datetime]:
    """Return the first times of a locked schedule that have come and have no slot, at most 2,000."""
    if schedule.next_at is None or not is_due(schedule):
        return []
    following = takewhile(lambda time: time <= schedule.now, schedule.times(after=schedule.next_at))
    return [schedule.next_at, *islice(following, _MAX_TIMES - 1)]


def _record(schedule: Schedule, times: list[datetime], now: datetime) -> None:
    fields = schedule.version.definition
    planned = plan(times, now, missed=fields["missed"], within=duration(fields["missed_within"]))
    if len(times) == _MAX_TIMES and now - times[-1] > ON_TIME:
        # More times follow, of which the newest count: these are missed, except those that may be among them.
        planned = Plan(times[:-MAX_MADE_UP], [], [])
        del times[-MAX_MADE_UP:]
    if schedule.recipients is not None:
        planned = _up_to_first(planned, times)
    planned = _without_slots(schedule, planned, times)
    reason = "No server created a job in time."
    Slot.objects.bulk_create(
        [new_slot(schedule, time, State.MISSED, reason) for time in planned.missed], batch_size=500
    )
    if planned.missed:
        last = planned.missed[-1].isoformat()
        events.times_missed(schedule.told, slot=last, number=len(planned.missed))
    for time in planned.made_up:
        add_slot(schedule, time, waits=_has_unfinished(schedule))
    for time in planned.on_time:
        _add_on_time(schedule, time, fields["overlap"])


def _up_to_first(planned: Plan, times: list[datetime]) -> Plan:
    """Leave all times after the first that gets a slot with jobs to later transactions: each makes hundreds of jobs.

    What becomes of a time depends on later ones only, so that doesn't change.
    """
    first = min([*planned.made_up, *planned.on_time], default=times[-1])
    times[:] = [time for time in times if time <= first]
    return Plan(*([time for time in part if time <= first] for part in planned))


def _without_slots(schedule: Schedule, planned: Plan, times: list[datetime]) -> Plan:
    """Leave out times that have slots: when the database's clock was set back, the same times come again."""
    if schedule.is_idle is not None and (schedule.newest_slot is None or schedule.newest_slot < times[0]):
        return planned
    taken = set(schedule.slots.filter(time__range=(times[0], times[-1])).values_list("time", flat=True))
    return Plan(*([time for time in part if time not in taken] for part in planned)) if taken else planned


def _add_on_time(schedule: Schedule, time: datetime, overlap: str) -> None:
    if not _has_unfinished(schedule):
        add_slot(schedule, time)
    elif overlap == "skip":
        new_slot(schedule, time, State.SKIPPED, "An earlier job was still unfinished.").save()
    elif Slot.objects.filter(schedule=schedule, waits=True).exists():
        new_slot(schedule, time, State.SKIPPED, "Another job was already waiting for an earlier one.").save()
    else:
        add_slot(schedule, time, waits=True)


def add_slot(
    schedule: Schedule,
    time: datetime,
    *,
    kind: Slot.Kind = Slot.Kind.CRON,
    waits: bool = False,
    slot: Slot | None = None,
) -> Slot:
    """Add a slot with its job, or Failed with a reason, in the caller's transaction.

    `waits`: the job waits until the schedule has no other unfinished one. `slot`: use this one again, which has no job.
    """
    new, children = new_slot(schedule, time, State.CREATED, kind=kind), list[SlotRecipient]()
    schedule.is_idle = None
    new.pk = slot.pk if slot else None
    try:
        children = _add_jobs(schedule, new, waits)
        schedule.failed_slots = 0
    except SlotFailed as failure:
        new.state, new.reason = State.FAILED, str(failure)[:_MAX_REASON]
        # Somebody waits for the others, and sees that they failed.
        if kind == Slot.Kind.CRON:
            pausing.note_failure(schedule, new, failure)
    has_job = new.job is not None or any(child.job for child in children)
    new.waits, new.unfinished = waits and has_job, has_job and kind == Slot.Kind.CRON
    new.save(force_update=slot is not None, force_insert=slot is None)
    for child in children:
        child.slot = new
    SlotRecipient.objects.bulk_create(children, batch_size=200)
    return new


def _add_jobs(schedule: Schedule, slot: Slot, waits: bool) -> list[SlotRecipient]:
    """Give the slot its job; or Skipped, if it has no recipients; or return its recipients with theirs."""
    report, owner = _who_runs(schedule)
    try:
        if schedule.recipients is None:
            slot.job = _enqueue(schedule, report, owner, slot, waits)
            return []
        found = read_recipients(schedule, schedule.recipients)
        if not found:
            slot.state, slot.reason = State.SKIPPED, "The recipients' query returned no rows."
            return []
        if schedule.recipients.split_by is not None:
            return enqueue_whole(schedule, slot, found, waits=waits)
        # All or none, also if what is wrong shows only with the last recipient.
        with transaction.atomic():
            return create_children(schedule, slot, found, delivery_plan(schedule, slot), waits=waits)
    except InvalidParameters as error:
        raise SlotFailed(sentences(error)) from error
    except (ReportIncomplete, ChoicesUnavailable, CallerAttributeMissing, RecipientsUnusable) as error:
        raise SlotFailed(error.message, may_pass=error.retryable) from error


def _who_runs(schedule: Schedule) -> tuple[ReportConfiguration, User]:
    """Return the report, and the owner who may run it now. Raises SlotFailed."""
    report, owner = schedule.report, schedule.owner
    if report is None:
        raise SlotFailed(REPORT_DELETED, pauses=True)
    if owner is None or not owner.is_active:
        raise SlotFailed(OWNER_GONE, pauses=True)
    if not may_run_for(owner, report):
        raise SlotFailed(f"{owner.username} has no right to run the report.")
    return report, owner


def _enqueue(schedule: Schedule, report: ReportConfiguration, owner: User, slot: Slot, waits: bool) -> JobExecutionLog:
    fields = schedule.version.definition
    job = scheduled_jobs.scheduled_job(
        report=report,
        owner=owner,
        parameters=fields["parameters"],
        formats=fields["formats"] or None,
        # Versions from before this field existed lack it.
        section=fields.get("section"),
        moment=schedule.moment(slot.time),
    )
    details = {"schedule": schedule.slug, "slot": slot.time.isoformat()}
    scheduled_jobs.enqueue_scheduled(job, owner, waits=waits, details=details, plan=delivery_plan(schedule, slot))
    return job


def new_slot(
    schedule: Schedule, time: datetime, state: State, reason: str = "", *, kind: Slot.Kind = Slot.Kind.CRON
) -> Slot:
    """Return a slot that isn't stored yet, by the schedule's version as it is now."""
    return Slot(
        schedule=schedule, time=time, state=state, reason=reason, kind=kind, version=schedule.version, created_at=Now()
    )


def _has_unfinished(schedule: Schedule) -> bool:
    """Whether a job of the schedule has not ended, apart from those that somebody started by hand."""
    if schedule.is_idle:
        return False
    # Not all slots: after years, there are millions.
    marked = Slot.objects.filter(schedule=schedule, unfinished=True)
    if not marked.exists():
        return False
    unfinished = list(marked.with_unfinished_jobs().values_list("pk", flat=True))
    marked.exclude(pk__in=unfinished).update(unfinished=False)
    return bool(unfinished)


def release_waiting() -> int:
    """Let the jobs of the first waiting slot of each schedule start whose other jobs have ended. Returns how many."""
    first_of: dict[UUID, Slot] = {}
    running = Slot.objects.filter(schedule=OuterRef("schedule"), unfinished=True, waits=False)
    # No transaction for those that go on waiting: there may be thousands, which are looked at every few seconds.
    waiting = Slot.objects.filter(waits=True)
    ended = list(waiting.exclude(pk__in=waiting.with_unfinished_jobs()).values_list("pk", flat=True))
    if ended:
        Slot.objects.filter(pk__in=ended).update(waits=False, unfinished=False)
    for slot in waiting.filter(~Exists(running.with_unfinished_jobs())).order_by("time"):
        first_of.setdefault(slot.schedule_id, slot)
    return sum(_release(slot) for slot in first_of.values())


def forget(schedule: Schedule) -> None:
    """Let all waiting jobs of a schedule start, before its slots are deleted, and let nothing more be sent."""
    outbox.discard_unsent(schedule.pk, SCHEDULE_DELETED)
    notices.discard_unsent(schedule.pk, SCHEDULE_DELETED)
    events.forget(schedule.pk)
    for slot in schedule.slots.filter(waits=True):
        scheduled_jobs.release_waiting(slot.job_ids())


def _release(slot: Slot) -> bool:
    with transaction.atomic():
        if Schedule.objects.lock(slot.schedule_id, skip_locked=True) is None:
            return False
        others = Slot.objects.filter(schedule=slot.schedule_id, unfinished=True, waits=False)
        if others.with_unfinished_jobs().exists():
            return False
        if not Slot.objects.filter(pk=slot.pk, waits=True).update(waits=False):
            return False
        scheduled_jobs.release_waiting(slot.job_ids())
    return True


def late_slots() -> int:
    """Count times that should have a slot by now, and have none: more than a minute late, and at most 1,000 of each
    schedule."""
    late, until = 0, database_now() - timedelta(minutes=1)
    for schedule in Schedule.objects.filter(next_at__lte=until).complete():
        following = takewhile(lambda time: time <= until, schedule.times(after=schedule.next_at or until))
        late += 1 + sum(1 for _ in islice(following, 999))
    return late
