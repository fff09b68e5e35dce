"""The search bar: its language, what each qualifier finds, and what it says when it is not understood."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.monitoring import filters
from jobs.monitoring.search import Search, SearchError, parse
from reports.models import ReportVersion
from tests.plans import only_on_sqlite

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def found(client: Client, text: str) -> list[str]:
    page = client.get(f"/jobs?{urlencode({'q': text})}").content.decode()
    return re.findall(r'<tr id="job-([0-9a-f-]{36})"', page)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("", Search()),
        ("late trains", Search(words=("late", "trains"))),
        ('"late trains" "report:x"', Search(words=("late trains", "report:x"))),
        ("report:sales user:bob user:erin", Search(report=("sales",), user=("bob", "erin"))),
        ('report:"Late trains" status:failed', Search(report=("Late trains",), status=("Failed",))),
        ("param.carrier:AA since:24h", Search(parameters=(("carrier", "AA"),), since=NOW - timedelta(hours=24))),
        ("until:2026-01-31", Search(until=datetime(2026, 1, 31, tzinfo=UTC))),
        ("since:2026-01-31T08:00+02:00", Search(since=datetime(2026, 1, 31, 6, tzinfo=UTC))),
        ("http://example.com", Search(words=("http://example.com",))),
    ],
)
def test_the_search_bar_is_read_as_words_and_qualifiers(text: str, search: Search) -> None:
    assert parse(text, NOW) == search


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("reprot:x", ["There is no reprot:"]),
        ("status:lost since:tomorrow", ["There is no status lost", "since:tomorrow is no time"]),
        ("report: sales", ["Write a value right after report:"]),
        ('say "hello', ["A quotation mark has no partner."]),
    ],
)
def test_what_is_not_understood_is_said_all_at_once(text: str, sentences: list[str]) -> None:
    with pytest.raises(SearchError) as raised:
        parse(text, NOW)
    assert len(raised.value.sentences) == len(sentences)
    for said, sentence in zip(raised.value.sentences, sentences, strict=True):
        assert said.startswith(sentence)


def _renamed(job: JobExecutionLog, name: str) -> dict[str, Any]:
    """A version of the job's report under that name."""
    columns = {field.attname: getattr(job.version, field.attname) for field in ReportVersion._meta.concrete_fields}
    return {**columns, "id": None, "number": 2, "name": name}


def test_every_qualifier_finds_its_jobs(browse: Browse, make_job: MakeJob) -> None:
    client = browse("alice")
    plain = make_job("Succeeded", by="bob")
    other = make_job(
        "Failed", by="erin", report_name="Late trains", host="h2", format="json", parameters={"code": 5, "new": True},
        error_code="source_gone", error_message="Nobody answers.", error_fingerprint="ab12ab12ab12ab12",
    )  # fmt: skip
    ReportVersion.objects.create(**_renamed(other, "Late trains"))
    searches = (
        "user:erin", "status:failed", "error:source_gone", "error:answers", "error:ab12ab12ab12ab12", "host:h2",
        "format:json", "param.code:5", "param.new:true", "trains nobody", "user:erin param.code:5", str(other.pk),
    )  # fmt: skip
    for text in searches:
        assert found(client, text) == [str(other.pk)], text
    assert found(client, "report:sales since:1d") == [str(other.pk), str(plain.pk)]
    assert found(client, "report:nothing") == found(client, "param.code:6") == []
    assert found(client, "user:bob user:erin status:succeeded") == [str(plain.pk)]


def test_jobs_of_deleted_reports_and_people_are_found_by_the_names_they_had(browse: Browse, make_job: MakeJob) -> None:
    job = make_job(
        report=None,
        version=None,
        report_slug="old",
        requested_by=None,
        requested_by_name="operator:x",
        report_uuid=uuid4(),
    )
    for text in ("report:old", 'user:"operator:x"', f"report:{job.report_uuid}"):
        assert found(browse("alice"), text) == [str(job.pk)], text


def test_an_error_of_the_search_is_told_beside_it_and_the_text_stays(browse: Browse, make_job: MakeJob) -> None:
    text = browse("alice").get("/jobs?q=status:lost+since:never").content.decode()
    assert 'aria-invalid="true"' in text
    assert "There is no status lost" in text and "since:never is no time" in text
    assert 'value="status:lost since:never"' in text


def test_text_is_looked_for_in_the_newest_jobs_and_the_page_says_how_far_back(
    browse: Browse, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, client = [make_job("Failed", error_message="Nobody answers.") for _ in range(5)], browse("alice")
    monkeypatch.setattr(filters, "SEARCHED", 3)
    assert found(client, "nobody") == [str(job.pk) for job in jobs[:1:-1]]
    text = client.get("/jobs?q=nobody").content.decode()
    older = re.search(r'href="(/jobs\?[^"]*until=[^"]*)">Search the ones before', text)
    assert older
    assert "until=" in older[1]
    assert "Search the ones before" not in client.get("/jobs?q=user:bob").content.decode()


@only_on_sqlite
def test_own_jobs_of_a_report_are_found_without_reading_those_of_others(
    people: dict[str, User], make_job: MakeJob
) -> None:
    make_job(by="erin")
    seen = {name: JobExecutionLog.objects.visible_to(people[name]) for name in ("erin", "dave")}
    found = {name: filters.JobFilter({"report": "sales"}, queryset=jobs).qs for name, jobs in seen.items()}
    assert found["erin"].count() == 1
    assert "USING INDEX job_newest_of_user_report (requested_by_id=? AND report_id=? AND tenant_id=?)" in (
        found["erin"].newest_first()[:30].explain()
    )
    with pytest.raises(EmptyResultSet):
        str(found["dave"].query)


def test_names_of_people_are_offered_to_administrators_only(browse: Browse, make_job: MakeJob) -> None:
    assert '"user:erin"' in browse("alice").get("/jobs").content.decode()
    assert '"user:erin"' not in browse("bob").get("/jobs").content.decode()
    assert '"report:sales"' in browse("bob").get("/jobs").content.decode()


@pytest.mark.parametrize(("name", "most"), [("alice", 14), ("bob", 16)])
@pytest.mark.parametrize("path", ["/jobs", "/jobs?q=report:sales+user:bob+nobody", "/jobs?report=sales"])
def test_a_list_never_takes_more_queries(browse: Browse, make_job: MakeJob, name: str, most: int, path: str) -> None:
    for _ in range(5):
        make_job("Failed")
    client = browse(name)
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    assert len(queries) <= most


def test_the_first_load_of_the_list_weighs_little(browse: Browse, make_job: MakeJob) -> None:
    """Before it is compressed, too."""
    for number in range(60):
        make_job(("Failed", "Succeeded", "Running")[number % 3])
    page = browse("alice").get("/jobs").content
    root = Path(__file__).parents[2] / "static"
    linked = set(re.findall(rb'(?:href|src)="/static/([^"#]+)', page))
    total = len(page) + sum((root / name.decode()).stat().st_size for name in linked)
    assert total < 140_000, (len(page), total)
