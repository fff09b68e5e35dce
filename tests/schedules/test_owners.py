"""Schedules whose owner is gone: they pause, Administrators are told, and take them over."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from accounts.models import User
from audit.models import AuditLog
from jobs.models import Notice
from reports.models import ReportConfiguration
from schedules.models import Schedule
from schedules.scheduler import Scheduler
from schedules.trouble import owners
from tests.jobs.notices.sending import send_all, text
from tests.pages.html import Page
from tests.reports.api.clients import client
from tests.schedules.conftest import MakeSchedule
from tests.schedules.sending import URL
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = pytest.mark.django_db(databases="__all__")
GONE = "The owner's account was deactivated or deleted."


@pytest.fixture
def orphan(make_schedule: MakeSchedule) -> Schedule:
    """bob's schedule, which is not due, after he was deactivated."""
    User.objects.filter(username="alice").update(email="alice@example.com")
    schedule = make_schedule(cron="0 0 1 1 *")
    User.objects.filter(username="bob").update(is_active=False)
    Scheduler().work()
    return Schedule.objects.complete().get(pk=schedule.pk)


def test_a_deactivated_owners_schedules_pause_before_they_are_due(orphan: Schedule) -> None:
    assert (orphan.paused, orphan.paused_reason, orphan.next_at) == (True, GONE, None)
    assert not orphan.slots.exists() and owners.pause_without_owner() == 0
    assert AuditLog.objects.filter(action="Schedule Pause").count() == 1


def test_administrators_get_one_message_for_all_schedules_of_an_owner(
    make_schedule: MakeSchedule, mails: Mails
) -> None:
    User.objects.filter(username="alice").update(email="alice@example.com")
    make_schedule(slug="one", cron="0 0 1 1 *")
    make_schedule(slug="two", due=timedelta(hours=1))
    User.objects.filter(username="bob").update(is_active=False)
    Scheduler().work()
    Scheduler().work()
    assert set(Schedule.objects.values_list("paused", flat=True)) == {True}
    ((address, message),) = send_all(mails)
    assert (address, message["Subject"]) == ("alice@example.com", "Schedules of bob need an owner")
    assert "/schedules?needs=owner" in text(message) and message["List-Unsubscribe"] is None


def test_a_deleted_owners_schedule_pauses(make_schedule: MakeSchedule) -> None:
    User.objects.filter(username="alice").update(email="alice@example.com")
    schedule = make_schedule(cron="0 0 1 1 *")
    User.objects.get(username="bob").delete()
    assert owners.pause_without_owner() == 1
    assert Schedule.objects.get(pk=schedule.pk).paused_reason == GONE
    assert Notice.objects.get().details["owner"] == "bob"


def test_an_administrator_takes_a_schedule_over(orphan: Schedule) -> None:
    answer = client("alice").post(f"{URL}/hourly/take-over")
    assert answer.status_code == 200, answer.content
    taken = answer.json()
    assert (taken["owner"], taken["paused"], taken["version"], len(taken["nextTimes"])) == ("alice", False, 2, 5)
    entry = AuditLog.objects.get(action="Schedule Take Over")
    assert (entry.actor, entry.details["before"], entry.details["run_as"]) == ("alice", "user:bob", "user:alice")
    again = client("alice").post(f"{URL}/hourly/take-over")
    assert (again.status_code, again.json()["code"]) == (409, "schedule_has_owner")


def test_only_administrators_take_over(orphan: Schedule) -> None:
    User.objects.create_user("carol", tenant=orphan.tenant).groups.set(User.objects.get(username="bob").groups.all())
    assert client("carol").post(f"{URL}/hourly/take-over").status_code == 403
    assert client("alice").post(f"{URL}/nothing/take-over").status_code == 404


def test_a_schedule_without_a_report_cannot_be_taken_over(orphan: Schedule, sales: ReportConfiguration) -> None:
    sales.delete()
    answer = client("alice").post(f"{URL}/hourly/take-over")
    assert (answer.status_code, answer.json()["code"]) == (409, "report_configuration_missing")


def test_a_schedule_that_somebody_paused_stays_paused(make_schedule: MakeSchedule) -> None:
    make_schedule(paused=True)
    User.objects.filter(username="bob").update(is_active=False)
    taken = client("alice").post(f"{URL}/hourly/take-over").json()
    assert (taken["owner"], taken["paused"]) == ("alice", True)


def test_the_list_shows_what_needs_an_owner(orphan: Schedule) -> None:
    browser = Client()
    browser.force_login(User.objects.get(username="alice"))
    page = Page(browser.get("/schedules").content.decode())
    assert "1 schedule needs an owner." in page.text and page.has("link", "Show them")
    listed = Page(browser.get("/schedules?needs=owner").content.decode())
    assert listed.has("button", "Take over hourly")
    assert browser.get("/schedules/hourly").content.decode().count('id="take-over"') == 1
    answer = browser.post("/schedules/hourly/take-over", follow=True)
    assert "hourly is yours and runs again." in answer.content.decode()
    assert "Every schedule has an owner" in browser.get("/schedules?needs=owner").content.decode()


def test_a_command_takes_over_for_somebody(orphan: Schedule) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        call_command("schedules", "take-over", "hourly", "--as", "nobody")
    out = StringIO()
    call_command("schedules", "take-over", "hourly", "--as", "alice", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"owner": "alice", "paused": False}
