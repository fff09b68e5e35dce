"""What goes wrong while a job runs: reports that fail, and a server that is killed. For more harm: tests/faults."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.acceptance.helpers import failed_job, own_report
from tests.server import start

#: Takes some seconds, so that it can be killed while it runs.
SOME_SECONDS = {"steps": 8_000_000}


@pytest.mark.parametrize(
    ("report", "code", "word"),
    [("broken", "query_failed", "query"), ("source-gone", "source_", "source"), ("times-out", "timeout", "2 s")],
)
def test_a_report_that_fails_says_why_in_a_sentence(bob, report, code, word):
    error = bob.get(f"/jobs/{failed_job(bob, report)}").json()["errorDetails"]
    assert error["code"].startswith(code)
    assert word in error["message"] and error["message"].endswith(".")
    for inner in ("/", "no_such", "sqlite", "Error", "select"):
        assert inner not in error["message"], error


def test_a_report_whose_source_was_deleted_fails_with_a_sentence(server, alice, bob):
    with own_report(alice, query="select region, amount / 0, nonsense(amount) from sale") as report:
        error = bob.get(f"/jobs/{failed_job(bob, report)}").json()["errorDetails"]
    assert (error["code"], error["retryable"], error["attempts"]) == ("query_failed", False, 1)


def test_a_result_with_more_rows_than_allowed_is_cut_and_says_so(alice, bob):
    with own_report(alice, query="select * from sale", max_rows=10) as report:
        result = bob.wait(bob.generate(report))["result"]
    assert (result["rows"], result["truncated"]) == (10, True)


def test_a_server_that_was_killed_leaves_no_process_and_finishes_its_jobs_after_the_next_start(disposable):
    bob = disposable.client("bob")
    running = bob.generate("slow", SOME_SECONDS)
    bob.wait(running, "Running")
    waiting = [bob.generate("slow", SOME_SECONDS), bob.generate("sales-by-region")]
    family = psutil.Process(disposable.process.pid).children(recursive=True)
    assert len(family) > 5
    disposable.process.send_signal(signal.SIGKILL)
    disposable.process.wait(10)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, [process.cmdline() for process in alive]
    start(disposable)
    for job in (running, *waiting):
        assert bob.wait(job, seconds=90)["status"] == "Succeeded"
    assert bob.get(f"/jobs/{running}").json()["attempt"] == 2
    assert "Verified up to" in disposable.manage("verify_audit").stdout
