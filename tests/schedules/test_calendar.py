"""The calendar of a schedule: what became of the times of each day, and what is to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from jobs.models import JobExecutionLog
from schedules import actions, calendar
from schedules.models import Schedule, Slot, SlotRecipient
from tests.pages.html import Page
from tests.schedules.conftest import MakeSchedule, rewind
from tests.schedules.test_pages import browser

pytestmark = pytest.mark.django_db(databases="__all__")


def slot(schedule: Schedule, time: datetime, state: str, *, late: timedelta = timedelta(0), kind: str = "cron") -> Slot:
    return Slot.objects.create(schedule=schedule, time=time, state=state, kind=kind, created_at=time + late)


def month(schedule: Schedule, text: str) -> dict[int, dict[str, int]]:
    """The outcomes of each day that has any."""
    shown = calendar.month_of(Schedule.objects.complete().get(pk=schedule.pk), text)
    days = [day for week in shown.weeks for day in week if not day.is_outside]
    return {day.date.day: {part.outcome: part.number for part in day.parts} for day in days if day.parts}


def test_each_day_counts_its_outcomes_in_the_zone_of_the_schedule(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(time_zone="Asia/Tokyo", cron="0 0 1 1 *", paused=True)
    at = datetime(2020, 5, 9, 16, tzinfo=UTC)  # 10 May, 01:00
    for minute, state in enumerate(["Created", "Created", "Skipped", "Missed", "Failed"]):
        late = timedelta(minutes=11 if minute == 1 else 0)
        slot(schedule, at + timedelta(minutes=minute), state, late=late)
    slot(schedule, at + timedelta(hours=1), "Created", kind="manual")
    slot(schedule, at + timedelta(hours=2), "Created", late=timedelta(days=9), kind="backfill")
    slot(schedule, datetime(2020, 4, 30, 15, tzinfo=UTC), "Created")
    slot(schedule, datetime(2020, 5, 31, 15, tzinfo=UTC), "Created")
    tenth = {"failed": 1, "missed": 1, "late": 1, "skipped": 1, "made": 2}
    assert month(schedule, "2020-05") == {1: {"made": 1}, 10: tenth}
    assert month(schedule, "2020-06") == {1: {"made": 1}}


def test_a_job_that_failed_counts_as_failed(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule()
    made = actions.run_now(schedule=schedule, actor="system")
    JobExecutionLog.objects.update(status="Failed", ended_at=timezone.now(), error_code="x")
    Slot.objects.filter(pk=made.pk).update(kind="cron", time=datetime(2020, 5, 9, tzinfo=UTC))
    assert month(schedule, "2020-05") == {9: {"failed": 1}}


def test_times_to_come_are_expected_and_those_without_a_slot_are_late(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="0 12 10 * *")
    following = schedule.next_time(after=timezone.now())
    assert following and month(schedule, f"{following:%Y-%m}")[10] == {"expected": 1}
    rewind(schedule, timedelta(days=31))
    past = Schedule.objects.get(pk=schedule.pk).next_at
    assert past and month(schedule, f"{past:%Y-%m}")[10] == {"late": 1}
    assert month(schedule, "2020-01") == {}


def test_the_page_shows_the_month_and_links_to_its_neighbors(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="0 12 * * *")
    slot(schedule, datetime(2020, 12, 24, 12, tzinfo=UTC), "Missed")
    page = Page(browser("bob").get("/schedules/hourly?month=2020-12"))
    region = page.get("region", "December 2020")
    assert region.get("link", "Previous month")["href"] == "?month=2020-11#calendar"
    assert region.get("link", "Next month")["href"] == "?month=2021-01#calendar"
    assert "1 missed" in " ".join(region.text.split())
    for text in ("x", "2020-13", "0000-01", "9999-12", "1970-01", "2999-12"):
        assert browser("bob").get("/schedules/hourly", {"month": text}).status_code == 200


def test_a_schedule_of_every_minute_is_counted_up_to_a_limit(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="* * * * *")
    later = timezone.now() + timedelta(days=70)
    shown = calendar.month_of(schedule, f"{later:%Y-%m}")
    assert shown.is_cut and shown.legend[0].number == 5_000


def test_recipients_that_failed_and_queued_slots_are_counted(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="0 0 1 1 *", paused=True)
    for day, outcome in enumerate([{}, {"waits": True}, {"reason": "The key is NULL or empty."}], 1):
        made = slot(schedule, datetime(2020, 5, day, tzinfo=UTC), "Created")
        SlotRecipient.objects.create(slot=made, key="a", **outcome)
    assert made.recipients.get().outcome == "failed"
    SlotRecipient.objects.filter(slot__time__day=1).delete()
    slot(schedule, datetime(2020, 5, 4, tzinfo=UTC), "Queued", kind="backfill")
    counts = {1: {"made": 1}, 2: {"made": 1}, 3: {"failed": 1}, 4: {"expected": 1}}
    assert month(schedule, "2020-05") == counts
