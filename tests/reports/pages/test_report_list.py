"""The list of reports, with statistics of their jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Tenant, User
from jobs.models import JobExecutionLog
from jobs.monitoring.report_stats import SAMPLE, report_stats
from reports.models import ReportConfiguration, UserGrant
from tests.pages.conftest import make_report
from tests.pages.html import Element, Page
from tests.reports.pages.edit_form import get_page

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]


def listed(page: Page) -> dict[str, Element]:
    """The rows of the list by the address of their report."""
    if not page.has("table", "Reports by URL name"):
        return {}
    rows = page.get("table", "Reports by URL name").all("row")[1:]
    return {row.get("rowheader").get("link")["href"]: row for row in rows}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alice", ["/reports/costs", "/reports/sales"]),
        ("bob", ["/reports/sales"]),
        ("erin", ["/reports/sales"]),
        ("dave", []),
        ("gina", []),
    ],
)
def test_the_list_has_the_reports_that_the_user_can_view_or_run(
    browse: Browse, report: ReportConfiguration, name: str, expected: list[str]
) -> None:
    make_report(report.tenant, "costs", "Costs", [])
    assert list(listed(get_page(browse(name), "/reports"))) == expected


def test_an_empty_list_says_what_to_do(browse: Browse, report: ReportConfiguration) -> None:
    assert "No reports yet Ask an administrator for access." in get_page(browse("dave"), "/reports").text
    assert "Ask an administrator" not in get_page(browse("gina"), "/reports").text


def test_reports_are_found_by_text(browse: Browse, report: ReportConfiguration) -> None:
    make_report(report.tenant, "costs", "Costs", [])
    client = browse("alice")
    assert list(listed(get_page(client, "/reports?q=cOST"))) == ["/reports/costs"]
    assert "No reports match “<x>”" in get_page(client, "/reports?q=<x>").text


def test_superusers_tell_reports_with_the_same_slug_apart(
    root: Client, report: ReportConfiguration, globex: Tenant
) -> None:
    other = make_report(globex, "sales", "Sales elsewhere", [])
    rows = listed(get_page(root, "/reports"))
    assert "Globex" in rows[f"/reports/{other.pk}"].text
    assert "Acme Inc." in rows[f"/reports/{report.pk}"].text
    assert get_page(root, f"/reports/{other.pk}").get("heading", "Sales elsewhere")
    assert root.post(f"/reports/{other.pk}", {"format": "json"}).status_code == 302
    job = JobExecutionLog.objects.get()
    assert job.tenant == globex
    assert "Globex" in get_page(root, "/jobs").text
    links = get_page(root, f"/jobs/{job.pk}").all("link")
    assert f"/reports/{other.pk}" in [link["href"] for link in links]


def test_the_list_shows_statistics(
    browse: Browse, report: ReportConfiguration, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_report(report.tenant, "costs", "Costs", [])
    for seconds in (1, 2, 60):
        started = timezone.now() - timedelta(hours=1)
        make_job("Succeeded", started_at=started, ended_at=started + timedelta(seconds=seconds))
    make_job("Failed")
    last = make_job("Queued")
    client = browse("alice")
    with django_assert_num_queries(8):
        response = client.get("/reports")
    rows = listed(Page(response))
    sales = rows["/reports/sales"]
    assert sales.get("link", "Last job of Sales <by> region: Queued")["href"] == f"/jobs/{last.pk}"
    assert "75% of the last 4" in sales.text
    assert sales.all("cell")[-1].text == "2.0 s"
    assert "Never" in rows["/reports/costs"].text
    for number in range(20):
        make_report(report.tenant, f"r{number}", "R", [])
    with django_assert_num_queries(8):
        client.get("/reports")


def test_the_statistics_are_of_jobs_that_the_user_can_see(
    browse: Browse, report: ReportConfiguration, make_job: MakeJob
) -> None:
    own = make_job("Failed", by="erin")
    newer = make_job("Succeeded", by="bob")
    rows = {name: listed(get_page(browse(name), "/reports"))["/reports/sales"] for name in ("carol", "erin")}
    hrefs = {name: [link["href"] for link in row.all("link")] for name, row in rows.items()}
    assert f"/jobs/{newer.pk}" in hrefs["carol"]
    assert "50% of the last 2" in rows["carol"].text
    assert f"/jobs/{own.pk}" in hrefs["erin"]
    assert f"/jobs/{newer.pk}" not in hrefs["erin"]


def test_only_the_newest_jobs_of_a_report_count(report: ReportConfiguration, make_job: MakeJob) -> None:
    for _ in range(3):
        make_job("Failed")
    for _ in range(SAMPLE):
        make_job("Succeeded")
    user = User.objects.get(username="alice")
    assert report_stats(user, [report])[report.pk].percent == 100


def test_waiting_jobs_do_not_hide_ended_ones(report: ReportConfiguration, make_job: MakeJob) -> None:
    make_job("Failed")
    make_job("Succeeded")
    waiting = [make_job() for _ in range(SAMPLE + 1)]
    stats = report_stats(User.objects.get(username="alice"), [report])[report.pk]
    assert (stats.last_id, stats.last_status, stats.percent) == (waiting[-1].pk, "Queued", 50)


def test_own_jobs_are_found_however_many_of_others_came_after(
    report: ReportConfiguration, people: dict[str, User], make_job: MakeJob
) -> None:
    seldom = make_report(report.tenant, "seldom", "Seldom", [])
    generate = Permission.objects.get(codename="generate_reportconfiguration")
    UserGrant.objects.create(user=people["erin"], content_object=seldom, permission=generate)
    old = make_job("Succeeded", by="erin", report=seldom)
    later = make_job("Failed", by="erin")
    for _ in range(600):
        later.pk = uuid4()
        later.save(force_insert=True)
    stats = report_stats(people["erin"], [report, seldom])
    assert (stats[seldom.pk].last_id, stats[seldom.pk].percent) == (old.pk, 100)
    assert (stats[report.pk].ended, stats[report.pk].percent) == (SAMPLE, 0)
