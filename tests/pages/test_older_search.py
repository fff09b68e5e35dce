"""A search that no index answers continues among older jobs, one request at a time."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from tests.pages.html import Page
from tests.pages.jobs import HTMX, Browse, MakeJob, job_ids, open_page

NO_MATCH = "No older matches."


@pytest.fixture(autouse=True)
def small_steps(settings: Settings) -> None:
    settings.SEARCH_SCAN_LIMIT = settings.SEARCH_OLDER_SCAN_LIMIT = 2


def next_step(page: Page) -> str:
    """Return the URL that this part of the page requests by itself; empty if the search has ended."""
    requests = [str(tag["hx-get"]) for tag in page.tag.find_all(attrs={"data-live": True})]
    steps = [url for url in requests if url.startswith("/jobs/further?")]
    assert len(steps) <= 1
    return steps[0] if steps else ""


def search(client: Client, path: str) -> list[Page]:
    """Return the parts of the page in their order, from the list to the end of its search."""
    parts = [open_page(client, path)]
    while url := next_step(parts[-1]):
        parts.append(open_page(client, url, headers=HTMX))
    return parts


def linked_jobs(client: Client, part: Page) -> list[str]:
    return job_ids(open_page(client, part.get("link", "Show it and older matches")["href"]))


def test_a_match_far_back_is_found_and_its_list_begins_with_it(browse: Browse, make_job: MakeJob) -> None:
    client, far = browse("alice"), [make_job("Failed", host="far") for _ in range(2)]
    for _ in range(5):
        make_job("Failed", host="near")
    first, nothing, found = search(client, "/jobs?q=host:far")
    assert job_ids(first) == []
    assert first.has("link", "Search older jobs")
    assert re.search("Searching older jobs, back to .+ so far…", nothing.text) and nothing.has("button", "Stop")
    assert "The next match was queued" in found.text
    assert linked_jobs(client, found) == [str(job.pk) for job in far[::-1]]


def test_the_end_of_history_is_reported(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Failed")
    assert [NO_MATCH in part.text for part in search(browse("alice"), "/jobs?q=host:far")] == [False, False, True]


def test_only_jobs_of_the_chosen_status_are_found(browse: Browse, make_job: MakeJob) -> None:
    client, wanted = browse("alice"), make_job("Succeeded", host="far")
    for _ in range(3):
        make_job("Failed", host="far")
    for _ in range(3):
        make_job("Failed", host="near")
    for path in ("/jobs?q=host:far&status=Succeeded", "/jobs?q=host:far+status:succeeded"):
        assert linked_jobs(client, search(client, path)[-1]) == [str(wanted.pk)]


@pytest.mark.parametrize("newer", range(4))
def test_jobs_queued_at_the_same_time_are_each_found_once(browse: Browse, make_job: MakeJob, newer: int) -> None:
    """A step can end before, between and after them."""
    client, at = browse("alice"), timezone.now() - timedelta(days=1)
    same = {str(make_job("Failed", host="far", queued_at=at).pk) for _ in range(3)}
    for _ in range(newer):
        make_job("Failed", host="near")
    path, seen = "/jobs?q=host:far", list[str]()
    while path:
        page = open_page(client, path)
        seen += job_ids(page)
        older = page.all("link", "Search older jobs")
        path = older[0]["href"] if older else ""
    assert sorted(seen) == sorted(same)
    if newer > 1:
        assert set(linked_jobs(client, search(client, "/jobs?q=host:far")[-1])) <= same


def test_users_find_only_jobs_they_can_see(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed", host="far")
    for _ in range(3):
        make_job("Failed", host="near")
    url = next_step(open_page(browse("alice"), "/jobs?q=host:far"))
    assert open_page(browse("carol"), url, headers=HTMX).has("link", "Show it and older matches")
    for name in ("dave", "gina"):
        assert NO_MATCH in open_page(browse(name), url, headers=HTMX).text
    assert Client().get(url)["Location"].startswith("/login?next=/jobs/further")
    headers = HTMX | {"HX-Current-URL": "http://testserver/jobs?q=x"}
    assert Client().get(url, headers=headers, follow=True)["HX-Redirect"] == "/login?next=%2Fjobs%3Fq%3Dx"


@pytest.mark.parametrize("query", ["q=x&until=never", "q=status:lost", "q=x&status=Lost", "q=x&stop=1&until=-"])
def test_invalid_filters_are_a_bad_request(browse: Browse, make_job: MakeJob, query: str) -> None:
    make_job("Failed")
    response = browse("alice").get(f"/jobs/further?{query}", headers=HTMX)
    assert response.status_code == 400
    assert "data-error-message" in Page(response).get("heading")


def test_a_search_continues_only_after_the_last_page_of_its_list(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(4):
        make_job("Failed", host="far")
    client = browse("alice")
    assert next_step(open_page(client, "/jobs?q=host:far", headers=HTMX))
    first_page = open_page(client, "/jobs?q=host:far&pageSize=1", headers=HTMX)
    assert first_page.has("link", "Older") and not next_step(first_page)
    assert first_page.has("link", "Search older jobs")
    assert not next_step(open_page(client, "/jobs?q=user:bob", headers=HTMX))


def test_a_stopped_search_leaves_the_link(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Failed")
    client = browse("alice")
    step = open_page(client, next_step(open_page(client, "/jobs?q=host:far")), headers=HTMX)
    until = step.tag.find("input", attrs={"name": "until"})
    url = f"{step.get('button', 'Stop')['hx-get']}&{urlencode({'until': until['value']})}"
    stopped = open_page(client, url, headers=HTMX)
    assert "Search stopped at" in stopped.text and not next_step(stopped)
    link = stopped.get("link", "Search older jobs")["href"]
    assert "stop=" not in link
    assert client.get(link).status_code == 200


def test_without_htmx_the_list_of_older_jobs_is_shown(browse: Browse, make_job: MakeJob) -> None:
    response = browse("alice").get("/jobs/further?q=host:far&until=2026-01-31")
    assert (response.status_code, response["Location"]) == (302, "/jobs?q=host%3Afar&until=2026-01-31")


@pytest.mark.parametrize(("name", "queries"), [("alice", 6), ("carol", 7)])
def test_a_step_takes_few_queries(
    browse: Browse, make_job: MakeJob, name: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(8):
        make_job("Failed")
    client = browse(name)
    url = next_step(open_page(client, "/jobs?q=host:far"))
    with django_assert_num_queries(queries):
        open_page(client, url, headers=HTMX)
