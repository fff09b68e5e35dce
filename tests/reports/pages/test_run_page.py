"""A report's page: the form that runs the report, and the estimate."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import Tenant, User
from jobs.models import JobExecutionLog
from reports import actions
from reports.definitions import parse_report
from reports.models import DataSource, ReportConfiguration, UserGrant
from reports.targets.models import DeliveryTarget
from tests.pages.conftest import make_report
from tests.pages.html import Page
from tests.reports.pages.edit_form import form_data, get_page

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]
VALID = {
    "param.start": "2024-05-01", "param.least": "7", "param.share": "0.25", "param.since": "2024-02-03T04:05",
    "param.only_new": "false", "param.weekend": "", "param.region": "south", "param.days": ["mon", "tue"],
    "param.codes": "1\n\n 2 \n", "param.format": "abc", "format": "json",
}  # fmt: skip


def run_page(browse: Browse, name: str = "bob", query: str = "") -> Page:
    return get_page(browse(name), f"/reports/sales{query}")


# --- The form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "status"), [("alice", 200), ("carol", 200), ("dave", 403), ("gina", 404)])
def test_a_report_is_shown_by_the_current_rights(
    browse: Browse, report: ReportConfiguration, name: str, status: int
) -> None:
    assert browse(name).get("/reports/sales").status_code == status


def test_inputs_match_the_types_of_their_parameters(browse: Browse, report: ReportConfiguration) -> None:
    page = run_page(browse)
    start = page.field("From")
    assert start["type"] == "text" and "required" in start
    least = page.field("least")
    assert [least[name] for name in ("type", "min", "max", "value")] == ["number", "0", "10", "5"]
    assert least.description == "How many at least."
    assert page.field("share optional")["step"] == "any"
    since = page.field("since UTC")
    assert (since["type"], since["value"]) == ("text", "2024-02-03T04:05:06")
    weekend = page.field("weekend optional")
    assert weekend.role == "combobox"
    assert weekend.options == {"": "Not set", "true": "Yes", "false": "No"}
    assert page.field("codes optional").tag.name == "textarea"
    assert page.field("format optional")["maxlength"] == "3"
    days = page.get("group", "days")
    assert [(box.value, box.is_checked) for box in days.all("checkbox")] == [("mon", True), ("tue", False)]


def test_the_page_takes_few_queries(
    browse: Browse, report: ReportConfiguration, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("bob")
    for _ in range(2):
        make_job("Succeeded")
    with django_assert_num_queries(17):
        assert client.get("/reports/sales").status_code == 200


def test_the_page_lists_recent_jobs(browse: Browse, report: ReportConfiguration, make_job: MakeJob) -> None:
    assert "No runs yet" in run_page(browse).get("region", "Recent jobs").text
    jobs = [make_job("Succeeded") for _ in range(6)]
    links = run_page(browse).get("region", "Recent jobs").get("list").all("link")
    pages = [f"/jobs/{job.pk}" for job in reversed(jobs[1:])]
    assert [link["href"] for link in links] == [href for page in pages for href in (page, f"{page}/result")]


def test_a_link_can_fill_in_the_form(browse: Browse, report: ReportConfiguration) -> None:
    page = run_page(browse, query="?param.start=2024-09-09&param.region=south&format=json")
    assert page.field("From").value == "2024-09-09"
    assert page.field("region optional").value == "south"
    assert page.get("group", "Format").field("JSON").is_checked


def test_a_viewer_sees_an_explanation_instead_of_the_form(browse: Browse, report: ReportConfiguration) -> None:
    panel = run_page(browse, "carol").get("region", "Run this report")
    assert "You can view this report's jobs, but not run it." in panel.text
    assert not panel.all("form")
    assert browse("carol").post("/reports/sales", VALID).status_code == 403
    assert not JobExecutionLog.objects.exists()


def test_a_revoked_right_is_gone_at_once(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    assert client.get("/reports/sales").status_code == 200
    UserGrant.objects.filter(user__username="bob").delete()
    assert client.post("/reports/sales", VALID).status_code == 403


def test_a_report_without_a_version_has_a_page_too(browse: Browse, report: ReportConfiguration) -> None:
    ReportConfiguration.objects.create(tenant=report.tenant, slug="empty")
    client = browse("alice")
    assert "This report has no definition yet." in get_page(client, "/reports/empty").text
    assert client.post("/reports/empty", {}).status_code == 200
    assert client.get("/reports").status_code == 200


# --- Running --------------------------------------------------------------------------------------------------------


def test_running_queues_a_job_with_typed_parameters_and_shows_it(browse: Browse, report: ReportConfiguration) -> None:
    response = browse("bob").post("/reports/sales", VALID)
    job = JobExecutionLog.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/jobs/{job.pk}")
    assert (job.status, job.format, job.requested_by_name) == ("Queued", "json", "bob")
    assert job.parameters == {
        "start": "2024-05-01", "least": 7, "share": 0.25, "since": "2024-02-03T04:05:00Z", "only_new": False,
        "region": "south", "days": ["mon", "tue"], "codes": [1, 2], "format": "abc",
    }  # fmt: skip


def test_a_checked_box_wins_over_the_hidden_false_before_it(browse: Browse, report: ReportConfiguration) -> None:
    browse("bob").post("/reports/sales", {**VALID, "param.only_new": ["false", "true"]})
    assert JobExecutionLog.objects.get().parameters["only_new"] is True


def test_every_error_is_shown_beside_its_field_and_input_is_kept(browse: Browse, report: ReportConfiguration) -> None:
    invalid = {**VALID, "param.start": "", "param.least": "11", "param.codes": "1\nx", "param.format": '"><script>'}
    response = browse("bob").post("/reports/sales", invalid)
    assert response.status_code == 200
    page = Page(response)
    summary = page.by_id("error-summary")
    assert "Report not run. Fix the highlighted fields:" in summary.text
    labels = {"From": "From", "least": "least", "codes": "codes optional", "format": "format optional"}
    assert [link.name for link in summary.all("link")] == list(labels)
    for title, label in labels.items():
        field = page.field(label)
        assert field.is_invalid and field.description, label
        assert summary.get("link", title)["href"] == f"#{field['id']}"
    assert len(page.tag.find_all(attrs={"aria-invalid": "true"})) == 4
    assert page.field("least").value == "11"
    assert page.field("format optional").value == '"><script>'
    assert page.get("group", "Format").field("JSON").is_checked
    assert not JobExecutionLog.objects.exists()


def test_a_format_that_is_not_offered_is_refused(browse: Browse, report: ReportConfiguration) -> None:
    response = browse("bob").post("/reports/sales", {**VALID, "format": "exe"})
    assert response.status_code == 200
    assert "Must be one of: csv, json." in Page(response).text


def test_a_synchronous_report_runs_on_its_page(browse: Browse, report: ReportConfiguration) -> None:
    make_report(report.tenant, "now", "Now", [], mode="synchronous")
    client = browse("alice")
    assert get_page(client, "/reports/now").get("button", "Run report")
    response = client.post("/reports/now", {"format": "json"})
    job = JobExecutionLog.objects.get()
    assert (response.status_code, response.headers["Location"]) == (302, f"/jobs/{job.pk}")


def test_a_report_that_is_only_sent_by_email_is_run_from_its_page(browse: Browse, report: ReportConfiguration) -> None:
    report.version.delivery_targets.all().delete()
    DeliveryTarget.objects.create(version=report.version, kind="email", options={"to": ["ann@example.com"]})
    assert run_page(browse).has("button", "Run report")
    assert browse("bob").post("/reports/sales", VALID).status_code == 302
    assert browse("erin").get("/reports/sales").status_code == 200
    (job,) = JobExecutionLog.objects.all()
    assert job.requested_by_name == "bob"


def test_a_result_is_sent_only_if_the_box_is_ticked(browse: Browse, report: ReportConfiguration) -> None:
    assert "recipient" not in run_page(browse).text
    DeliveryTarget.objects.create(version=report.version, kind="email", options={"to": ["a@b.example", "c@b.example"]})
    DeliveryTarget.objects.create(version=report.version, kind="webhook", options={"url": "https://b.example"})
    for query in ("", "?deliver=true"):
        box = run_page(browse, query=query).field("Also send the result to 3 recipients")
        assert box["type"] == "checkbox" and "checked" not in box
    browse("bob").post("/reports/sales", VALID)
    browse("bob").post("/reports/sales", VALID | {"deliver": "true"})
    assert sorted(JobExecutionLog.objects.values_list("deliver", flat=True)) == [False, True]
    refused = browse("bob").post("/reports/sales", VALID | {"deliver": "true", "param.least": "11"})
    assert "checked" in Page(refused.content.decode()).field("Also send the result to 3 recipients")


def test_who_has_an_address_can_ask_for_a_mail_when_it_is_done(browse: Browse, report: ReportConfiguration) -> None:
    words = "E-mail me when it's done"
    assert words not in run_page(browse).text, "bob has no address"
    refused = Page(browse("bob").post("/reports/sales", VALID | {"notify": "true"}).content.decode())
    assert "Your account has no e-mail address." in refused.text
    User.objects.filter(username="bob").update(email="bob@example.com")
    assert "checked" not in run_page(browse, query="?notify=true").field(words)
    browse("bob").post("/reports/sales", VALID | {"notify": "true"})
    job = JobExecutionLog.objects.get()
    assert job.notify and job.notify.username == "bob"
    again = browse("bob").post("/reports/sales", VALID | {"notify": "true", "param.least": "11"})
    assert "checked" in Page(again.content.decode()).field(words)


def test_a_form_that_is_submitted_twice_runs_the_report_once(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    data = {**VALID, "token": form_data(run_page(browse), "run")["token"]}
    first, second = client.post("/reports/sales", data), client.post("/reports/sales", data)
    job = JobExecutionLog.objects.get()
    assert first["Location"] == second["Location"] == f"/jobs/{job.pk}"
    assert "This form was already submitted. This is its job." in get_page(client, f"/jobs/{job.pk}").text
    assert client.post("/reports/sales", {**data, "param.least": "8"}).status_code == 302
    assert JobExecutionLog.objects.count() == 2, "other values are another run"
    client.post("/reports/sales", {**VALID, "token": form_data(run_page(browse), "run")["token"]})
    assert JobExecutionLog.objects.count() == 3, "a page that is opened again is another run"


def test_a_refused_form_keeps_its_token_and_can_be_submitted_again(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    data = {**VALID, "token": "ab" * 16}
    refused = client.post("/reports/sales", {**data, "param.least": "11"})
    assert form_data(refused, "run")["token"] == ["ab" * 16]
    assert client.post("/reports/sales", data).status_code == 302


# --- Relative dates -------------------------------------------------------------------------------------------------


def test_a_preset_fills_in_the_form_and_shows_the_dates_before_anything_runs(
    browse: Browse, report: ReportConfiguration
) -> None:
    client = browse("bob")
    button = run_page(browse).get("group", "Presets for From").get("button", "Yesterday")
    response = client.post("/reports/sales", {**VALID, button["name"]: button["value"]})
    page = Page(response)
    assert page.field("From").value == "now-1d/d"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert f"= {yesterday:%A}, {yesterday}" in page.by_id("field-start-meaning").text
    assert page.field("least").value == "7", "the input is kept"
    assert not JobExecutionLog.objects.exists()


def test_a_relative_date_runs_with_the_dates_it_means(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    client.post("/reports/sales", {**VALID, "param.start": "today", "param.since": "now-1d/d"})
    job = JobExecutionLog.objects.get()
    assert job.parameters["start"] == str(datetime.now(UTC).date())
    assert job.sent_parameters["start"] == "today" and "weekend" not in job.sent_parameters
    facts = get_page(client, f"/jobs/{job.pk}").get("region", "Parameters").text
    assert f"{job.parameters['start']} from today" in facts and "from now-1d/d" in facts
    assert "from 7" not in facts, "only relative dates differ from what was sent"


def test_what_a_relative_date_means_is_shown_while_it_is_typed(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    typed = {"type": "date", "zone": "Europe/Berlin", "param.start": "now-1M/M"}
    assert f"= {last_month():%A}, {last_month()}" in client.get("/relative-date", typed).content.decode()
    wrong = client.get("/relative-date", typed | {"param.start": "now-1x"}).content.decode()
    assert "can&#x27;t be read from" in wrong
    assert client.get("/relative-date", typed | {"param.start": "2024-01-01"}).content.decode().strip() == ""
    for bad in ({"zone": "../etc/passwd"}, {"type": "string"}):
        assert client.get("/relative-date", typed | bad).status_code == 400


def test_the_tenants_time_zone_applies_unless_the_report_has_one(browse: Browse, report: ReportConfiguration) -> None:
    Tenant.objects.filter(pk=report.tenant_id).update(time_zone="Pacific/Kiritimati")
    browse("bob").post("/reports/sales", {**VALID, "param.start": "today"})
    assert JobExecutionLog.objects.get().parameters["start"] == str(datetime.now(ZoneInfo("Pacific/Kiritimati")).date())


def last_month() -> date:
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


# --- Estimating -----------------------------------------------------------------------------------------------------


def test_an_estimate_runs_nothing(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    response = client.post("/reports/sales", {**VALID, "do": "estimate"})
    assert response.status_code == 200
    page = Page(response)
    assert "The data source's file does not exist." in page.by_id("estimate").text
    assert page.field("least").value == "7", "the input is kept"
    refused = client.post("/reports/sales", {**VALID, "param.least": "11", "do": "estimate"})
    assert refused.status_code == 200
    assert "Must be 10 or less." in Page(refused).field("least").description
    assert browse("carol").post("/reports/sales", {**VALID, "do": "estimate"}).status_code == 403
    assert not JobExecutionLog.objects.exists()


def test_an_estimate_tells_the_number_of_rows(browse: Browse, report: ReportConfiguration, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("n\n" + "".join(f"{i}\n" for i in range(1000)))
    source = DataSource.objects.create(tenant=report.tenant, slug="n", kind="files", location=str(tmp_path))
    entry = {
        "slug": "many", "tenant": "acme", "name": "Many", "data_source": source.slug, "formats": ["csv", "xlsx"],
        "query": "select n from n, range(:times)",
        "parameters": [{"name": "times", "type": "integer", "required": True}],
    }  # fmt: skip
    actions.create_report(definition=parse_report(entry), tenant=report.tenant, actor="tester")
    response = browse("alice").post("/reports/many", {"param.times": "3", "do": "estimate"})
    estimate = Page(response).by_id("estimate").text
    assert re.search(r"About [0-9,]+ rows \(rough estimate\)", estimate), estimate
    assert "No successful runs yet" in estimate and "Takes about" not in estimate
