"""Cancelling jobs, and their timelines."""

from __future__ import annotations

import os
import socket
import time
import uuid

import psutil
import pytest

from tests.acceptance.helpers import (
    assert_error,
    failed_job,
    job_row,
    parse_time,
    query,
    row_counts,
    run_concurrently,
    succeeded_job,
    wait_until,
)


def events(client, job):
    return client.get(f"/jobs/{job}/events").json()["results"]


def child_of(server, job):
    """The process that runs the report. The worker named in the job's row has a fork server, which forked it."""
    worker = psutil.Process(job_row(server, job)["pid"])
    (fork_server,) = wait_until(worker.children)
    (child,) = wait_until(fork_server.children)
    return child


def test_a_cancelled_queued_job_ends_at_once(idle, idle_bob):
    job = idle_bob.generate("sales-by-region")
    answer = idle_bob.post(f"/jobs/{job}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "Failed")
    status = idle_bob.get(f"/jobs/{job}").json()
    assert (status["status"], status["errorDetails"]["code"]) == ("Failed", "cancelled")
    assert "bob" in status["errorDetails"]["message"]
    assert parse_time(status["endTime"]) >= parse_time(status["queuedTime"])


def test_a_cancelled_running_job_ends_within_seconds_and_leaves_no_process(server, bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    child = child_of(server, job)
    started = time.monotonic()
    answer = bob.post(f"/jobs/{job}/cancel")
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(f"/jobs/{job}")
    status = bob.wait(job)
    assert time.monotonic() - started < 15
    assert status["errorDetails"]["code"] == "cancelled"
    assert not child.is_running()
    assert not psutil.pid_exists(child.pid) or psutil.Process(child.pid).create_time() != child.create_time()
    # A job's files are removed after its end is written.
    assert wait_until(lambda: not list((server.folder / "artifacts" / job[:2] / job).iterdir()))


def test_a_cancelled_job_gets_no_other_attempt(server, bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    bob.post(f"/jobs/{job}/cancel")
    status = bob.wait(job)
    assert status["attempt"] == 1
    assert [event["kind"] for event in events(bob, job)] == ["queued", "claimed", "cancel_requested", "failed"]


def test_cancelling_a_running_job_twice_is_recorded_once(bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    answers = run_concurrently(*[lambda: bob.post(f"/jobs/{job}/cancel")] * 3)
    assert {answer.status_code for answer in answers} <= {202, 409}
    bob.wait(job)
    assert [event["kind"] for event in events(bob, job)].count("cancel_requested") == 1


def test_an_ended_job_cannot_be_cancelled(server, bob):
    for job in (succeeded_job(bob), failed_job(bob, "broken")):
        before, row = row_counts(server), job_row(server, job)
        assert_error(bob.post(f"/jobs/{job}/cancel"), 409, "job_already_ended")
        assert (row_counts(server), job_row(server, job)) == (before, row)


def test_only_the_requester_and_administrators_may_cancel_a_job(idle, idle_bob):
    erin, ivan, alice = (idle.client(name) for name in ("erin", "ivan", "alice"))
    job = erin.generate("sales-by-region")
    for client in (idle_bob, ivan):
        assert_error(client.post(f"/jobs/{job}/cancel"), 403, "permission_denied")
    assert_error(idle.client("dave").post(f"/jobs/{job}/cancel"), 403, "permission_denied")
    assert_error(idle.client("gina").post(f"/jobs/{job}/cancel"), 404, "job_not_found")
    assert alice.post(f"/jobs/{job}/cancel").status_code == 202
    own = erin.generate("sales-by-region")
    assert erin.post(f"/jobs/{own}/cancel").status_code == 202


def test_cancelling_is_audited(idle, idle_bob):
    job = idle_bob.generate("sales-by-region")
    idle_bob.post(f"/jobs/{job}/cancel")
    entries = query(idle, "select actor from audit_auditlog where target_id = ? and action = 'Job Cancel'", job)
    assert entries == [{"actor": "bob"}]


def test_the_timeline_lists_the_events_of_a_job_in_order(bob):
    job = succeeded_job(bob)
    timeline = events(bob, job)
    assert [event["kind"] for event in timeline] == ["queued", "claimed", "succeeded"]
    assert [event["attempt"] for event in timeline] == [0, 1, 1]
    moments = [parse_time(event["at"]) for event in timeline]
    assert moments == sorted(moments)
    assert timeline[0]["details"]["actor"] == "bob"
    assert timeline[2]["details"]["rows"] == 3


def test_the_timeline_says_where_the_time_went(bob):
    timeline = events(bob, succeeded_job(bob))
    seconds = timeline[2]["details"]["phases"]
    assert set(seconds) == {"wait", "connect", "firstRow", "read", "render", "publish"}
    assert all(value >= 0 for value in seconds.values())
    ran = (parse_time(timeline[2]["at"]) - parse_time(timeline[1]["at"])).total_seconds()
    assert 0 < sum(seconds.values()) - seconds["wait"] <= ran


def test_the_timeline_has_no_host_names_and_process_ids_for_administrators_only(server, bob, alice):
    job = succeeded_job(bob)
    claimed = {client.username: list(events(client, job)[1]["details"]) for client in (bob, alice)}
    assert claimed == {"bob": [], "alice": ["pid"]}
    assert socket.gethostname() in server.manage("jobs", "show", job).stdout


def test_the_timeline_of_a_failed_job_ends_with_its_error(bob):
    last = events(bob, failed_job(bob, "broken"))[-1]
    assert (last["kind"], last["details"]["code"]) == ("failed", "query_failed")


@pytest.mark.parametrize("call", ["cancel", "retry"])
def test_an_unknown_job_cannot_be_changed(alice, call):
    for job in (uuid.uuid4(), "no-id"):
        assert_error(alice.post(f"/jobs/{job}/{call}"), 404, "job_not_found")


def test_the_server_is_a_child_of_this_process(server):
    assert psutil.Process(server.process.pid).ppid() == os.getpid()
