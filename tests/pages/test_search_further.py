"""A search that no index answers goes on among older jobs, a request at a time."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import JobExecutionLog
from jobs.monitoring import filters, views

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]
END = "None of the ones before matches."


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "SEARCHED", 2)
    monkeypatch.setattr(views, "SEARCHED_FURTHER", 2)


def part(client: Client, path: str) -> str:
    answer = client.get(path, HTTP_HX_REQUEST="true")
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def asked(text: str) -> str:
    """What this part of the page asks for by itself, if anything."""
    found = re.search(r'data-live hx-get="(/jobs/further\?[^"]*)"', text)
    return found[1] if found else ""


def searched(client: Client, path: str) -> list[str]:
    """The parts of the page one after the other, from the list to the end of its search."""
    parts = [html.unescape(client.get(path).content.decode())]
    while address := asked(parts[-1]):
        parts.append(part(client, address))
    return parts


def led_to(client: Client, text: str) -> list[str]:
    link = re.search(r'href="(/jobs\?[^"]*)">Show it', text)
    assert link
    return rows(client.get(link[1]))


def rows(answer: HttpResponse | Any) -> list[str]:
    return re.findall(r'<tr id="job-([0-9a-f-]{36})"', answer.content.decode())


def test_a_match_far_back_is_found_and_its_list_begins_with_it(browse: Browse, make_job: MakeJob) -> None:
    client, far = browse("alice"), [make_job("Failed", host="far") for _ in range(2)]
    for _ in range(5):
        make_job("Failed", host="near")
    first, nothing, found = searched(client, "/jobs?q=host:far")
    assert rows(client.get("/jobs?q=host:far")) == []
    assert "Search the ones before" in first
    assert "Searching the ones before" in nothing and "Stop</button>" in nothing
    assert "The next one that matches was queued" in found
    assert led_to(client, found) == [str(job.pk) for job in far[::-1]]


def test_the_end_of_history_is_said(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Failed")
    assert [END in text for text in searched(browse("alice"), "/jobs?q=host:far")] == [False, False, True]


def test_only_jobs_of_the_chosen_status_are_found(browse: Browse, make_job: MakeJob) -> None:
    client, wanted = browse("alice"), make_job("Succeeded", host="far")
    for _ in range(3):
        make_job("Failed", host="far")
    for _ in range(3):
        make_job("Failed", host="near")
    for path in ("/jobs?q=host:far&status=Succeeded", "/jobs?q=host:far+status:succeeded"):
        assert led_to(client, searched(client, path)[-1]) == [str(wanted.pk)]


@pytest.mark.parametrize("before", range(4))
def test_jobs_of_the_same_moment_are_all_found_once(browse: Browse, make_job: MakeJob, before: int) -> None:
    """Whatever the place in them at which a step ends."""
    client, at = browse("alice"), timezone.now() - timedelta(days=1)
    same = {str(make_job("Failed", host="far", queued_at=at).pk) for _ in range(3)}
    for _ in range(before):
        make_job("Failed", host="near")
    path, seen = "/jobs?q=host:far", list[str]()
    while path:
        text = html.unescape(client.get(path).content.decode())
        seen += re.findall(r'<tr id="job-([0-9a-f-]{36})"', text)
        older = re.search(r'href="(/jobs\?[^"]*)">Search the ones before', text)
        path = older[1] if older else ""
    assert sorted(seen) == sorted(same)
    if before > 1:
        assert set(led_to(client, searched(client, "/jobs?q=host:far")[-1])) <= same


def test_nobody_finds_what_they_may_not_see(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed", host="far")
    for _ in range(3):
        make_job("Failed", host="near")
    address = asked(searched(browse("alice"), "/jobs?q=host:far")[0])
    assert "Show it" in part(browse("carol"), address)
    for name in ("dave", "gina"):
        assert END in part(browse(name), address)
    assert Client().get(address)["Location"].startswith("/login?next=/jobs/further")
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/jobs?q=x"}
    assert Client().get(address, headers=headers, follow=True)["HX-Redirect"] == "/login?next=%2Fjobs%3Fq%3Dx"


@pytest.mark.parametrize("query", ["q=x&until=never", "q=status:lost", "q=x&status=Lost", "q=x&stop=1&until=-"])
def test_filters_that_are_wrong_are_not_searched_by(browse: Browse, make_job: MakeJob, query: str) -> None:
    make_job("Failed")
    answer = browse("alice").get(f"/jobs/further?{query}", HTTP_HX_REQUEST="true")
    assert answer.status_code == 400
    assert "data-sentence" in answer.content.decode()


def test_a_list_goes_on_by_itself_only_at_the_end_of_what_it_found(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(4):
        make_job("Failed", host="far")
    client = browse("alice")
    assert asked(part(client, "/jobs?q=host:far"))
    text = part(client, "/jobs?q=host:far&pageSize=1")
    assert 'rel="next"' in text and not asked(text)
    assert "Search the ones before" in text
    assert not asked(part(client, "/jobs?q=user:bob"))


def test_a_stopped_search_leaves_the_link(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Failed")
    client = browse("alice")
    going = part(client, asked(searched(client, "/jobs?q=host:far")[0]))
    stop = re.search(r'<button[^>]* hx-get="([^"]*)"', going)
    until = re.search(r'name="until" value="([^"]*)"', going)
    assert stop and until
    text = part(client, f"{stop[1]}&until={until[1].replace('+', '%2B')}")
    assert "Stopped" in text and not asked(text)
    link = re.search(r'href="(/jobs\?[^"]*)">Search the ones before', text)
    assert link and "stop=" not in link[1]
    assert client.get(link[1]).status_code == 200


def test_without_htmx_the_list_that_begins_there_is_shown(browse: Browse, make_job: MakeJob) -> None:
    answer = browse("alice").get("/jobs/further?q=host:far&until=2026-01-31")
    assert (answer.status_code, answer["Location"]) == (302, "/jobs?q=host%3Afar&until=2026-01-31")


@pytest.mark.parametrize(("name", "queries"), [("alice", 5), ("carol", 6)])
def test_a_step_takes_few_queries(
    browse: Browse, make_job: MakeJob, name: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(8):
        make_job("Failed")
    client = browse(name)
    address = asked(searched(client, "/jobs?q=host:far")[0])
    with django_assert_num_queries(queries):
        part(client, address)
