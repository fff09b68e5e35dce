"""US-095 and T5.3: the status of a job in each state, for users who can see it."""

from __future__ import annotations

import threading
import time
import uuid

import pytest

from tests.acceptance.helpers import (
    assert_error,
    cancel,
    failed_job,
    failing_report,
    parse_time,
    succeeded_job,
    temporary_report,
    wait_until,
)
from tests.server import UNKNOWN_ID

KEYS = {
    "jobId": str,
    "status": str,
    "startTime": str,
    "endTime": (str, type(None)),
    "resultUrl": (str, type(None)),
    "errorDetails": (dict, type(None)),
    "queuedTime": str,
    "createdBy": str,
    "createdWithKey": (str, type(None)),
    "ranAs": (str, type(None)),
    "report": dict,
    "format": str,
    "formats": list,
    "parameters": dict,
    "requestedParameters": dict,
    "progress": dict,
    "queue": (dict, type(None)),
    "attempt": int,
    "locale": (str, type(None)),
    "section": (str, type(None)),
    "deliveryState": (str, type(None)),
    "retryOf": (str, type(None)),
    "convertedFrom": (str, type(None)),
    "splitFrom": (str, type(None)),
    "expiresAt": (str, type(None)),
    "result": (dict, type(None)),
    "results": list,
}


def assert_complete(status):
    """Check that the status has every key of the contract, with its type. Return it."""
    assert set(status) == set(KEYS)
    assert all(isinstance(status[key], kind) for key, kind in KEYS.items()), status
    assert set(status["report"]) == {"id", "slug", "name", "version"}
    assert set(status["progress"]) == {"percent", "rows", "bytes"}
    assert (status["queue"] is not None) == (status["status"] == "Queued")
    return status


def test_us095_ac001_the_start_time_of_a_queued_job_is_when_it_was_accepted(idle, idle_bob):
    job = idle_bob.generate("sales-by-region", {"region": "north"}, format="json")
    answer = idle_bob.get(f"/jobs/{job}")
    assert answer.status_code == 200
    status = assert_complete(answer.json())
    assert (status["jobId"], status["status"], status["createdBy"]) == (job, "Queued", "bob")
    assert parse_time(status["startTime"]) == parse_time(status["queuedTime"])
    assert [status[key] for key in ("endTime", "resultUrl", "errorDetails", "result", "expiresAt")] == [None] * 5
    assert (status["attempt"], status["format"]) == (0, "json")
    assert status["parameters"] == {"region": "north", "since": "2024-01-01"}
    assert int(answer.headers["Retry-After"]) >= 1


def test_us095_ac001_the_start_time_of_a_running_job_is_that_of_its_attempt(bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    answer = bob.get(f"/jobs/{job}")
    status = assert_complete(answer.json())
    cancel(bob, job)
    assert (status["status"], status["attempt"]) == ("Running", 1)
    assert parse_time(status["startTime"]) >= parse_time(status["queuedTime"])
    assert [status[key] for key in ("endTime", "resultUrl", "errorDetails", "result")] == [None] * 4
    assert int(answer.headers["Retry-After"]) >= 1


def test_us095_ac002_a_succeeded_job_has_a_result_url(server, bob):
    job = succeeded_job(bob, parameters={"region": "south"})
    answer = bob.get(f"/jobs/{job}")
    status = assert_complete(answer.json())
    assert status["status"] == "Succeeded"
    assert status["resultUrl"] == f"{server.url}/api/v1/jobs/{job}/result"
    assert parse_time(status["queuedTime"]) <= parse_time(status["startTime"]) <= parse_time(status["endTime"])
    assert parse_time(status["expiresAt"]) > parse_time(status["endTime"])
    assert status["errorDetails"] is None
    assert status["progress"]["rows"] == status["result"]["rows"] == 1
    assert status["result"]["size"] == len(bob.get(status["resultUrl"]).content)
    assert "Retry-After" not in answer.headers


def test_us095_ac003_a_failed_job_is_answered_with_200_and_its_error(bob):
    answer = bob.get(f"/jobs/{failed_job(bob, 'broken')}")
    assert answer.status_code == 200
    status = assert_complete(answer.json())
    assert status["status"] == "Failed"
    assert sorted(status["errorDetails"]) == ["attempts", "code", "message", "retryable"]
    assert (status["errorDetails"]["code"], status["errorDetails"]["attempts"]) == ("query_failed", 1)
    assert (status["resultUrl"], status["result"]) == (None, None)
    assert parse_time(status["endTime"]) >= parse_time(status["startTime"])
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("job", [UNKNOWN_ID, "no-id", "1", "%00", "0" * 32, "é", "x" * 300])
def test_us095_ac004_an_unknown_or_malformed_id_is_not_found(bob, job):
    for call in ("", "/result", "/events"):
        assert_error(bob.get(f"/jobs/{job}{call}"), 404, "job_not_found")


def test_us095_ac004_the_error_names_the_id(bob):
    job = str(uuid.uuid4())
    assert_error(bob.get(f"/jobs/{job}"), 404, "job_not_found", f"Job with ID '{job}' not found.")


def test_us095_ac005_a_user_without_a_grant_is_refused(bob, dave):
    job = bob.generate("sales-by-region")
    for call in ("", "/result", "/events"):
        assert_error(dave.get(f"/jobs/{job}{call}"), 403, "permission_denied")


def test_us095_ac005_the_generate_grant_shows_own_jobs_only(bob, erin):
    own, others = erin.generate("sales-by-region"), bob.generate("sales-by-region")
    assert erin.get(f"/jobs/{own}").json()["createdBy"] == "erin"
    assert_error(erin.get(f"/jobs/{others}"), 403, "permission_denied")
    assert bob.get(f"/jobs/{own}").status_code == 200


def test_us095_ac005_the_view_grant_shows_all_jobs(bob, erin, carol, alice):
    for client in (bob, erin):
        job = client.generate("sales-by-region")
        assert [who.get(f"/jobs/{job}").status_code for who in (carol, alice)] == [200, 200]


def test_us095_ac005_rights_are_read_at_the_time_of_the_call(alice, bob, carol):
    with temporary_report(alice, grants={"generate": ["analysts"], "view": ["readers"]}) as report:
        job = succeeded_job(bob, report)
        paths = [f"/jobs/{job}", f"/jobs/{job}/result", f"/jobs/{job}/events"]
        assert [who.get(path).status_code for path in paths for who in (bob, carol)] == [200] * 6
        grants = {"generate": [], "view": ["user:bob"]}
        assert alice.request("PATCH", f"/reports/{report}", json={"grants": grants}).status_code == 200
        assert [bob.get(path).status_code for path in paths] == [200] * 3
        for path in paths:
            assert_error(carol.get(path), 403, "permission_denied")
        grants = {"generate": [], "view": []}
        assert alice.request("PATCH", f"/reports/{report}", json={"grants": grants}).status_code == 200
        for path in paths:
            assert_error(bob.get(path), 403, "permission_denied")
        assert_error(bob.post(f"/reports/{report}/generate"), 403, "permission_denied")


def test_t53_a_job_of_another_tenant_is_indistinguishable_from_a_missing_one(bob, gina):
    job, none = bob.generate("sales-by-region"), str(uuid.uuid4())
    for method, call in (
        ("GET", ""), ("GET", "/result"), ("GET", "/events"), ("POST", "/retry"), ("POST", "/cancel"),
    ):  # fmt: skip
        theirs, nothing = (gina.request(method, f"/jobs/{one}{call}") for one in (job, none))
        assert_error(theirs, 404, "job_not_found", f"Job with ID '{job}' not found.")
        assert theirs.text.replace(job, none) == nothing.text
        assert set(theirs.headers) == set(nothing.headers)


def test_us095_an_unchanged_status_is_answered_with_304(idle, idle_bob):
    job = idle_bob.generate("sales-by-region")
    first = idle_bob.get(f"/jobs/{job}")
    etag = first.headers["ETag"]
    for have in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = idle_bob.get(f"/jobs/{job}", headers={"If-None-Match": have})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
        assert not {"content-length", "transfer-encoding"} & {*again.headers}
    cancel(idle_bob, job)
    changed = idle_bob.get(f"/jobs/{job}", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_us095_prefer_wait_returns_when_the_status_changes(idle, idle_bob):
    job = idle_bob.generate("sales-by-region")
    threading.Timer(1, lambda: idle_bob.post(f"/jobs/{job}/cancel")).start()
    started = time.monotonic()
    answer = idle_bob.get(f"/jobs/{job}", headers={"Prefer": "respond-async, wait=20"})
    assert time.monotonic() - started < 15
    assert answer.json()["status"] == "Failed"
    assert answer.headers["Preference-Applied"].startswith("wait")


@pytest.mark.parametrize("prefer", ["wait=1", "Wait=1", "Respond-Async, WAIT = 1"])
def test_us095_prefer_wait_returns_after_its_time(idle_bob, prefer):
    job = idle_bob.generate("sales-by-region")
    started = time.monotonic()
    answer = idle_bob.get(f"/jobs/{job}", headers={"Prefer": prefer})
    assert 0.9 < time.monotonic() - started < 15
    assert answer.json()["status"] == "Queued"


def test_us095_an_ended_job_is_not_waited_for(bob):
    job = succeeded_job(bob)
    started = time.monotonic()
    assert bob.get(f"/jobs/{job}", headers={"Prefer": "wait=25"}).json()["status"] == "Succeeded"
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=x", "wait=-1", "wait=0", "", "a=b; wait"])
def test_us095_an_invalid_preference_is_ignored(idle_bob, prefer):
    job = idle_bob.generate("sales-by-region")
    assert idle_bob.get(f"/jobs/{job}", headers={"Prefer": prefer}).status_code == 200


def test_us095_progress_grows_while_a_job_runs(bob):
    job = bob.generate("many-rows", {"rows": 30_000_000, "copies": 100})
    moving = wait_until(lambda: bob.get(f"/jobs/{job}").json()["progress"]["rows"] or None)
    assert moving > 0
    cancel(bob, job)


def test_us095_a_job_of_a_deleted_report_keeps_the_slug(alice, bob):
    with failing_report(alice) as report:
        job = failed_job(bob, report)
        assert bob.get(f"/jobs/{job}").json()["report"]["slug"] == report
    assert alice.get(f"/jobs/{job}").json()["report"]["slug"] == report
