"""US-074: an Administrator retries a failed job as a new job."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.helpers import (
    assert_error,
    cancel,
    failed_job,
    failing_report,
    job_row,
    parse_time,
    query,
    row_counts,
    run_concurrently,
    succeeded_job,
)

REGION = {"parameters": [{"name": "region", "type": "string"}], "query": "select :region from no_such_table"}


@pytest.fixture
def failing(alice):
    """A report that fails, with a parameter."""
    with failing_report(alice, **REGION) as report:
        yield report


def test_us074_ac001_ac002_a_failed_job_is_retried_as_a_new_job(server, alice, bob, failing):
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


def test_us074_ac002_the_old_row_does_not_change(server, alice, bob, failing):
    old = failed_job(bob, failing)
    before = job_row(server, old)
    again = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    alice.wait(again)
    assert job_row(server, old) == before
    (link,) = query(server, "select retry_of_id from jobs_jobexecutionlog where id = ?", uuid.UUID(again).hex)
    assert link["retry_of_id"] == uuid.UUID(old).hex


def test_us074_ac002_the_same_version_runs_after_a_change_of_the_report(alice, bob, failing):
    old = failed_job(bob, failing, parameters={"region": "north"})
    change = {"query": "select 1 as one", "parameters": [], "formats": ["parquet"], "name": "Fixed"}
    assert alice.request("PATCH", f"/reports/{failing}", json=change).json()["version"] == 2
    again = alice.wait(alice.post(f"/jobs/{old}/retry").json()["jobId"])
    assert (again["status"], again["report"]["version"], again["report"]["name"]) == ("Failed", 1, "A report of a test")
    assert (again["parameters"], again["format"]) == ({"region": "north"}, "csv")
    new = bob.wait(bob.generate(failing))
    assert (new["status"], new["report"]["version"]) == ("Succeeded", 2)


def test_us074_a_retry_succeeds_once_the_cause_is_fixed(disposable):
    alice, bob = disposable.client("alice"), disposable.client("bob")
    old = failed_job(bob, "source-gone")
    (source,) = query(disposable, "select location from reports_datasource where slug = 'gone'")
    Path(source["location"]).touch()
    again = alice.wait(alice.post(f"/jobs/{old}/retry").json()["jobId"])
    Path(source["location"]).unlink()
    assert again["status"] == "Succeeded", again


@pytest.mark.parametrize("name", ["bob", "carol", "erin", "dave"])
def test_us074_ac003_other_users_are_refused(server, bob, failing, name):
    old = failed_job(bob, failing)
    before = row_counts(server)["jobs_jobexecutionlog"]
    assert_error(server.client(name).post(f"/jobs/{old}/retry"), 403, "permission_denied")
    assert row_counts(server)["jobs_jobexecutionlog"] == before


def test_us074_ac003_an_administrator_of_another_tenant_gets_404(gina, bob, failing):
    old = failed_job(bob, failing)
    assert_error(gina.post(f"/jobs/{old}/retry"), 404, "job_not_found", f"Job with ID '{old}' not found.")


def test_us074_br001_a_queued_job_cannot_be_retried(idle, idle_bob):
    alice, job = idle.client("alice"), idle_bob.generate("sales-by-region")
    before = row_counts(idle)
    assert_error(alice.post(f"/jobs/{job}/retry"), 409, "job_not_failed")
    assert row_counts(idle) == before


def test_us074_br001_a_running_job_cannot_be_retried(alice, bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    answer = alice.post(f"/jobs/{job}/retry")
    cancel(bob, job)
    assert_error(answer, 409, "job_not_failed")


def test_us074_br001_a_succeeded_job_cannot_be_retried(alice, bob):
    assert_error(alice.post(f"/jobs/{succeeded_job(bob)}/retry"), 409, "job_not_failed")


@pytest.mark.parametrize("ending", ["cancelled", "timed out"])
def test_us074_br001_a_cancelled_or_timed_out_job_can_be_retried(alice, bob, ending):
    job = bob.generate("slow" if ending == "cancelled" else "times-out")
    if ending == "cancelled":
        bob.post(f"/jobs/{job}/cancel")
    assert bob.wait(job)["status"] == "Failed"
    answer = alice.post(f"/jobs/{job}/retry")
    assert answer.status_code == 202
    cancel(alice, answer.json()["jobId"])


def test_us074_ac004_the_right_is_checked_before_the_state(bob):
    assert_error(bob.post(f"/jobs/{succeeded_job(bob)}/retry"), 403, "permission_denied")


def test_us074_ac005_a_job_of_a_deleted_report_cannot_be_retried(server, alice, bob, failing):
    old = failed_job(bob, failing)
    assert alice.request("DELETE", f"/reports/{failing}").status_code == 204
    before = row_counts(server)
    answer = alice.post(f"/jobs/{old}/retry")
    assert answer.json() == {
        "error": "The original report configuration could not be found.",
        "code": "report_configuration_missing",
    }
    assert answer.status_code == 409
    assert row_counts(server) == before


def test_us074_concurrent_retries_create_one_job(server, alice, bob, failing):
    old = failed_job(bob, failing)
    answers = run_concurrently(*[lambda: alice.post(f"/jobs/{old}/retry")] * 4)
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    (new,) = (answer.json()["jobId"] for answer in answers if answer.status_code == 202)
    for answer in answers:
        if answer.status_code == 409:
            assert assert_error(answer, 409, "job_already_retried")["jobId"] == new
    rows = query(server, "select id from jobs_jobexecutionlog where retry_of_id = ?", uuid.UUID(old).hex)
    assert [row["id"] for row in rows] == [uuid.UUID(new).hex]


def test_us074_a_failed_retry_can_be_retried(alice, bob, failing):
    old = failed_job(bob, failing)
    second = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    assert alice.wait(second)["status"] == "Failed"
    assert alice.post(f"/jobs/{second}/retry").json()["retryOf"] == second
    assert_error(alice.post(f"/jobs/{old}/retry"), 409, "job_already_retried")


def test_us074_ac006_a_retry_is_audited(alice, bob, failing):
    old = failed_job(bob, failing)
    new = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    (entry,) = alice.get("/audit", params={"action": "Job Retry", "target": old}).json()["results"]
    assert (entry["actor"], entry["action"], entry["target"]) == ("alice", "Job Retry", {"type": "job", "id": old})
    assert entry["details"] == {"originalJobId": old, "newJobId": new}
    assert abs(datetime.now(UTC) - parse_time(entry["timestamp"])) < timedelta(minutes=5)


def test_us074_ac006_a_retry_is_in_the_timelines_of_both_jobs(alice, bob, failing):
    old = failed_job(bob, failing)
    new = alice.post(f"/jobs/{old}/retry").json()["jobId"]
    last = alice.get(f"/jobs/{old}/events").json()["results"][-1]
    assert (last["kind"], last["details"]) == ("retried", {"newJobId": new, "actor": "alice"})
    first = alice.get(f"/jobs/{new}/events").json()["results"][0]
    assert (first["kind"], first["details"]["actor"]) == ("queued", "alice")
