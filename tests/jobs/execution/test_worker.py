"""A worker sees a job through in a process of its own, also when something goes wrong in the worker itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from django.db import DataError, OperationalError, connections

from jobs import failures
from jobs.execution import transitions, worker
from jobs.models import JobExecutionLog


@pytest.fixture(autouse=True)
def a_fork_server_of_this_test(as_worker: set[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With its settings; made before its transaction, as making it closes connections.

    A worker whose database failed closes them too; on PostgreSQL that would be the end of the test's transaction.
    """
    worker._fork_server()
    monkeypatch.setattr(connections, "close_all", lambda: None)
    yield
    worker._fork_server().end()
    worker._fork_server.cache_clear()


def test_a_report_that_cannot_be_made_is_told_by_its_process(claimed: JobExecutionLog) -> None:
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert (claimed.status, claimed.error_code) == ("Failed", "source_unavailable")
    assert psutil.Process(worker._fork_server().pid).children() == []


def test_a_job_is_put_back_whose_claim_was_written_and_the_answer_lost(
    queued: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database crashes right after the commit, at a moment that no test can choose."""
    job, claim = queued(), transitions.claim

    def lost(**given: Any) -> None:
        claim(**given)
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as silent:
        silent.setattr(transitions, "claim", lost)
        with pytest.raises(OperationalError):
            worker.run_next_job()
    job.refresh_from_db()
    assert (job.status, job.attempt, job.owner) == ("Queued", 0, "")
    assert list(job.events.values_list("kind", flat=True)) == ["queued", "claimed", "requeued"]


def test_a_worker_does_not_go_on_before_the_end_of_its_job_is_written(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """As when the database is away for longer than what is left of a lease."""
    settings.LEASE_SECONDS, answers, fail = 5, iter([False, False, True]), transitions.fail

    def answered_late(job: JobExecutionLog, failure: failures.Failure) -> bool:
        if next(answers):
            return fail(job, failure)
        raise OperationalError("the database is away")

    monkeypatch.setattr(transitions, "fail", answered_late)
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert claimed.status == "Failed"


def test_what_cannot_be_written_at_all_holds_no_worker_up(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """It is left to the end of its lease."""
    settings.LEASE_SECONDS = 5

    def refused(job: JobExecutionLog, failure: failures.Failure) -> bool:
        raise DataError("what is written is refused")

    monkeypatch.setattr(transitions, "fail", refused)
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert claimed.status == "Running"


@pytest.mark.parametrize(
    ("timeout", "ended", "code"),
    [(60, ("Queued", 1, ""), "worker_lost"), (0.3, ("Failed", 1, "w1"), "timeout")],
    ids=["in time", "overdue"],
)
def test_a_job_whose_lease_could_not_be_renewed_is_put_back_at_once_unless_it_took_too_long(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch, timeout: float, ended: Any, code: str
) -> None:
    """The statement takes what was left of the lease: there is no time for another one."""
    statements = []

    def silent(job: JobExecutionLog, **progress: Any) -> bool:
        statements.append(progress)
        time.sleep(0.4)
        raise OperationalError("the database is away")

    claimed.timeout_seconds = timeout  # type: ignore[assignment]
    monkeypatch.setattr(transitions, "renew", silent)
    monkeypatch.setattr(worker.Watch, "__post_init__", _as_if_its_lease_were_nearly_over)
    worker.run_job(claimed)
    claimed.refresh_from_db()
    assert len(statements) == 1
    assert (claimed.status, claimed.attempt, claimed.owner) == ended
    assert claimed.events.values_list("details__code", flat=True).last() == code


def _as_if_its_lease_were_nearly_over(watch: worker.Watch) -> None:
    watch.deadline = watch.renewed + watch.job.timeout_seconds
    watch.renewed -= worker._while_leased() - 0.2
    watch.beat = watch.renewed


def test_an_error_in_the_worker_ends_the_process_and_leaves_no_answer_for_the_next_job(
    claimed: JobExecutionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a disk that breaks while a file is cleared away, which no test of ours can have."""

    def breaks(watch: worker.Watch) -> None:
        raise OSError("the disk breaks")

    with monkeypatch.context() as broken:
        broken.setattr(worker.Watch, "until_end", breaks)
        with pytest.raises(OSError, match="the disk breaks"):
            worker.run_job(claimed)
    server = worker._fork_server()
    assert server.is_ready()
    assert psutil.Process(server.pid).children() == []
    worker.run_job(claimed)
    assert worker._fork_server() is server
    claimed.refresh_from_db()
    assert claimed.status == "Failed"
