"""A worker runs each job in a child, and copes with errors of its own."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import DataError, OperationalError, connections

from common.children.limits import used_addresses
from jobs import failures
from jobs.execution import lease, transitions, worker
from jobs.execution.lease import LeaseState
from jobs.execution.protocol import Progress, Result
from jobs.hosts import host_pause
from jobs.models import JobEvent, JobExecutionLog
from reports import engine
from tests.jobs.helpers import FILE, result_path, write_draft

RESULT = Result(rows=3, truncated=None, files=(FILE,))


@pytest.fixture(autouse=True)
def fork_server_of_this_test(as_worker: set[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A fork server with the test's settings, created before the test's transaction because that closes connections.

    A worker also closes them after an error of the database. On PostgreSQL that would end the test's transaction.
    """
    worker.fork_server()
    monkeypatch.setattr(connections, "close_all", lambda: None)
    yield
    worker.fork_server().end()


def test_a_child_reports_why_it_failed(claimed: JobExecutionLog) -> None:
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert (claimed.status, claimed.error_code) == ("Failed", "source_unavailable")
    assert psutil.Process(worker.fork_server().pid).children() == []


def _open_too_many_files(*args: object) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    for _ in range(100):
        os.dup(0)


def _read_what_cannot_be_read(*args: object) -> None:
    # The kernel answers EIO.
    Path("/proc/self/mem").read_bytes()


def _start_too_many_threads(*args: object) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (used_addresses() + 2**24,) * 2)
    for _ in range(100):
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()


@pytest.mark.parametrize("run", [_open_too_many_files, _read_what_cannot_be_read, _start_too_many_threads])
def test_what_a_job_causes_itself_pauses_no_host_and_counts(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch, run: Callable[..., None]
) -> None:
    # The fork server has it in its memory.
    worker.fork_server().end()
    monkeypatch.setattr(engine, "run", run)
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert (claimed.status, claimed.attempt, host_pause.reason()) == ("Queued", 1, "")
    event = JobEvent.objects.filter(job=claimed).latest("id")
    assert event.details["code"] == "internal_error"


def test_a_fault_of_the_host_that_a_job_meets_pauses_it_and_does_not_count(
    claimed: JobExecutionLog, settings: Any, tmp_path: Path
) -> None:
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    settings.ARTIFACTS_DIR.symlink_to("artifacts")
    try:
        worker.run_job(claimed)
        claimed.refresh_from_db()
        assert (claimed.status, claimed.attempt) == ("Queued", 0)
        assert host_pause.reason().startswith("Results can't be written: ")
    finally:
        host_pause.end()


def test_a_job_whose_version_was_deleted_fails_without_a_child(claimed: JobExecutionLog) -> None:
    claimed.version = None
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert (claimed.status, claimed.error_code) == ("Failed", "report_configuration_missing")


def test_a_job_that_cannot_be_prepared_fails_with_the_trace(claimed: JobExecutionLog) -> None:
    assert claimed.version
    claimed.version.parameters = [{"name": "day", "type": "no such type"}]
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert (claimed.status, claimed.error_code) == ("Failed", "internal_error")
    assert "Traceback" in claimed.error_trace


def test_a_job_is_released_and_claimed_again_if_its_claim_was_committed_but_the_answer_was_lost(
    queued: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the database crashed right after the commit, a moment that no test can choose."""
    job, claim, is_lost = queued(), transitions.claim, iter([True, False])

    def claim_and_lose_the_answer(**options: Any) -> JobExecutionLog | None:
        job = claim(**options)
        if next(is_lost):
            raise OperationalError("the connection was lost")
        return job

    monkeypatch.setattr(transitions, "claim", claim_and_lose_the_answer)
    worker.run_next_job()
    job.refresh_from_db()
    assert (job.status, job.attempt, job.error_code) == ("Failed", 1, "source_unavailable")
    assert list(job.events.values_list("kind", flat=True)) == ["queued", "claimed", "requeued", "claimed", "failed"]


def test_a_worker_waits_until_the_end_of_its_job_is_written(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """As if the database were away for longer than what is left of the lease."""
    settings.LEASE_SECONDS, answers, fail = 5, iter([False, False, True]), transitions.fail

    def fail_once_the_database_is_back(job: JobExecutionLog, failure: failures.Failure) -> bool:
        if next(answers):
            return fail(job, failure)
        raise OperationalError("the database is away")

    monkeypatch.setattr(transitions, "fail", fail_once_the_database_is_back)
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert claimed.status == "Failed"


def test_an_end_that_can_never_be_written_does_not_block_the_worker(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """The attempt is left to the end of its lease."""
    settings.LEASE_SECONDS = 5

    def refuse(job: JobExecutionLog, failure: failures.Failure) -> bool:
        raise DataError("the database refuses the values")

    monkeypatch.setattr(transitions, "fail", refuse)
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert claimed.status == "Running"


@pytest.mark.parametrize(
    ("timeout", "end", "code"),
    [(60, ("Queued", 1, ""), "worker_lost"), (0.3, ("Failed", 1, "w1"), "timeout")],
    ids=["in time", "overdue"],
)
def test_a_job_whose_lease_cannot_be_renewed_is_given_up_at_once(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch, settings: Any, timeout: float, end: Any, code: str
) -> None:
    """The failed statement takes what was left of the lease, so there is no time for another one."""
    heartbeats = []

    def fail_slowly(job: JobExecutionLog, progress: Progress, **options: float) -> LeaseState:
        heartbeats.append(progress)
        time.sleep(0.4)
        raise OperationalError("the database is away")

    monkeypatch.setattr(lease, "renew", fail_slowly)
    # A worker may count on this lease for 0.2 s, and sends a heartbeat at once.
    settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS = 5.2, 0
    claimed.timeout_seconds = timeout  # type: ignore[assignment]
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert len(heartbeats) == 1
    assert (claimed.status, claimed.attempt, claimed.owner) == end
    assert claimed.events.values_list("details__code", flat=True).last() == code


def test_an_error_in_the_worker_ends_the_attempt_and_leaves_no_answer_for_the_next_job(
    claimed: JobExecutionLog, queued: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the worker ran out of descriptors, at a moment that no test can choose."""

    def break_down(attempt: worker.Attempt) -> None:
        raise OSError("no descriptor is left")

    server = worker.fork_server()
    with monkeypatch.context() as patch:
        patch.setattr(worker.Attempt, "wait", break_down)
        worker.run_job(claimed)
    assert server.is_ready()
    assert psutil.Process(server.pid).children() == []
    claimed.refresh_from_db()
    assert (claimed.status, claimed.attempt) == ("Queued", 1)
    next_job = queued()
    worker.run_next_job()
    assert worker.fork_server() is server
    next_job.refresh_from_db()
    assert next_job.status == "Failed"


def test_a_commit_that_is_repeated_because_its_answer_was_lost_keeps_the_file(claimed: JobExecutionLog) -> None:
    file = result_path(claimed)
    write_draft(claimed, b"x").rename(file)
    assert transitions.succeed(claimed, RESULT)
    worker.commit_result(claimed, RESULT)
    assert file.exists()


def test_a_commit_that_comes_too_late_deletes_its_file(claimed: JobExecutionLog) -> None:
    file = write_draft(claimed, b"x")
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0)
    worker.commit_result(claimed, RESULT)
    assert not file.exists()
