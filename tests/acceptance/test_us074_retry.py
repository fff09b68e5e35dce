"""US-074: an Administrator has a failed job run again, as a new job."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.helpers import (
    at_once,
    cancel,
    counts,
    failed_job,
    failing_report,
    job_row,
    moment,
    query,
    refused,
    succeeded_job,
)

REGION = {"parameters": [{"name": "region", "type": "string"}], "query": "select :region from no_such_table"}


@pytest.fixture
def failing(alice):
    """A report that fails, with a parameter."""
    with failing_report(alice, **REGION) as report:
        yield report


def test_us074_ac001_ac002_a_failed_job_is_queued_again_as_a_new_job(server, alice, bob, failing):
    old = failed_job(bob, failing, parameters={"region": "north"}, format="json")
    answer = alice.post(f"/jobs/{old}/retry")
    assert answer.status_code == 202
    body = answer.json()
    assert sorted(body) == ["jobId", "retryOf", "status", "statusUrl"]
    assert (body["status"], body["retryOf"]) == ("Queued", old)
    assert body["statusUrl"] == f"{server.url}/api/v1/jobs/{body['jobId']}" == answer.headers["Location"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert uuid.UUID(body["jobId"]).version == 4 and body["jobId"] != old
    before, again = bob.get(f"/jobs/{old}").json(), alice.wait(body["jobId"])
    assert (again["retryOf"], again["createdBy"], again["attempt"]) == (old, "alice", 1)
    for key in ("report", "parameters", "format"):
        assert again[key] == before[key]


def test_us074_ac002_the_old_row_is_untouched(server, alice, bob, failing):
    old = failed_job(bob, failing)
    before = job_row(server, old)
    again = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    alice.wait(again)
    assert job_row(server, old) == before
    (link,) = query(server, "select retry_of_id from jobs_jobexecutionlog where id = ?", uuid.UUID(again).hex)
    assert link["retry_of_id"] == uuid.UUID(old).hex


def test_us074_ac002_the_same_version_runs_also_after_the_report_was_changed(alice, bob, failing):
    old = failed_job(bob, failing, parameters={"region": "north"})
    change = {"query": "select 1 as one", "parameters": [], "formats": ["parquet"], "name": "Mended"}
    assert alice.request("PATCH", f"/reports/{failing}", json=change).json()["version"] == 2
    again = alice.wait(alice.post(f"/jobs/{old}/retry").json()["jobId"])
    assert (again["status"], again["report"]["version"], again["report"]["name"]) == ("Failed", 1, "A report of a test")
    assert (again["parameters"], again["format"]) == ({"region": "north"}, "csv")
    new = bob.wait(bob.generate(failing))
    assert (new["status"], new["report"]["version"]) == ("Succeeded", 2)


def test_us074_a_job_whose_cause_was_mended_succeeds_when_retried(disposable):
    alice, bob = disposable.client("alice"), disposable.client("bob")
    old = failed_job(bob, "source-gone")
    (source,) = query(disposable, "select location from reports_datasource where slug = 'gone'")
    Path(source["location"]).touch()
    again = alice.wait(alice.post(f"/jobs/{old}/retry").json()["jobId"])
    Path(source["location"]).unlink()
    assert again["status"] == "Succeeded", again


@pytest.mark.parametrize("name", ["bob", "carol", "erin", "dave"])
def test_us074_ac003_who_is_no_administrator_is_refused(server, bob, failing, name):
    old = failed_job(bob, failing)
    before = counts(server)["jobs_jobexecutionlog"]
    refused(server.client(name).post(f"/jobs/{old}/retry"), 403, "permission_denied")
    assert counts(server)["jobs_jobexecutionlog"] == before


def test_us074_ac003_an_administrator_of_another_tenant_finds_nothing(gina, bob, failing):
    old = failed_job(bob, failing)
    refused(gina.post(f"/jobs/{old}/retry"), 404, "job_not_found", f"Job with ID '{old}' not found.")


def test_us074_br001_a_queued_job_is_not_retried(idle, idle_bob):
    alice, job = idle.client("alice"), idle_bob.generate("sales-by-region")
    before = counts(idle)
    refused(alice.post(f"/jobs/{job}/retry"), 409, "job_not_failed")
    assert counts(idle) == before


def test_us074_br001_a_running_job_is_not_retried(alice, bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    answer = alice.post(f"/jobs/{job}/retry")
    cancel(bob, job)
    refused(answer, 409, "job_not_failed")


def test_us074_br001_a_succeeded_job_is_not_retried(alice, bob):
    refused(alice.post(f"/jobs/{succeeded_job(bob)}/retry"), 409, "job_not_failed")


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
def test_us074_br001_a_cancelled_or_timed_out_job_is_failed_and_can_be_retried(alice, bob, how):
    job = bob.generate("slow" if how == "cancelled" else "times-out")
    if how == "cancelled":
        bob.post(f"/jobs/{job}/cancel")
    assert bob.wait(job)["status"] == "Failed"
    answer = alice.post(f"/jobs/{job}/retry")
    assert answer.status_code == 202
    cancel(alice, answer.json()["jobId"])


def test_us074_ac004_the_right_comes_before_the_state(bob):
    refused(bob.post(f"/jobs/{succeeded_job(bob)}/retry"), 403, "permission_denied")


def test_us074_ac005_a_job_of_a_deleted_report_is_not_retried(server, alice, bob, failing):
    old = failed_job(bob, failing)
    assert alice.request("DELETE", f"/reports/{failing}").status_code == 204
    before = counts(server)
    answer = alice.post(f"/jobs/{old}/retry")
    assert answer.json() == {
        "error": "The original report configuration could not be found.",
        "code": "report_configuration_missing",
    }
    assert answer.status_code == 409
    assert counts(server) == before


def test_us074_pressed_twice_at_once_makes_one_new_job(server, alice, bob, failing):
    old = failed_job(bob, failing)
    answers = at_once(*[lambda: alice.post(f"/jobs/{old}/retry")] * 4)
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    (made,) = (answer.json()["jobId"] for answer in answers if answer.status_code == 202)
    for answer in answers:
        if answer.status_code == 409:
            assert refused(answer, 409, "job_already_retried")["jobId"] == made
    rows = query(server, "select id from jobs_jobexecutionlog where retry_of_id = ?", uuid.UUID(old).hex)
    assert [row["id"] for row in rows] == [uuid.UUID(made).hex]


def test_us074_a_retry_that_failed_can_be_retried_in_its_turn(alice, bob, failing):
    old = failed_job(bob, failing)
    second = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    assert alice.wait(second)["status"] == "Failed"
    assert alice.post(f"/jobs/{second}/retry").json()["retryOf"] == second
    refused(alice.post(f"/jobs/{old}/retry"), 409, "job_already_retried")


def test_us074_ac006_a_retry_is_audited(alice, bob, failing):
    old = failed_job(bob, failing)
    new = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    (entry,) = alice.get("/audit", params={"action": "Job Retry", "target": old}).json()["results"]
    assert (entry["actor"], entry["action"], entry["target"]) == ("alice", "Job Retry", {"type": "job", "id": old})
    assert entry["details"] == {"originalJobId": old, "newJobId": new}
    assert abs(datetime.now(UTC) - moment(entry["timestamp"])) < timedelta(minutes=5)


def test_us074_ac006_the_retry_is_in_the_timelines_of_both_jobs(alice, bob, failing):
    old = failed_job(bob, failing)
    new = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    last = alice.get(f"/jobs/{old}/events").json()["results"][-1]
    assert (last["kind"], last["details"]) == ("retried", {"newJobId": new, "actor": "alice"})
    first = alice.get(f"/jobs/{new}/events").json()["results"][0]
    assert (first["kind"], first["details"]["actor"]) == ("queued", "alice")
