"""The catalogue, and the form that runs a report."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Tenant
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration, UserGrant
from tests.pages.conftest import make_report

Browse = Callable[[str], Client]
GOOD = {
    "param.start": "2024-05-01", "param.least": "7", "param.share": "0.25", "param.since": "2024-02-03T04:05",
    "param.only_new": "false", "param.weekend": "", "param.region": "south", "param.days": ["mon", "tue"],
    "param.codes": "1\n\n 2 \n", "param.format": "abc", "format": "json",
}  # fmt: skip


def field(text: str, name: str) -> str:
    """The tag of the input of that name."""
    found = re.search(rf'<(?:input|select|textarea)[^>]*name="param\.{name}"[^>]*>', text.replace("\n", " "))
    assert found, name
    return found[0]


def form_of(browse: Browse, name: str = "bob", query: str = "") -> str:
    answer = browse(name).get(f"/reports/sales{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize(("name", "seen"), [("alice", 2), ("bob", 1), ("erin", 1), ("dave", 0), ("gina", 0)])
def test_the_catalogue_shows_what_the_user_may_use(
    browse: Browse, report: ReportConfiguration, name: str, seen: int
) -> None:
    make_report(report.tenant, "costs", "Costs", [])
    text = browse(name).get("/reports").content.decode()
    assert len(re.findall('<a class="title" href="/reports/', text)) == seen


def test_the_catalogue_finds_by_text(browse: Browse, report: ReportConfiguration) -> None:
    make_report(report.tenant, "costs", "Costs", [])
    assert "/reports/sales" not in browse("alice").get("/reports?q=cOST").content.decode()
    assert "No report contains “&lt;x&gt;”." in browse("alice").get("/reports?q=<x>").content.decode()


@pytest.mark.parametrize(("name", "status"), [("alice", 200), ("carol", 200), ("dave", 403), ("gina", 404)])
def test_a_report_is_shown_by_the_rights_of_now(
    browse: Browse, report: ReportConfiguration, name: str, status: int
) -> None:
    assert browse(name).get("/reports/sales").status_code == status


def test_fields_have_the_input_types_of_their_parameters(browse: Browse, report: ReportConfiguration) -> None:
    text = form_of(browse)
    assert 'type="date"' in field(text, "start")
    assert "required" in field(text, "start")
    assert all(part in field(text, "least") for part in ('type="number"', 'min="0"', 'max="10"', 'value="5"'))
    assert 'step="any"' in field(text, "share")
    assert all(part in field(text, "since") for part in ('type="datetime-local"', 'value="2024-02-03T04:05:06"'))
    assert field(text, "weekend").startswith("<select")
    assert field(text, "codes").startswith("<textarea")
    assert 'maxlength="3"' in field(text, "format")
    assert re.search(r'name="param.days" value="mon" checked', text)
    assert "How many at least." in text
    assert "Not set" in text


def test_a_link_can_fill_in_the_form(browse: Browse, report: ReportConfiguration) -> None:
    text = form_of(browse, query="?param.start=2024-09-09&param.region=south&format=json")
    assert 'value="2024-09-09"' in field(text, "start")
    assert '<option value="south" selected>' in text
    assert 'value="json" checked' in text


def test_running_leads_to_the_page_of_a_queued_job_with_typed_parameters(
    browse: Browse, report: ReportConfiguration
) -> None:
    answer = browse("bob").post("/reports/sales", GOOD)
    job = JobExecutionLog.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{job.pk}")
    assert (job.status, job.format, job.requested_by_name) == ("Queued", "json", "bob")
    assert job.parameters == {
        "start": "2024-05-01", "least": 7, "share": 0.25, "since": "2024-02-03T04:05:00Z", "only_new": False,
        "region": "south", "days": ["mon", "tue"], "codes": [1, 2], "format": "abc",
    }  # fmt: skip


def test_a_ticked_box_counts_more_than_the_hidden_no_before_it(browse: Browse, report: ReportConfiguration) -> None:
    browse("bob").post("/reports/sales", {**GOOD, "param.only_new": ["false", "true"]})
    assert JobExecutionLog.objects.get().parameters["only_new"] is True


def test_every_error_is_told_beside_its_field_and_the_input_is_kept(
    browse: Browse, report: ReportConfiguration
) -> None:
    bad = {**GOOD, "param.start": "", "param.least": "11", "param.codes": "1\nx", "param.format": '"><script>'}
    answer = browse("bob").post("/reports/sales", bad)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert text.count('aria-invalid="true"') == 4
    assert all(f'href="#field-{name}"' in text for name in ("start", "least", "codes", "format"))
    assert 'value="11"' in field(text, "least")
    assert 'value="&quot;&gt;&lt;script&gt;"' in text
    assert 'value="json" checked' in text
    assert not JobExecutionLog.objects.exists()


def test_a_format_that_is_not_offered_is_refused_in_a_sentence(browse: Browse, report: ReportConfiguration) -> None:
    answer = browse("bob").post("/reports/sales", {**GOOD, "format": "exe"})
    assert answer.status_code == 422
    assert "This report is offered as csv, json." in answer.content.decode()


def test_who_may_only_look_meets_a_sentence_and_no_form(browse: Browse, report: ReportConfiguration) -> None:
    text = form_of(browse, "carol")
    assert "but not run it" in text
    assert 'name="param.start"' not in text
    assert browse("carol").post("/reports/sales", GOOD).status_code == 403
    assert not JobExecutionLog.objects.exists()


def test_a_right_that_was_taken_away_is_gone_at_once(browse: Browse, report: ReportConfiguration) -> None:
    bob = browse("bob")
    assert bob.get("/reports/sales").status_code == 200
    UserGrant.objects.filter(user__username="bob").delete()
    assert bob.post("/reports/sales", GOOD).status_code == 403


def test_a_report_that_is_not_asynchronous_says_how_it_is_delivered(
    browse: Browse, report: ReportConfiguration
) -> None:
    make_report(report.tenant, "now", "Now", [], mode="synchronous")
    client = browse("alice")
    assert "POST /api/v1/reports/now/run" in client.get("/reports/now").content.decode()
    answer = client.post("/reports/now", {})
    assert answer.status_code == 422
    assert not JobExecutionLog.objects.exists()


def test_a_report_without_a_version_has_a_page_too(browse: Browse, report: ReportConfiguration) -> None:
    ReportConfiguration.objects.create(tenant=report.tenant, slug="empty")
    client = browse("alice")
    assert "nothing to run" in client.get("/reports/empty").content.decode()
    assert client.post("/reports/empty", {}).status_code == 422
    assert client.get("/reports").status_code == 200


def test_a_superuser_tells_reports_of_the_same_slug_apart(
    root: Client, report: ReportConfiguration, globex: Tenant
) -> None:
    other = make_report(globex, "sales", "Sales elsewhere", [])
    text = root.get("/reports").content.decode()
    assert f'href="/reports/{other.pk}"' in text
    assert "Acme Inc." in text
    assert "Sales elsewhere" in root.get(f"/reports/{other.pk}").content.decode()
    assert root.post(f"/reports/{other.pk}", {"format": "json"}).status_code == 302
    job = JobExecutionLog.objects.get()
    assert job.tenant == globex
    assert "Globex" in root.get("/jobs").content.decode()
    assert f'href="/reports/{other.pk}"' in root.get(f"/jobs/{job.pk}").content.decode()
