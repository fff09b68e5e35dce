"""Slots: which times get one, and what becomes of it."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Tenant, User
from audit.models import AuditLog
from jobs import actions as jobs
from jobs import deployment
from jobs.exceptions import TooManyJobs
from jobs.execution import reconciler, transitions
from jobs.models import Delivery, JobExecutionLog
from reports.models import ReportConfiguration, UserGrant
from schedules import actions, slots, to_database
from schedules.models import Schedule, Slot
from schedules.scheduler import Scheduler
from tests.jobs.helpers import succeed_with
from tests.plans import only_on_sqlite
from tests.reports.api.clients import client
from tests.schedules.conftest import MakeSchedule, hour, record, rewind, states

HOUR = timedelta(hours=1)


def claim() -> JobExecutionLog | None:
    return transitions.claim(owner="w", host="h", pid=1)


def test_a_time_that_has_come_gets_one_slot_with_a_job_as_the_owner(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", due=timedelta(minutes=1))
    assert slots.record_due(schedule.pk) in (1, 2)
    assert slots.record_due(schedule.pk) == 0
    slot = Slot.objects.filter(schedule=schedule).earliest("time")
    assert slot.state == "Created" and slot.job
    assert (slot.job.requested_by_name, slot.job.status, slot.job.format) == ("bob", "Queued", "pdf")
    assert slot.job.requested_parameters == {"start": "now-1M/M", "end": "now/M-1d"}
    entry = AuditLog.objects.filter(action="Job Generate").last()
    assert entry and entry.details["schedule"] == "hourly" and entry.actor == "bob"


def test_a_restored_copy_of_the_database_creates_no_slots_until_it_is_adopted(
    make_schedule: MakeSchedule, settings: Settings
) -> None:
    schedule = make_schedule(cron="* * * * *", due=timedelta(minutes=1))
    deployment.record()
    settings.DEPLOYMENT_ID = "another"
    Scheduler().work()
    assert not schedule.slots.exists()
    deployment.adopt(actor="operator")
    Scheduler().work()
    assert schedule.slots.exists()


def test_relative_dates_are_resolved_at_the_slot_in_the_schedules_zone(make_schedule: MakeSchedule) -> None:
    zone = "Pacific/Kiritimati"
    schedule = make_schedule(time_zone=zone, parameters={"start": "today", "end": "today"}, missed="all", due=12 * HOUR)
    record(schedule)
    created = schedule.slots.filter(state="Created").select_related("job")
    assert created.count() >= 11
    for slot in created:
        assert slot.job and slot.job.parameters["start"] == str(slot.time.astimezone(schedule.zone).date())


@pytest.mark.parametrize(
    ("missed", "within", "expected"),
    [("last", "24h", [3]), ("all", "24h", [1, 2, 3]), ("none", "24h", []), ("all", "90m", [2, 3]), ("last", "30m", [])],
)
def test_times_that_passed_without_a_server_follow_the_rule(missed: str, within: str, expected: list[int]) -> None:
    now = datetime.fromisoformat("2026-11-29T12:30+00:00")
    late = [now - timedelta(minutes=30) - hours * HOUR for hours in (2, 1, 0)]
    on_time = [now - timedelta(minutes=10), now]
    days = {"24h": 24 * HOUR, "90m": 1.5 * HOUR, "30m": HOUR / 2 - timedelta(seconds=1)}[within]
    plan = slots.plan([*late, *on_time], now, missed=missed, within=days)
    assert plan.made_up == [late[number - 1] for number in expected]
    assert plan.missed == [time for time in late if time not in plan.made_up] and plan.on_time == on_time


def test_every_missed_time_is_a_row(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="30 * * * *", due=5 * HOUR + timedelta(minutes=15), missed="last")
    found = record(schedule)
    assert len(found) in (5, 6) and [state for _, state in found].count("Created") in (1, 2)
    times = [time for time, _ in found]
    assert all(later - earlier == HOUR for earlier, later in itertools.pairwise(times))
    assert {state for _, state in found[:-2]} == {"Missed"}
    assert Schedule.objects.get(pk=schedule.pk).next_at == times[-1] + HOUR


def test_a_long_outage_is_recorded_in_parts_and_only_the_newest_are_made_up(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", due=timedelta(minutes=4_500), missed="all", missed_within="9d")
    while slots.record_due(schedule.pk):
        pass
    times = [time for time, _ in states(schedule)]
    assert len(times) in (4_500, 4_501, 4_502)
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in itertools.pairwise(times))
    created = schedule.slots.filter(state="Created").order_by("time")
    assert 100 <= created.count() <= 112 and created[0].time >= times[-112]


def test_two_schedulers_cannot_create_the_same_slot(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(due=2 * HOUR)
    record(schedule)
    slot = schedule.slots.first()
    assert slot
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.create(schedule=schedule, time=slot.time, state="Missed", created_at=timezone.now())


def test_overlap_queue_lets_one_job_wait_and_skips_more(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", overlap="queue", due=timedelta(minutes=5))
    record(schedule)
    assert [state for _, state in states(schedule)][:4] == ["Created", "Created", "Skipped", "Skipped"]
    first = claim()
    assert first and claim() is None, "the second job waits"
    # Jobs that wait for longer than attempts do are brought forward when a host starts, or a clock was set back.
    reconciler._bring_jobs_forward()
    assert claim() is None
    assert slots.release_waiting() == 0
    succeed_with(first, b"x")
    assert slots.release_waiting() == 1
    second = claim()
    assert second and second.pk != first.pk
    waiting = schedule.slots.filter(waits=True)
    assert not waiting.exists()
    schedule.slots.filter(state="Skipped").delete()
    rewind(schedule, timedelta(minutes=2))
    record(schedule)
    assert waiting.count() == 1, "another one may wait now"


def test_overlap_skip_skips_while_a_job_is_unfinished(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", overlap="skip", due=timedelta(minutes=3))
    record(schedule)
    assert {state for _, state in states(schedule)[1:]} == {"Skipped"}
    assert "still unfinished" in schedule.slots.earliest("-time").reason


def test_without_the_right_or_the_account_the_slot_fails(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(due=2 * HOUR, missed="all")
    UserGrant.objects.all().delete()
    bob.groups.clear()
    assert {state for _, state in record(schedule)} == {"Failed"}
    assert schedule.slots.latest("time").reason == "bob has no right to run the report."
    assert not JobExecutionLog.objects.exists() and Schedule.objects.get(pk=schedule.pk).next_at


def test_a_deactivated_owners_schedule_pauses(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(due=HOUR, missed="last")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert record(schedule)[-1][1] == "Failed"
    schedule.refresh_from_db()
    assert schedule.paused and schedule.next_at is None
    assert schedule.paused_reason == "The owner's account was deactivated or deleted."


def test_a_deleted_report_pauses_its_schedule(make_schedule: MakeSchedule, sales: ReportConfiguration) -> None:
    schedule = make_schedule(due=HOUR)
    sales.delete()
    assert record(schedule)[-1][1] == "Failed"
    assert Schedule.objects.get(pk=schedule.pk).paused_reason == "The report was deleted."


def test_values_that_are_no_longer_valid_fail_the_slot_with_their_sentences(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(due=HOUR, parameters={"start": "2024-01-01"})
    version = schedule.version
    type(version).objects.filter(pk=version.pk).update(definition=version.definition | {"parameters": {"start": "x"}})
    record(schedule)
    assert "start: Must be a date" in schedule.slots.latest("time").reason


def test_scheduled_jobs_count_towards_no_limit_and_send_nothing(
    make_schedule: MakeSchedule, bob: User, sales: ReportConfiguration, settings: object
) -> None:
    settings.MAX_UNFINISHED_PER_USER = 1  # type: ignore[attr-defined]
    schedule = make_schedule(due=3 * HOUR, missed="all", formats=["csv"])
    record(schedule)
    jobs.submit(report=sales, actor=bob, parameters={"start": "2024-01-01"})
    with pytest.raises(TooManyJobs):
        jobs.submit(report=sales, actor=bob, parameters={"start": "2024-01-01"})
    job = claim()
    assert job and job.is_scheduled
    succeed_with(job, b"x")
    assert not Delivery.objects.exists(), "the report's targets are not the schedule's"


def test_a_change_affects_later_times_only(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(cron="0 * * * *", missed="none", due=3 * HOUR)
    changed = actions.patch_schedule(schedule=schedule, patch={"cron": "30 * * * *"}, actor=bob)
    assert {time.minute for time, _ in states(schedule)} == {0} and len(states(schedule)) == 3
    assert changed.next_at and changed.next_at.minute == 30 and changed.next_at > timezone.now()


def test_pause_writes_no_rows_and_resume_affects_later_times_only(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(due=HOUR)
    paused = actions.pause(schedule=schedule, actor=bob)
    before_the_pause = states(schedule)
    assert paused.next_at is None and len(before_the_pause) == 1 and record(schedule) == before_the_pause
    resumed = actions.resume(schedule=schedule, actor=bob)
    assert resumed.next_at == hour(1) and record(schedule) == before_the_pause


def test_run_now_counts_for_nothing_else(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(overlap="skip")
    slot = actions.run_now(schedule=schedule, actor=bob)
    assert slot.kind == "manual" and slot.job and abs(slot.time - timezone.now()) < timedelta(seconds=60)
    rewind(schedule, HOUR)
    assert record(schedule)[0][1] == "Created"


def test_a_backfill_uses_slots_without_a_job_again_and_never_others(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(due=4 * HOUR, missed="last")
    record(schedule)
    created = set(schedule.slots.filter(state="Created").values_list("job_id", flat=True))
    missed = set(schedule.slots.filter(state="Missed").values_list("pk", flat=True))
    next_at = Schedule.objects.get(pk=schedule.pk).next_at
    added = actions.backfill(schedule=schedule, first=hour(-5), last=hour(24), actor=bob)
    assert len(added) == 6 - len(created) and missed <= {slot.pk for slot in added}
    assert created < set(schedule.slots.values_list("job_id", flat=True))
    assert set(schedule.slots.values_list("state", flat=True)) == {"Created"}
    assert Schedule.objects.get(pk=schedule.pk).next_at == next_at
    assert actions.backfill(schedule=schedule, first=hour(-5), last=hour(0), actor=bob) == []


def test_a_backfill_of_a_time_that_is_due_leaves_the_schedule_running(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(due=2 * HOUR, missed="none")
    actions.backfill(schedule=schedule, first=hour(-3), last=hour(0), actor=bob)
    backfilled = states(schedule)
    assert len(backfilled) == 4 and {state for _, state in backfilled} == {"Created"}
    assert record(schedule) == backfilled
    assert Schedule.objects.get(pk=schedule.pk).next_at == hour(1)


def test_times_that_come_again_after_the_clock_was_set_back_keep_their_slots(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(due=3 * HOUR, missed="all")
    before = record(schedule)
    rewind(schedule, 5 * HOUR)
    again = record(schedule)
    assert again[-len(before) :] == before and len(again) == len(before) + 2
    # In the first minutes of an hour, its slot is skipped, since another one waits.
    assert JobExecutionLog.objects.count() == sum(state == "Created" for _, state in again)


def test_an_edit_loses_no_time(make_schedule: MakeSchedule, bob: User) -> None:
    """The time comes between the lock and the end of the edit."""
    schedule = make_schedule(cron="* * * * *")
    with transaction.atomic():
        locked = Schedule.objects.lock(schedule.pk)
        assert locked
        locked.now = hour(-1) + timedelta(seconds=59)
        definition = locked.definition.model_copy(update={"overlap": "skip"})
        to_database._write(locked, definition, bob, ["overlap"])
    assert Schedule.objects.get(pk=schedule.pk).next_at == hour(-1) + timedelta(minutes=1)


def test_jobs_that_wait_start_when_their_schedule_is_deleted(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(cron="* * * * *", overlap="queue", due=timedelta(minutes=3))
    record(schedule)
    assert claim() and claim() is None
    actions.delete_schedule(schedule=schedule, actor=bob)
    assert JobExecutionLog.objects.count() == 2 and claim(), "the second job waits no longer"


def test_a_pause_by_the_server_is_audited_and_its_reason_outlives_edits(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(due=3 * HOUR, missed="all")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    record(schedule)
    (entry,) = AuditLog.objects.filter(action="Schedule Pause")
    reason = "The owner's account was deactivated or deleted."
    assert (entry.actor, entry.details["reason"]) == ("system", reason)
    renamed = actions.patch_schedule(schedule=schedule, patch={"slug": "renamed"}, actor=bob)
    assert renamed.paused and renamed.paused_reason == reason
    resumed = actions.patch_schedule(schedule=schedule, patch={"paused": False}, actor=bob)
    assert not resumed.paused and not resumed.paused_reason and resumed.next_at


def test_start_on_and_end_on_bound_the_times(make_schedule: MakeSchedule) -> None:
    today = timezone.now().date()
    tomorrow, later = today + timedelta(days=1), today + timedelta(days=2)
    schedule = make_schedule(start_on=str(tomorrow), end_on=str(tomorrow))
    times = list(Schedule.objects.complete().get(pk=schedule.pk).times(after=timezone.now()))
    assert len(times) == 24 and {time.date() for time in times} == {tomorrow} and times[-1].date() < later


def test_late_slots_counts_times_without_a_slot(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", due=timedelta(minutes=5))
    assert slots.late_slots() in (3, 4, 5)
    record(schedule)
    assert slots.late_slots() == 0


def test_late_slots_of_a_schedule_are_counted_up_to_a_thousand(make_schedule: MakeSchedule) -> None:
    make_schedule(cron="* * * * *", due=timedelta(days=3))
    assert slots.late_slots() == 1_000


def test_a_manual_run_and_a_backfill_keep_no_time_from_running(make_schedule: MakeSchedule, bob: User) -> None:
    schedule = make_schedule(overlap="skip")
    actions.run_now(schedule=schedule, actor=bob)
    actions.backfill(schedule=schedule, first=hour(-5), last=hour(-3), actor=bob)
    rewind(schedule, HOUR)
    assert record(schedule)[-2][1] == "Created"


@only_on_sqlite
def test_overlap_is_checked_without_reading_the_history(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", overlap="skip", due=timedelta(minutes=1))
    record(schedule)
    job = claim()
    assert job and schedule.slots.filter(unfinished=True).exists()
    succeed_with(job, b"x")
    rewind(schedule, timedelta(minutes=1))
    schedule.slots.all().delete()
    record(schedule)
    unfinished = schedule.slots.filter(unfinished=True)
    assert [slot.job_id for slot in unfinished] == [schedule.slots.latest("time").job_id]
    assert "slot_unfinished" in unfinished.order_by().explain()


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("level", ["report", "tenant"])
def test_the_next_time_follows_the_time_zone_of_report_and_tenant(
    make_schedule: MakeSchedule, sales: ReportConfiguration, level: str
) -> None:
    local = make_schedule(cron="0 7 * * *")
    fixed = make_schedule(slug="fixed", cron="0 7 * * *", time_zone="Europe/Berlin")
    before = Schedule.objects.get(pk=fixed.pk).next_at
    if level == "tenant":
        Tenant.objects.filter(pk=sales.tenant_id).update(time_zone="Asia/Tokyo")
    else:
        client("alice").patch(f"/api/v1/reports/{sales.slug}", {"time_zone": "Asia/Tokyo"}, format="json")
    Scheduler().work()
    local.refresh_from_db()
    assert local.next_at and local.next_at.astimezone(ZoneInfo("Asia/Tokyo")).hour == 7
    assert local.next_at > timezone.now() and Schedule.objects.get(pk=fixed.pk).next_at == before
    assert not Schedule.objects.in_another_zone().exists()


@only_on_sqlite
def test_schedules_that_fail_do_not_stop_others(make_schedule: MakeSchedule) -> None:
    good = make_schedule(slug="good", due=HOUR)
    broken = make_schedule(slug="broken", due=5 * HOUR)
    version = broken.version
    type(version).objects.filter(pk=version.pk).update(definition=version.definition | {"cron": "broken"})
    due = Schedule.objects.get(pk=broken.pk).next_at
    many = [Schedule(tenant=good.tenant, slug=f"b{number}", owner=good.owner, next_at=due) for number in range(200)]
    Schedule.objects.bulk_create(many)
    scheduler = Scheduler()
    assert scheduler.work() < 1, "more are due"
    assert scheduler.work() > 0
    assert states(good) and Schedule.objects.get(pk=broken.pk).next_at == due


def test_the_scheduler_goes_on_at_once_while_a_schedule_has_more_times(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *", due=timedelta(minutes=2_500), missed="none")
    scheduler = Scheduler()
    assert scheduler.work() < 1 and len(states(schedule)) == 1_900
    scheduler.work()
    assert len(states(schedule)) > 2_490


def test_a_slot_has_one_job_with_all_formats_of_the_schedule(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(due=HOUR, formats=["csv", "pdf"])
    record(schedule)
    job = schedule.slots.latest("time").job
    assert job and job.formats == ["csv", "pdf"]


@only_on_sqlite
def test_slots_of_many_schedules_are_created_together_and_one_that_fails_alone(
    make_schedule: MakeSchedule, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    schedules = [make_schedule(slug=f"number-{number}", due=HOUR) for number in range(5)]
    with django_assert_max_num_queries(60):
        assert slots.record_batch([schedule.pk for schedule in schedules[:3]]) == (3, {})
    assert all(len(states(schedule)) == 1 for schedule in schedules[:3])
    bad, good = schedules[3:]
    record_one = slots.record

    def fail(schedule: Schedule, **named: Any) -> int:
        if schedule.pk == bad.pk:
            raise RuntimeError("no slot")
        return record_one(schedule, **named)

    monkeypatch.setattr(slots, "record", fail)
    Scheduler().work()
    assert (states(bad), len(states(good))) == ([], 1)
