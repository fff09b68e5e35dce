"""The pages of schedules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration
from schedules.models import Schedule
from tests.pages.html import Page
from tests.schedules.conftest import MakeSchedule, record

pytestmark = pytest.mark.django_db(databases="__all__")


def browser(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_list_shows_next_and_last_run_and_owner(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(due=timedelta(hours=1))
    record(schedule)
    page = Page(browser("alice").get("/schedules"))
    table = page.get("table", "Schedules by URL name")
    assert all(text in table.text for text in ("hourly", "Carrier delays", "0 * * * *", "Queued", "bob"))
    assert table.get("link", "hourly")["href"] == "/schedules/hourly"
    assert "No schedules yet" not in page.text
    User.objects.create_user("carol", tenant=schedule.tenant)
    assert "No schedules yet" in Page(browser("carol").get("/schedules")).text
    assert browser("carol").get("/schedules/hourly").status_code == 403
    assert browser("alice").get("/schedules/nothing").status_code == 404


def test_a_schedules_page_shows_its_next_times_and_slots(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule(cron="0 7 31 * *", time_zone="Europe/Berlin")
    page = Page(browser("bob").get("/schedules/hourly"))
    following = page.get("region", "Next runs")
    assert following.text.count("-31 07:00") == 5 and "Europe/Berlin" in following.text
    assert "Months without day 31 are skipped." in following.text
    assert "No slots yet" in page.get("region", "Slots").text
    assert schedule.slug in page.text and "now-1M/M" in page.get("region", "Details").text


def test_the_page_of_a_schedule_whose_report_was_deleted(
    make_schedule: MakeSchedule, sales: ReportConfiguration
) -> None:
    make_schedule()
    sales.delete()
    page = Page(browser("bob").get("/schedules/hourly"))
    assert "0 * * * *" in page.get("region", "Details").text
    assert "The report was deleted." in Page(browser("bob").get("/schedules")).text


def test_buttons_run_pause_and_resume(make_schedule: MakeSchedule) -> None:
    make_schedule()
    bob = browser("bob")
    assert Page(bob.get("/schedules/hourly")).has("button", "Pause")
    answer = bob.post("/schedules/hourly/run")
    assert answer["Location"] == f"/jobs/{JobExecutionLog.objects.get().pk}"
    assert "Run now" in Page(bob.get("/schedules/hourly")).get("region", "Slots").text
    assert bob.post("/schedules/hourly/pause")["Location"] == "/schedules/hourly"
    page = Page(bob.get("/schedules/hourly"))
    assert "hourly is paused." in page.text and page.has("button", "Resume") and Schedule.objects.get().paused
    bob.post("/schedules/hourly/resume")
    assert not Schedule.objects.get().paused
    assert bob.post("/schedules/hourly/explode").status_code == 404
    assert bob.get("/schedules/hourly/run").status_code == 405


def test_a_run_that_is_refused_says_why(make_schedule: MakeSchedule) -> None:
    make_schedule()
    User.objects.filter(username="bob").update(is_active=False)
    alice = browser("alice")
    alice.post("/schedules/hourly/run")
    assert "The owner&#x27;s account is not active" in alice.get("/schedules/hourly").content.decode()
