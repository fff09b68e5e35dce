"""A job is cancelled, and its timeline tells what happened."""

from __future__ import annotations

import os
import socket
import time
import uuid

import psutil
import pytest

from tests.acceptance.helpers import (
    at_once,
    counts,
    failed_job,
    job_row,
    moment,
    query,
    refused,
    succeeded_job,
    until,
)


def events(person, job):
    return person.get(f"/jobs/{job}/events").json()["results"]


def child_of(server, job):
    """The process that makes the report: forked by the fork server of the worker that the job's row names."""
    worker = psutil.Process(job_row(server, job)["pid"])
    (fork_server,) = until(worker.children)
    (child,) = until(fork_server.children)
    return child


def test_a_queued_job_ends_at_once_when_it_is_cancelled(idle, idle_bob):
    job = idle_bob.generate("sales-by-region")
    answer = idle_bob.post(f"/jobs/{job}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "Failed")
    status = idle_bob.get(f"/jobs/{job}").json()
    assert (status["status"], status["errorDetails"]["code"]) == ("Failed", "cancelled")
    assert "bob" in status["errorDetails"]["message"]
    assert moment(status["endTime"]) >= moment(status["queuedTime"])


def test_a_running_job_ends_within_seconds_and_leaves_no_process(server, bob):
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
    assert not list((server.folder / "artifacts" / job[:2] / job).iterdir())


def test_a_cancelled_job_is_not_tried_again(server, bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    bob.post(f"/jobs/{job}/cancel")
    status = bob.wait(job)
    assert status["attempt"] == 1
    assert [event["kind"] for event in events(bob, job)] == ["queued", "claimed", "cancel_requested", "failed"]


def test_cancelling_a_running_job_twice_asks_once(bob):
    job = bob.generate("slow")
    bob.wait(job, "Running")
    answers = at_once(*[lambda: bob.post(f"/jobs/{job}/cancel")] * 3)
    assert {answer.status_code for answer in answers} <= {202, 409}
    bob.wait(job)
    assert [event["kind"] for event in events(bob, job)].count("cancel_requested") == 1


def test_a_job_that_ended_is_not_cancelled(server, bob):
    for job in (succeeded_job(bob), failed_job(bob, "broken")):
        before, row = counts(server), job_row(server, job)
        refused(bob.post(f"/jobs/{job}/cancel"), 409, "job_already_ended")
        assert (counts(server), job_row(server, job)) == (before, row)


def test_only_who_requested_the_job_or_an_administrator_may_cancel_it(idle, idle_bob):
    erin, ivan, alice = (idle.client(name) for name in ("erin", "ivan", "alice"))
    job = erin.generate("sales-by-region")
    for person in (idle_bob, ivan):
        refused(person.post(f"/jobs/{job}/cancel"), 403, "permission_denied")
    refused(idle.client("dave").post(f"/jobs/{job}/cancel"), 403, "permission_denied")
    refused(idle.client("gina").post(f"/jobs/{job}/cancel"), 404, "job_not_found")
    assert alice.post(f"/jobs/{job}/cancel").status_code == 202
    own = erin.generate("sales-by-region")
    assert erin.post(f"/jobs/{own}/cancel").status_code == 202


def test_a_cancel_is_audited(idle, idle_bob):
    job = idle_bob.generate("sales-by-region")
    idle_bob.post(f"/jobs/{job}/cancel")
    entries = query(idle, "select actor from audit_auditlog where target_id = ? and action = 'Job Cancel'", job)
    assert entries == [{"actor": "bob"}]


def test_the_timeline_tells_the_life_of_a_job_in_order(bob):
    job = succeeded_job(bob)
    told = events(bob, job)
    assert [event["kind"] for event in told] == ["queued", "claimed", "succeeded"]
    assert [event["attempt"] for event in told] == [0, 1, 1]
    moments = [moment(event["at"]) for event in told]
    assert moments == sorted(moments)
    assert told[0]["details"]["actor"] == "bob"
    assert told[2]["details"]["rows"] == 3


def test_the_timeline_names_no_host_and_tells_only_administrators_of_a_process(server, bob, alice):
    job = succeeded_job(bob)
    claimed = {person.username: list(events(person, job)[1]["details"]) for person in (bob, alice)}
    assert claimed == {"bob": [], "alice": ["pid"]}
    assert socket.gethostname() in server.manage("jobs", "show", job).stdout


def test_the_timeline_of_a_failed_job_ends_with_its_error(bob):
    last = events(bob, failed_job(bob, "broken"))[-1]
    assert (last["kind"], last["details"]["code"]) == ("failed", "query_failed")


@pytest.mark.parametrize("call", ["cancel", "retry"])
def test_a_job_that_is_not_there_can_not_be_changed(alice, call):
    for job in (uuid.uuid4(), "no-id"):
        refused(alice.post(f"/jobs/{job}/{call}"), 404, "job_not_found")


def test_this_test_run_may_look_at_the_servers_processes(server):
    assert psutil.Process(server.process.pid).ppid() == os.getpid()
