"""Reports that fail, and a server that is killed. tests/faults injects more kinds of faults."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.acceptance.helpers import failed_job, temporary_report
from tests.server import start

#: The report runs for some seconds, so that it can be killed meanwhile.
SOME_SECONDS = {"steps": 8_000_000}


@pytest.mark.parametrize(
    ("report", "code", "word"),
    [("broken", "query_failed", "query"), ("source-gone", "source_", "source"), ("times-out", "timeout", "2 s")],
)
def test_a_failed_report_has_a_clear_error(bob, report, code, word):
    error = bob.get(f"/jobs/{failed_job(bob, report)}").json()["errorDetails"]
    assert error["code"].startswith(code)
    assert word in error["message"] and error["message"].endswith(".")
    for inner in ("/", "no_such", "sqlite", "Error", "select"):
        assert inner not in error["message"], error


def test_an_invalid_query_is_not_retried(server, alice, bob):
    with temporary_report(alice, query="select region, amount / 0, nonsense(amount) from sale") as report:
        error = bob.get(f"/jobs/{failed_job(bob, report)}").json()["errorDetails"]
    assert (error["code"], error["retryable"], error["attempts"]) == ("query_failed", False, 1)


def test_a_result_with_too_many_rows_is_truncated_and_marked(alice, bob):
    with temporary_report(alice, query="select * from sale", max_rows=10) as report:
        result = bob.wait(bob.generate(report))["result"]
    assert (result["rows"], result["truncated"]) == (10, True)


def test_a_killed_server_leaves_no_process_and_finishes_its_jobs_after_a_restart(disposable):
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
