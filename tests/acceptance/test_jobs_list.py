"""GET /jobs: who sees which jobs, filtered and page by page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.acceptance.helpers import cancel, failed_job, moment, own_report, refused, succeeded_job


def pages(person, path, **params):
    """All entries, page by page, following `next`."""
    answer, entries = person.get(path, params=params), []
    while len(entries) < 500:
        assert answer.status_code == 200, answer.text
        entries.append(answer.json()["results"])
        following = answer.json()["next"]
        if not following:
            return entries
        assert f'<{following}>; rel="next"' in answer.headers["Link"]
        answer = person.get(following)
    raise AssertionError("the pages have no end")


def ids(entries):
    return [entry["jobId"] for entry in entries]


@pytest.fixture(scope="module")
def made(idle, idle_bob):
    """Seven jobs of one report, none of anybody else; oldest first."""
    with own_report(idle.client("alice"), slug="listed", name="Lis%ted_1") as report:
        jobs = [idle_bob.generate(report, format=("csv", "json")[number % 2]) for number in range(7)]
        cancel(idle_bob, jobs[0], jobs[3])
        yield jobs


def test_jobs_are_listed_newest_first_with_their_whole_status(idle_bob, made):
    listed = idle_bob.get("/jobs", params={"report": "listed"}).json()["results"]
    assert ids(listed) == made[::-1]
    assert listed[0] == idle_bob.get(f"/jobs/{made[-1]}").json()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 200])
def test_paging_loses_and_doubles_nothing(idle_bob, made, size):
    found = pages(idle_bob, "/jobs", report="listed", pageSize=size)
    assert [job for page in found for job in ids(page)] == made[::-1]
    assert all(len(page) == size for page in found[:-1])


def test_paging_is_stable_while_jobs_are_added(idle, idle_bob, made):
    before = ids(idle_bob.get("/jobs", params={"pageSize": 200}).json()["results"])
    first = idle_bob.get("/jobs", params={"pageSize": 3}).json()
    added = [idle_bob.generate("sales-by-region") for _ in range(2)]
    second = idle_bob.get(first["next"]).json()
    assert ids(first["results"]) + ids(second["results"]) == before[:6]
    assert not set(added) & set(ids(second["results"]))
    back = idle_bob.get(second["previous"]).json()
    assert ids(back["results"]) == before[:3]


def test_the_links_are_in_a_header_too(idle_bob, made):
    first = idle_bob.get("/jobs", params={"report": "listed", "pageSize": 3})
    middle = idle_bob.get(first.json()["next"])
    assert re.findall(r'rel="(\w+)"', first.headers["Link"]) == ["next"]
    assert re.findall(r'rel="(\w+)"', middle.headers["Link"]) == ["next", "prev"]
    assert "Link" not in idle_bob.get("/jobs", params={"report": "listed"}).headers


def test_the_page_size_has_a_limit(idle_bob, made):
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
def test_jobs_can_be_filtered(idle_bob, made, filters, expected):
    found = [job for page in pages(idle_bob, "/jobs", report="listed", **filters) for job in ids(page)]
    assert found == [made[at] for at in expected]


def test_jobs_can_be_found_by_their_id_and_by_their_reports_id(idle_bob, made):
    job = idle_bob.get(f"/jobs/{made[2]}").json()
    assert ids(idle_bob.get("/jobs", params={"q": made[2]}).json()["results"]) == [made[2]]
    assert ids(idle_bob.get("/jobs", params={"report": job["report"]["id"]}).json()["results"]) == made[::-1]
    assert idle_bob.get("/jobs", params={"report": "no-such-report"}).json()["results"] == []


def test_jobs_can_be_filtered_by_time(idle_bob, made):
    middle = idle_bob.get(f"/jobs/{made[3]}").json()["queuedTime"]
    later = (moment(middle) + timedelta(microseconds=1)).isoformat()
    since = ids(idle_bob.get("/jobs", params={"report": "listed", "since": middle}).json()["results"])
    before = ids(idle_bob.get("/jobs", params={"report": "listed", "until": middle}).json()["results"])
    upto = ids(idle_bob.get("/jobs", params={"report": "listed", "until": later}).json()["results"])
    assert sorted(since + before) == sorted(made)
    assert made[3] in since and made[3] in upto and made[3] not in before


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "Nonsense"), ("status", "queued"), ("since", "yesterday"), ("until", "2024-13-01T00:00:00Z")],
)
def test_a_bad_filter_value_is_refused_and_named(idle_bob, name, value):
    answer = idle_bob.get("/jobs", params={name: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [name]


def test_a_bad_cursor_is_refused(idle_bob):
    refused(idle_bob.get("/jobs", params={"cursor": "nonsense"}), 400, "invalid_parameters")


def test_everyone_sees_what_their_rights_show(idle):
    names = ("alice", "bob", "carol", "dave", "erin", "gina", "hank")
    alice, bob, carol, dave, erin, gina, hank = (idle.client(name) for name in names)
    bobs, erins, hanks = (person.generate("sales-by-region") for person in (bob, erin, hank))
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
    for person in (alice, carol, dave, gina):
        assert person.get("/jobs").status_code == 200


def test_the_list_says_the_same_as_the_status_of_ended_jobs(bob):
    jobs = [failed_job(bob, "broken"), succeeded_job(bob)]
    listed = {job["jobId"]: job for job in bob.get("/jobs").json()["results"]}
    for job in jobs:
        assert listed[job] == bob.get(f"/jobs/{job}").json()
