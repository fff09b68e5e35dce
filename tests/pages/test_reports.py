"""The catalogue, and the form that runs a report."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Tenant, User
from jobs.models import JobExecutionLog
from jobs.monitoring.report_stats import SAMPLE, report_stats
from reports import actions
from reports.definitions import parse_report
from reports.models import DataSource, DeliveryTarget, ReportConfiguration, UserGrant
from tests.pages.conftest import make_report
from tests.pages.forms import sent_back

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]
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


def test_the_page_of_a_report_takes_few_queries(
    browse: Browse, report: ReportConfiguration, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("bob")
    for _ in range(2):
        make_job("Succeeded")
    with django_assert_num_queries(14):
        assert client.get("/reports/sales").status_code == 200


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
    assert answer.status_code == 200
    assert text.count('aria-invalid="true"') == 4
    assert all(f'href="#field-{name}"' in text for name in ("start", "least", "codes", "format"))
    assert 'value="11"' in field(text, "least")
    assert 'value="&quot;&gt;&lt;script&gt;"' in text
    assert 'value="json" checked' in text
    assert not JobExecutionLog.objects.exists()


def test_a_format_that_is_not_offered_is_refused_in_a_sentence(browse: Browse, report: ReportConfiguration) -> None:
    answer = browse("bob").post("/reports/sales", {**GOOD, "format": "exe"})
    assert answer.status_code == 200
    assert "Must be one of: csv, json." in answer.content.decode()


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
    assert answer.status_code == 200
    assert not JobExecutionLog.objects.exists()


def test_a_report_without_a_version_has_a_page_too(browse: Browse, report: ReportConfiguration) -> None:
    ReportConfiguration.objects.create(tenant=report.tenant, slug="empty")
    client = browse("alice")
    assert "nothing to run" in client.get("/reports/empty").content.decode()
    assert client.post("/reports/empty", {}).status_code == 200
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


def test_the_catalogue_tells_how_reports_usually_go(
    browse: Browse, report: ReportConfiguration, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_report(report.tenant, "costs", "Costs", [])
    for run in (1, 2, 60):
        begin = timezone.now() - timedelta(hours=1)
        make_job("Succeeded", started_at=begin, ended_at=begin + timedelta(seconds=run))
    make_job("Failed")
    last = make_job("Queued")
    client = browse("alice")
    with django_assert_num_queries(7):
        text = client.get("/reports").content.decode()
    sales, costs = re.findall(r"<tr>.*?</tr>", text.split("<tbody>")[1], re.DOTALL)[::-1]
    assert f'href="/jobs/{last.pk}"' in sales
    assert "Last job of Sales &lt;by&gt; region: Queued" in sales
    assert "75 %" in sales
    assert "of last 4" in sales
    assert ">2.0 s<" in sales
    assert "never" in costs
    for at in range(20):
        make_report(report.tenant, f"r{at}", "R", [])
    with django_assert_num_queries(7):
        client.get("/reports")


def test_the_catalogue_tells_of_the_jobs_that_the_user_sees(
    browse: Browse, report: ReportConfiguration, make_job: MakeJob
) -> None:
    own = make_job("Failed", by="erin")
    newer = make_job("Succeeded", by="bob")
    seen = {name: browse(name).get("/reports").content.decode() for name in ("carol", "erin")}
    assert f'href="/jobs/{newer.pk}"' in seen["carol"]
    assert "50 %" in seen["carol"]
    assert f'href="/jobs/{own.pk}"' in seen["erin"]
    assert f"{newer.pk}" not in seen["erin"]


def test_only_the_newest_jobs_of_a_report_count(report: ReportConfiguration, make_job: MakeJob) -> None:
    for _ in range(3):
        make_job("Failed")
    for _ in range(SAMPLE):
        make_job("Succeeded")
    user = User.objects.get(username="alice")
    assert report_stats(user, [report])[report.pk].percent == 100


def test_jobs_that_wait_do_not_hide_how_a_report_goes(report: ReportConfiguration, make_job: MakeJob) -> None:
    make_job("Failed")
    make_job("Succeeded")
    waiting = [make_job() for _ in range(SAMPLE + 1)]
    found = report_stats(User.objects.get(username="alice"), [report])[report.pk]
    assert (found.last_id, found.last_status, found.percent) == (waiting[-1].pk, "Queued", 50)


def test_own_jobs_of_a_report_are_found_however_many_of_others_came_after(
    report: ReportConfiguration, people: dict[str, User], make_job: MakeJob
) -> None:
    seldom = make_report(report.tenant, "seldom", "Seldom", [])
    generate = Permission.objects.get(codename="generate_reportconfiguration")
    UserGrant.objects.create(user=people["erin"], content_object=seldom, permission=generate)
    old = make_job("Succeeded", by="erin", report=seldom)
    after = make_job("Failed", by="erin")
    for _ in range(600):
        after.pk = uuid4()
        after.save(force_insert=True)
    found = report_stats(people["erin"], [report, seldom])
    assert (found[seldom.pk].last_id, found[seldom.pk].percent) == (old.pk, 100)
    assert (found[report.pk].ended, found[report.pk].percent) == (SAMPLE, 0)


def test_a_form_that_is_sent_twice_makes_one_job(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    form = {**GOOD, "token": sent_back(form_of(browse), "run")["token"]}
    first, second = client.post("/reports/sales", form), client.post("/reports/sales", form)
    job = JobExecutionLog.objects.get()
    assert first["Location"] == second["Location"] == f"/jobs/{job.pk}"
    assert "This form was already submitted. This is its job." in client.get(f"/jobs/{job.pk}").content.decode()
    other = client.post("/reports/sales", {**form, "param.least": "8"})
    assert other.status_code == 302
    assert JobExecutionLog.objects.count() == 2, "with other values it is another wish"
    again = {**GOOD, "token": sent_back(form_of(browse), "run")["token"]}
    client.post("/reports/sales", again)
    assert JobExecutionLog.objects.count() == 3, "a page that is opened anew is another wish"


def test_a_refused_form_keeps_its_mark_and_can_be_sent_again(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    form = {**GOOD, "token": "ab" * 16}
    refused = client.post("/reports/sales", {**form, "param.least": "11"})
    assert sent_back(refused.content.decode(), "run")["token"] == ["ab" * 16]
    assert client.post("/reports/sales", form).status_code == 302


def test_an_estimate_runs_nothing(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    page = client.post("/reports/sales", {**GOOD, "do": "estimate"})
    text = page.content.decode()
    assert page.status_code == 200
    assert "The data source&#x27;s file is not there." in text.split('id="estimate"')[1]
    assert 'value="7"' in field(text, "least"), "what was typed stays"
    refused = client.post("/reports/sales", {**GOOD, "param.least": "11", "do": "estimate"})
    assert refused.status_code == 200
    assert "Must be 10 or less." in refused.content.decode()
    assert browse("carol").post("/reports/sales", {**GOOD, "do": "estimate"}).status_code == 403
    assert not JobExecutionLog.objects.exists()


def test_an_estimate_says_how_many_rows_and_whether_they_fit(
    browse: Browse, report: ReportConfiguration, tmp_path: Path
) -> None:
    (tmp_path / "n.csv").write_text("n\n" + "".join(f"{i}\n" for i in range(1000)))
    source = DataSource.objects.create(tenant=report.tenant, slug="n", kind="files", location=str(tmp_path))
    times = {"name": "times", "type": "integer", "required": True}
    entry = {
        "slug": "many", "tenant": "acme", "name": "Many", "data_source": source.slug, "formats": ["csv", "xlsx"],
        "query": "select n from n, range(:times)", "parameters": [times],
    }  # fmt: skip
    actions.create_report(definition=parse_report(entry), tenant=report.tenant, actor="tester")
    text = browse("alice").post("/reports/many", {"param.times": "3", "do": "estimate"}).content.decode()
    estimate = text.split('id="estimate"')[1]
    assert re.search(r"About [0-9,]+ rows", estimate), estimate[:800]
    assert "No run of this report has succeeded yet" in estimate and "At the speed" not in estimate


def test_a_report_that_is_only_mailed_is_run_from_its_page(browse: Browse, report: ReportConfiguration) -> None:
    report.version.delivery_targets.all().delete()
    DeliveryTarget.objects.create(version=report.version, kind="email", options={"to": ["ann@example.com"]})
    assert "can't be run here" not in form_of(browse)
    assert browse("bob").post("/reports/sales", GOOD).status_code == 302
    assert browse("erin").get("/reports/sales").status_code == 200
    (job,) = JobExecutionLog.objects.all()
    assert job.requested_by_name == "bob"


def test_a_synchronous_report_is_not_run_from_its_page(browse: Browse, report: ReportConfiguration) -> None:
    report.version.delivery_targets.update(mode="synchronous")
    assert browse("bob").post("/reports/sales", GOOD).status_code == 200
    assert not JobExecutionLog.objects.exists()
