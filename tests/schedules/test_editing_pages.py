"""The pages that create, edit, backfill and delete schedules."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User
from audit.models import AuditLog
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration
from schedules import actions
from schedules.models import Schedule
from tests.pages.html import Page
from tests.schedules.conftest import MakeSchedule, hour, record, states
from tests.schedules.test_pages import browser

pytestmark = pytest.mark.django_db(databases="__all__")
NEW = "/schedules/new?report=carrier-delays"
FORM = {
    "slug": "weekly",
    "cron": "0 7 * * MON",
    "time_zone": "Europe/Berlin",
    "param.start": "now-1w/w",
    "param.end": "now/w-1d",
    "formats": "csv",
    "missed": "last",
    "missed_within": "24h",
    "overlap": "skip",
    "do": "save",
}


@pytest.fixture
def bobs(sales: ReportConfiguration) -> Client:
    return browser("bob")


def test_a_schedule_is_created_from_the_page_of_its_report(bobs: Client) -> None:
    page = Page(bobs.get("/reports/carrier-delays"))
    assert page.get("button", "Schedule…")["formaction"] == NEW
    carried = bobs.post(NEW, {"do": "start", "param.start": "now-1M/M", "param.end": "today", "format": "csv"})
    form = Page(carried)
    assert form.field("From")["value"] == "now-1M/M" and form.field("URL name")["value"] == "carrier-delays"
    answer = bobs.post(NEW, FORM)
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/schedules/weekly"), answer.content.decode()
    schedule = Schedule.objects.complete().get()
    assert schedule.owner and schedule.owner.username == "bob"
    assert schedule.definition.parameters == {"start": "now-1w/w", "end": "now/w-1d"}
    assert (schedule.definition.formats, schedule.definition.overlap, schedule.zone.key) == (
        ["csv"],
        "skip",
        "Europe/Berlin",
    )


def test_a_finished_job_is_repeated_with_what_was_requested(make_schedule: MakeSchedule, bobs: Client) -> None:
    schedule = make_schedule(formats=["csv"], due=timedelta(hours=1))
    record(schedule)
    JobExecutionLog.objects.update(status="Failed", ended_at=hour(), error_code="x")
    job = JobExecutionLog.objects.get()
    link = Page(bobs.get(f"/jobs/{job.pk}")).get("link", "Repeat this…")["href"]
    form = Page(bobs.get(link))
    assert form.field("From")["value"] == "now-1M/M" and form.text
    assert 'value="csv" checked' in bobs.get(link).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("cron", "0 7 * *", "Must have five fields"),
        ("time_zone", "Nowhere", "There is no such time zone"),
        ("slug", "preview", "This name is reserved. Choose another."),
        ("param.start", "now-1X", "can&#x27;t be read"),
        ("param.start", "", "required"),
        ("start_on", "soon", "Must be a date like 2026-12-31."),
        ("end_on", "2020-01-01", "would never run"),
        ("missed_within", "x", "Must be a number of minutes"),
        ("formats", "xlsx", "Must be one of: pdf, csv."),
    ],
)
def test_an_error_is_shown_at_its_field_and_nothing_typed_is_lost(
    bobs: Client, field: str, value: str, sentence: str
) -> None:
    answer = bobs.post(NEW, FORM | {"slug": "typed-name", "time_zone": "Europe/Paris", field: value})
    text = answer.content.decode()
    assert answer.status_code == 200 and sentence in text and Schedule.objects.count() == 0
    assert 'id="error-summary"' in text and "now/w-1d" in text
    assert field == "slug" or "typed-name" in text
    assert field == "formats" or not value or f'value="{value}"' in text


def test_buttons_fill_in_the_cron_expression_and_dates(bobs: Client) -> None:
    weekdays = Page(bobs.post(NEW, FORM | {"do": "cron weekdays", "time": "18:30"}))
    assert weekdays.field("Cron expression")["value"] == "30 18 * * MON-FRI"
    later = Page(bobs.post(NEW, FORM | {"do": "cron time", "time": "08:15"}))
    assert later.field("Cron expression")["value"] == "15 8 * * MON"
    dates = Page(bobs.post(NEW, FORM | {"do": "period last_month start end"}))
    assert dates.field("From")["value"] == "now-1M/M"
    assert Schedule.objects.count() == 0


def test_the_next_five_times_are_shown_while_editing(bobs: Client) -> None:
    query = {"cron": "30 2 31 * *", "time_zone": "", "default_zone": "Europe/Berlin"}
    text = bobs.get("/schedules/preview", query).content.decode()
    assert text.count("-31 02:30") + text.count("-31 03:00") == 5 and "Europe/Berlin" in text
    assert "Months without day 31 are skipped." in text
    assert "Must have five fields" in bobs.get("/schedules/preview", query | {"cron": "* *"}).content.decode()
    ended = bobs.get("/schedules/preview", query | {"end_on": "2020-01-01"}).content.decode()
    assert "No future time is between" in ended
    assert bobs.get("/schedules/preview", query | {"start_on": "20"}).status_code == 200
    assert bobs.get("/schedules/preview", query | {"default_zone": "x"}).status_code == 400


def test_saving_without_a_change_is_no_version(make_schedule: MakeSchedule, bobs: Client) -> None:
    make_schedule(parameters={"start": "now-1M/M"})
    page = bobs.get("/schedules/hourly/edit")
    fields = {"slug": "hourly", "cron": "0 * * * *", "missed": "last", "missed_within": "24h", "overlap": "queue"}
    shown = Page(page)
    sent = fields | {"param.start": shown.field("From")["value"], "param.end": shown.field("end")["value"]}
    sent |= {"formats": "pdf", "version": "1", "do": "save"}
    assert bobs.post("/schedules/hourly/edit", sent).status_code == 302
    schedule = Schedule.objects.complete().get()
    assert schedule.version.number == 1
    assert bobs.post("/schedules/hourly/edit", sent | {"formats": ["csv", "pdf"]}).status_code == 302
    schedule = Schedule.objects.complete().get()
    assert (schedule.version.number, schedule.definition.formats) == (2, ["pdf", "csv"])


def test_an_edit_that_would_overwrite_anothers_is_shown_first(make_schedule: MakeSchedule, bobs: Client) -> None:
    schedule = make_schedule()
    other = schedule.definition.model_copy(update={"cron": "5 * * * *"})
    actions.update_schedule(schedule=schedule, definition=other, actor=User.objects.get(username="bob"))
    sent = FORM | {"slug": "hourly", "version": "1"}
    answer = bobs.post("/schedules/hourly/edit", sent)
    assert "Someone else changed this schedule while you were editing." in answer.content.decode()
    assert 'name="version" value="2"' in answer.content.decode()
    assert bobs.post("/schedules/hourly/edit", sent | {"version": "2"}).status_code == 302


def test_only_owners_and_administrators_reach_the_pages(make_schedule: MakeSchedule) -> None:
    schedule = make_schedule()
    User.objects.create_user("carol", tenant=schedule.tenant)
    carol, alice = browser("carol"), browser("alice")
    assert carol.get(NEW).status_code == 403
    for page in ("edit", "versions", "delete", "backfill"):
        assert carol.get(f"/schedules/hourly/{page}").status_code == 403
        assert alice.get(f"/schedules/hourly/{page}").status_code == 200
    assert carol.post("/schedules/hourly/delete").status_code == 403
    assert "You can't run any report" in carol.get("/schedules/new").content.decode().replace("&#x27;", "'")
    assert "Carrier delays" in alice.get("/schedules/new").content.decode()


def test_only_administrators_choose_the_owner(make_schedule: MakeSchedule, bobs: Client) -> None:
    make_schedule()
    assert "Its jobs run as you, bob" in bobs.get("/schedules/hourly/edit").content.decode()
    assert bobs.post(NEW, FORM | {"owner": "alice"}).status_code == 403
    sent = FORM | {"slug": "hourly", "owner": "alice"}
    assert browser("alice").post("/schedules/hourly/edit", sent).status_code == 302
    schedule = Schedule.objects.complete().get()
    assert schedule.owner and schedule.owner.username == "alice"
    nobody = browser("alice").post("/schedules/hourly/edit", sent | {"owner": "nobody"}).content.decode()
    assert "User nobody does not exist in this tenant." in nobody and 'value="nobody"' in nobody


def test_versions_are_listed_with_their_differences(make_schedule: MakeSchedule, bobs: Client) -> None:
    schedule = make_schedule()
    changed = schedule.definition.model_copy(update={"cron": "5 * * * *", "parameters": {"start": "today"}})
    actions.update_schedule(schedule=schedule, definition=changed, actor=User.objects.get(username="bob"))
    text = Page(bobs.get("/schedules/hourly/versions")).text
    assert "parameters, cron" in text or "cron, parameters" in text
    assert "0 * * * *" in text and "5 * * * *" in text and "now-1M/M" in text


def test_a_backfill_shows_its_times_before_it_starts(make_schedule: MakeSchedule, bobs: Client) -> None:
    schedule = make_schedule(cron="0 6 * * *")
    day = hour() - timedelta(days=3)
    query = {"from": str(day.date()), "to": str(hour().date() - timedelta(days=1))}
    page = Page(bobs.get("/schedules/hourly/backfill", query))
    assert "3 times without a job" in page.text and states(schedule) == []
    assert bobs.post("/schedules/hourly/backfill", query).status_code == 302
    assert [state for _, state in states(schedule)] == ["Created"] * 3
    assert AuditLog.objects.filter(action="Schedule Backfill").count() == 1
    wrong = bobs.get("/schedules/hourly/backfill", {"from": "x", "to": "2026-01-01"}).content.decode()
    assert "Must be a date like 2026-12-31." in wrong
    many = bobs.get("/schedules/hourly/backfill", query | {"from": "2020-01-01"}).content.decode()
    assert "A backfill creates at most 100 slots." in many


def test_deleting_asks_first(make_schedule: MakeSchedule, bobs: Client) -> None:
    make_schedule()
    assert "Delete “hourly”?" in bobs.get("/schedules/hourly/delete").content.decode()
    assert Schedule.objects.count() == 1
    answer = bobs.post("/schedules/hourly/delete", follow=True)
    assert "“hourly” was deleted." in answer.content.decode() and Schedule.objects.count() == 0


def test_a_schedule_whose_report_was_deleted_gets_another_one(make_schedule: MakeSchedule, bobs: Client) -> None:
    schedule = make_schedule(parameters={"start": "today"})
    copy = ReportConfiguration.objects.get(slug="customers")
    ReportConfiguration.objects.filter(pk=schedule.report_id).delete()
    alice = browser("alice")
    assert "Choose another one" in alice.get("/schedules/hourly/edit").content.decode()
    sent = FORM | {"slug": "hourly", "owner": "alice"}
    answer = alice.post("/schedules/hourly/edit?report=customers", sent)
    assert answer.status_code == 302, answer.content.decode()
    assert Schedule.objects.get().report == copy
    assert bobs.get("/schedules/hourly").status_code == 403


def test_deliveries_are_edited_as_yaml(make_schedule: MakeSchedule, bobs: Client) -> None:
    User.objects.filter(username="bob").update(email="bob@example.com")
    wrong = bobs.post(NEW, FORM | {"deliveries": "- {name: mail, kind: email, to: [nobody]}"}).content.decode()
    assert "[0].to[0]: Must be an e-mail address." in wrong and "to: [nobody]" in wrong
    assert "Line 1:" in bobs.post(NEW, FORM | {"deliveries": "- {"}).content.decode()
    refused = bobs.post(NEW, FORM | {"deliveries": "- {name: hook, kind: webhook, url: 'https://example.com'}"})
    assert "Only an Administrator can save a delivery of this kind." in refused.content.decode()
    mail = {"deliveries": "- {name: mail, kind: email, to: [bob@example.com], when: rows}"}
    assert bobs.post(NEW, FORM | mail).status_code == 302
    page = bobs.get("/schedules/weekly/edit").content.decode()
    assert "bob@example.com" in page and "hold_if" not in page.partition("<textarea")[2].partition("</textarea")[0]
    # Not Page(…).text, which joins lines.
    kept = html.unescape(page.partition('id="edit-deliveries"')[2].partition(">")[2].partition("</textarea")[0])
    assert bobs.post("/schedules/weekly/edit", FORM | {"deliveries": kept}).status_code == 302
    schedule = Schedule.objects.complete().get(slug="weekly")
    assert (schedule.version.number, schedule.definition.deliveries[0].name) == (1, "mail")
    assert bobs.post("/schedules/weekly/edit", FORM | {"deliveries": ""}).status_code == 302
    assert Schedule.objects.complete().get(slug="weekly").definition.deliveries == []


def test_who_is_told_of_trouble_is_edited(make_schedule: MakeSchedule, bobs: Client) -> None:
    User.objects.filter(username="bob").update(email="bob@example.com")
    told = {"notify.to": "bob@example.com\r\n", "notify.on": ["failure", "missed"]}
    refused = bobs.post(NEW, FORM | told | {"notify.to": "bob@example.com\neve@evil.example"}).content.decode()
    assert "to[1]: You can send to your own address" in refused and "eve@evil.example" in refused
    assert "on: " in bobs.post(NEW, FORM | told | {"notify.on": []}).content.decode()
    assert bobs.post(NEW, FORM | told).status_code == 302
    assert not Schedule.objects.complete().get(slug="weekly").definition.subscribable
    assert bobs.post("/schedules/weekly/edit", FORM | told | {"subscribable": "on"}).status_code == 302
    assert Schedule.objects.complete().get(slug="weekly").definition.subscribable
    notify = Schedule.objects.complete().get(slug="weekly").definition.entry()["notify"]
    assert notify == {"to": ["bob@example.com"], "on": ["failure", "missed"]}
    assert "bob@example.com" in bobs.get("/schedules/weekly").content.decode()
    page = Page(bobs.get("/schedules/weekly/edit").content.decode())
    assert "checked" in page.field("a job fails") and "checked" not in page.field("it works again")
    assert bobs.post("/schedules/weekly/edit", FORM | told | {"notify.to": ""}).status_code == 302
    assert Schedule.objects.complete().get(slug="weekly").definition.notify is None
