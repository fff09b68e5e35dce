"""GET /jobs: visibility, filters and paging."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.acceptance.helpers import assert_error, cancel, failed_job, parse_time, succeeded_job, temporary_report


def pages(client, path, **params):
    """Return all pages, following `next`."""
    answer, entries = client.get(path, params=params), []
    while len(entries) < 500:
        assert answer.status_code == 200, answer.text
        entries.append(answer.json()["results"])
        following = answer.json()["next"]
        if not following:
            return entries
        assert f'<{following}>; rel="next"' in answer.headers["Link"]
        answer = client.get(following)
    raise AssertionError("there are too many pages")


def ids(entries):
    return [entry["jobId"] for entry in entries]


@pytest.fixture(scope="module")
def jobs(idle, idle_bob):
    """Seven jobs, the only ones of their report; oldest first."""
    with temporary_report(idle.client("alice"), slug="listed", name="Lis%ted_1") as report:
        jobs = [idle_bob.generate(report, format=("csv", "json")[number % 2]) for number in range(7)]
        cancel(idle_bob, jobs[0], jobs[3])
        yield jobs


def test_jobs_are_listed_newest_first_with_their_complete_status(idle_bob, jobs):
    listed = idle_bob.get("/jobs", params={"report": "listed"}).json()["results"]
    assert ids(listed) == jobs[::-1]
    assert listed[0] == idle_bob.get(f"/jobs/{jobs[-1]}").json()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 200])
def test_paging_neither_skips_nor_repeats_entries(idle_bob, jobs, size):
    found = pages(idle_bob, "/jobs", report="listed", pageSize=size)
    assert [job for page in found for job in ids(page)] == jobs[::-1]
    assert all(len(page) == size for page in found[:-1])


def test_paging_is_stable_while_jobs_are_added(idle, idle_bob, jobs):
    before = ids(idle_bob.get("/jobs", params={"pageSize": 200}).json()["results"])
    first = idle_bob.get("/jobs", params={"pageSize": 3}).json()
    added = [idle_bob.generate("sales-by-region") for _ in range(2)]
    second = idle_bob.get(first["next"]).json()
    assert ids(first["results"]) + ids(second["results"]) == before[:6]
    assert not set(added) & set(ids(second["results"]))
    back = idle_bob.get(second["previous"]).json()
    assert ids(back["results"]) == before[:3]


def test_the_links_are_also_in_a_header(idle_bob, jobs):
    first = idle_bob.get("/jobs", params={"report": "listed", "pageSize": 3})
    middle = idle_bob.get(first.json()["next"])
    assert re.findall(r'rel="(\w+)"', first.headers["Link"]) == ["next"]
    assert re.findall(r'rel="(\w+)"', middle.headers["Link"]) == ["next", "prev"]
    assert "Link" not in idle_bob.get("/jobs", params={"report": "listed"}).headers


def test_the_page_size_has_a_limit(idle_bob, jobs):
    for size in ("0", "-1", "x", "100000"):
        assert len(idle_bob.get("/jobs", params={"pageSize": size}).json()["results"]) <= 200


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"status": "Failed"}, (3, 0)),
        ({"status": "Queued"}, (6, 5, 4, 2, 1)),
        ({"status": "Succeeded"}, ()),
        ({"requestedBy": "bob", "status": "Failed"}, (3, 0)),
        ({"requestedBy": "alice"}, ()),
        ({"requestedBy": "BOB"}, ()),
        ({"q": "lis%ted_1"}, (6, 5, 4, 3, 2, 1, 0)),
        ({"q": "lis_ted"}, ()),
        ({"q": "listed"}, (6, 5, 4, 3, 2, 1, 0)),
        ({"q": "cancelled by"}, (3, 0)),
        ({"q": "no such thing"}, ()),
        ({"q": "' or 1=1 --"}, ()),
    ],
)
def test_jobs_can_be_filtered(idle_bob, jobs, filters, expected):
    found = [job for page in pages(idle_bob, "/jobs", report="listed", **filters) for job in ids(page)]
    assert found == [jobs[at] for at in expected]


def test_jobs_can_be_found_by_their_id_and_by_the_id_of_their_report(idle_bob, jobs):
    job = idle_bob.get(f"/jobs/{jobs[2]}").json()
    assert ids(idle_bob.get("/jobs", params={"q": jobs[2]}).json()["results"]) == [jobs[2]]
    assert ids(idle_bob.get("/jobs", params={"report": job["report"]["id"]}).json()["results"]) == jobs[::-1]
    assert idle_bob.get("/jobs", params={"report": "no-such-report"}).json()["results"] == []


def test_jobs_can_be_filtered_by_time(idle_bob, jobs):
    middle = idle_bob.get(f"/jobs/{jobs[3]}").json()["queuedTime"]
    later = (parse_time(middle) + timedelta(microseconds=1)).isoformat()
    since = ids(idle_bob.get("/jobs", params={"report": "listed", "since": middle}).json()["results"])
    before = ids(idle_bob.get("/jobs", params={"report": "listed", "until": middle}).json()["results"])
    upto = ids(idle_bob.get("/jobs", params={"report": "listed", "until": later}).json()["results"])
    assert sorted(since + before) == sorted(jobs)
    assert jobs[3] in since and jobs[3] in upto and jobs[3] not in before


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "Nonsense"), ("status", "queued"), ("since", "yesterday"), ("until", "2024-13-01T00:00:00Z")],
)
def test_an_invalid_filter_value_is_refused_by_name(idle_bob, name, value):
    answer = idle_bob.get("/jobs", params={name: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [name]


def test_an_invalid_cursor_is_refused(idle_bob):
    assert_error(idle_bob.get("/jobs", params={"cursor": "nonsense"}), 400, "invalid_parameters")


def test_users_see_jobs_according_to_their_rights(idle):
    names = ("alice", "bob", "carol", "dave", "erin", "gina", "hank")
    alice, bob, carol, dave, erin, gina, hank = (idle.client(name) for name in names)
    bobs, erins, hanks = (client.generate("sales-by-region") for client in (bob, erin, hank))
    slow = bob.generate("slow")
    seen = {
        name: {job for page in pages(idle.client(name), "/jobs", pageSize=200) for job in ids(page)} for name in names
    }
    mine = {"bobs": bobs, "erins": erins, "hanks": hanks, "slow": slow}
    told = {name: sorted(label for label, job in mine.items() if job in seen[name]) for name in names}
    assert told == {
        "alice": ["bobs", "erins", "slow"],
        "bob": ["bobs", "erins", "slow"],
        "carol": ["bobs", "erins"],
        "dave": [],
        "erin": ["erins"],
        "gina": ["hanks"],
        "hank": ["hanks"],
    }
    assert seen["dave"] == set()
    for client in (alice, carol, dave, gina):
        assert client.get("/jobs").status_code == 200


def test_the_list_has_the_same_status_of_ended_jobs(bob):
    jobs = [failed_job(bob, "broken"), succeeded_job(bob)]
    listed = {job["jobId"]: job for job in bob.get("/jobs").json()["results"]}
    for job in jobs:
        assert listed[job] == bob.get(f"/jobs/{job}").json()


def test_a_search_of_very_many_words_is_refused(alice):
    answer = alice.get("/jobs", params={"q": "w " * 1900})
    assert answer.status_code == 400
    assert "The search is too long: at most" in answer.text
