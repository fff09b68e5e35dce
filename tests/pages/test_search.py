"""The search bar of the job list: what each filter finds, how it reports errors, and how much a list costs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.monitoring import filters
from reports.models import ReportVersion
from tests.pages.jobs import Browse, MakeJob, job_ids, open_page
from tests.plans import only_on_sqlite


def find(client: Client, text: str) -> list[str]:
    return job_ids(open_page(client, f"/jobs?{urlencode({'q': text})}"))


def _renamed_version(job: JobExecutionLog, name: str) -> dict[str, Any]:
    """Return the fields of a new version of the job's report under that name."""
    columns = {field.attname: getattr(job.version, field.attname) for field in ReportVersion._meta.concrete_fields}
    return {**columns, "id": None, "number": 2, "name": name}


def test_every_filter_finds_its_jobs(browse: Browse, make_job: MakeJob) -> None:
    client = browse("alice")
    plain = make_job("Succeeded", by="bob")
    other = make_job(
        "Failed", by="erin", report_name="Late trains", host="h2", format="json", parameters={"code": 5, "new": True},
        error_code="source_gone", error_message="Nobody answers.", error_fingerprint="ab12ab12ab12ab12",
    )  # fmt: skip
    ReportVersion.objects.create(**_renamed_version(other, "Late trains"))
    searches = (
        "user:erin", "status:failed", "error:source_gone", "error:answers", "error:ab12ab12ab12ab12", "host:h2",
        "format:json", "param.code:5", "param.new:true", "trains nobody", "user:erin param.code:5", str(other.pk),
    )  # fmt: skip
    for text in searches:
        assert find(client, text) == [str(other.pk)], text
    assert find(client, "report:sales since:1d") == [str(other.pk), str(plain.pk)]
    assert find(client, "report:nothing") == find(client, "param.code:6") == []
    assert find(client, "user:bob user:erin status:succeeded") == [str(plain.pk)]


def test_jobs_of_deleted_reports_and_users_are_found_by_the_names_they_had(browse: Browse, make_job: MakeJob) -> None:
    job = make_job(
        report=None,
        version=None,
        report_slug="old",
        requested_by=None,
        requested_by_name="operator:x",
        report_uuid=uuid4(),
    )
    for text in ("report:old", 'user:"operator:x"', f"report:{job.report_uuid}"):
        assert find(browse("alice"), text) == [str(job.pk)], text


def test_errors_of_a_search_are_reported_at_the_search_bar_which_keeps_its_text(
    browse: Browse, make_job: MakeJob
) -> None:
    search_bar = open_page(browse("alice"), "/jobs?q=status:lost+since:never").field("Search")
    assert search_bar.is_invalid
    assert 'Unknown status "lost".' in search_bar.description
    assert '"since:never" is not a time.' in search_bar.description
    assert search_bar.value == "status:lost since:never"


def test_text_is_searched_in_the_newest_jobs_and_the_page_links_to_older_ones(
    browse: Browse, make_job: MakeJob, settings: Settings
) -> None:
    jobs, client = [make_job("Failed", error_message="Nobody answers.") for _ in range(5)], browse("alice")
    settings.SEARCH_SCAN_LIMIT = 3
    page = open_page(client, "/jobs?q=nobody")
    assert job_ids(page) == [str(job.pk) for job in jobs[:1:-1]]
    assert "Searched the newest jobs only, back to" in page.text
    assert "until=" in page.get("link", "Search older jobs")["href"]
    assert not open_page(client, "/jobs?q=user:bob").has("link", "Search older jobs")


@only_on_sqlite
def test_own_jobs_of_a_report_are_found_without_reading_those_of_others(
    people: dict[str, User], make_job: MakeJob
) -> None:
    make_job(by="erin")
    visible = {name: JobExecutionLog.objects.visible_to(people[name]) for name in ("erin", "dave")}
    found = {name: filters.JobFilter({"report": "sales"}, queryset=jobs).qs for name, jobs in visible.items()}
    assert found["erin"].count() == 1
    assert "USING INDEX job_newest_of_user_report (requested_by_id=? AND report_id=? AND tenant_id=?)" in (
        found["erin"].newest_first()[:30].explain()
    )
    with pytest.raises(EmptyResultSet):
        str(found["dave"].query)


def test_only_administrators_get_user_names_as_completions(browse: Browse, make_job: MakeJob) -> None:
    def completions(name: str) -> list[str]:
        return [option["value"] for option in open_page(browse(name), "/jobs").by_id("completions").all("option")]

    assert "user:erin" in completions("alice")
    assert "report:sales" in completions("bob")
    assert "user:erin" not in completions("bob")


@pytest.mark.parametrize(("name", "most"), [("alice", 14), ("bob", 17)])
@pytest.mark.parametrize("path", ["/jobs", "/jobs?q=report:sales+user:bob+nobody", "/jobs?report=sales"])
def test_a_list_takes_a_limited_number_of_queries(
    browse: Browse, make_job: MakeJob, name: str, most: int, path: str
) -> None:
    for _ in range(5):
        make_job("Failed")
    client = browse(name)
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    assert len(queries) <= most


def test_the_list_and_all_that_it_loads_are_small(browse: Browse, make_job: MakeJob) -> None:
    """Before compression, too."""
    for number in range(60):
        make_job(("Failed", "Succeeded", "Running")[number % 3])
    page = browse("alice").get("/jobs").content
    root = Path(__file__).parents[2] / "static"
    linked = set(re.findall(rb'(?:href|src)="/static/([^"#]+)', page))
    total = len(page) + sum((root / name.decode()).stat().st_size for name in linked)
    assert total < 150_000, (len(page), total)


def test_a_search_of_very_many_words_is_refused_on_the_page(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    response = browse("alice").get("/jobs", {"q": "w " * 1900})
    assert response.status_code == 200
    assert "The search is too long: at most" in response.content.decode()
