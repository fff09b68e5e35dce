"""Transitions of a job: each is a compare-and-set, and none is made by a worker that lost its lease."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import verification
from audit.models import AuditLog
from jobs import failures
from jobs.clock import from_now
from jobs.exceptions import IllegalTransition
from jobs.execution import lease, transitions
from jobs.execution.lease import LeaseState
from jobs.execution.protocol import Progress, Result
from jobs.failures import Failure
from jobs.models import Artifact, JobEvent, JobExecutionLog
from jobs.status import Status
from tests.jobs.helpers import FILE, event_kinds, reload

RESULT = Result(rows=3, truncated=None, files=(FILE,))
TEMPORARY = Failure("source_unavailable", "The data source does not answer.", retryable=True)
PERMANENT = Failure("query_failed", "The data source refused the query.")


def test_a_claim_takes_the_oldest_job_and_counts_the_attempt(queued: Callable[[], JobExecutionLog]) -> None:
    first, second = queued(), queued()
    claims = [transitions.claim(owner="w", host="h", pid=7) for _ in range(3)]
    assert [claim and claim.pk for claim in claims] == [first.pk, second.pk, None]
    job = reload(first)
    assert (job.status, job.attempt, job.fence, job.owner) == ("Running", 1, 1, "w")
    assert job.lease_expires_at and job.deadline_at and job.lease_expires_at < job.deadline_at
    assert event_kinds(job) == ["queued", "claimed"]


def test_a_job_is_not_claimed_before_its_time(queued: Callable[[], JobExecutionLog]) -> None:
    job = queued()
    JobExecutionLog.objects.filter(pk=job.pk).update(available_at=timezone.now() + timedelta(minutes=1))
    assert transitions.claim(owner="w", host="h", pid=7) is None


def test_success_makes_the_result_visible_once(claimed: JobExecutionLog) -> None:
    assert transitions.succeed(claimed, RESULT)
    assert not transitions.succeed(claimed, RESULT)
    assert reload(claimed).status == Status.SUCCEEDED
    assert Artifact.objects.get(job=claimed).fence == claimed.fence
    assert AuditLog.objects.filter(action="Job Succeeded", target_id=str(claimed.pk)).count() == 1


def test_a_worker_that_lost_its_lease_can_neither_finish_nor_fail_nor_renew(claimed: JobExecutionLog) -> None:
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0)
    again = transitions.claim(owner="w2", host="there", pid=2)
    assert again is not None and again.fence > claimed.fence
    assert not transitions.succeed(claimed, RESULT)
    assert not transitions.fail(claimed, PERMANENT)
    assert lease.renew(claimed, Progress(rows=5, bytes=5), remaining_seconds=60) is LeaseState.LOST
    assert transitions.succeed(again, RESULT)
    assert event_kinds(again) == ["queued", "claimed", "requeued", "claimed", "succeeded"]


def test_a_job_is_due_within_the_millisecond_it_was_released_for(queued: Callable[[], JobExecutionLog]) -> None:
    job = queued()
    for _ in range(100):
        JobExecutionLog.objects.filter(pk=job.pk).update(available_at=from_now(0))
        assert JobExecutionLog.objects.claimable().exists()


def test_a_permanent_failure_ends_the_job_at_once(claimed: JobExecutionLog) -> None:
    assert transitions.fail(claimed, PERMANENT)
    job = reload(claimed)
    assert (job.status, job.error_code, job.attempt) == ("Failed", "query_failed", 1)
    assert job.ended_at and job.error_fingerprint == PERMANENT.fingerprint


def test_a_temporary_failure_is_retried_later_until_no_attempts_are_left(claimed: JobExecutionLog) -> None:
    job = claimed
    for attempt in (1, 2):
        assert transitions.fail(job, TEMPORARY)
        waiting = reload(job)
        assert (waiting.status, waiting.attempt) == ("Queued", attempt)
        assert waiting.available_at > timezone.now()
        JobExecutionLog.objects.update(available_at=timezone.now() - timedelta(seconds=1))
        job = transitions.claim(owner="w", host="h", pid=7)
        assert job is not None
    assert transitions.fail(job, TEMPORARY)
    assert (reload(job).status, reload(job).attempt, reload(job).error_retryable) == ("Failed", 3, True)


def test_a_release_may_refund_the_attempt(claimed: JobExecutionLog) -> None:
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0, refund=True)
    assert (reload(claimed).attempt, reload(claimed).status) == (0, "Queued")


def test_a_released_job_whose_cancellation_was_requested_ends_instead_of_waiting_forever(
    claimed: JobExecutionLog,
) -> None:
    JobExecutionLog.objects.update(cancel_requested_at=timezone.now())
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0, refund=True)
    assert (reload(claimed).status, reload(claimed).error_code) == ("Failed", "cancelled")


def test_a_temporary_failure_ends_a_job_whose_cancellation_was_just_requested(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(cancel_requested_at=timezone.now())
    assert claimed.cancel_requested_at is None, "the worker does not know about the request yet"
    assert transitions.fail(claimed, TEMPORARY)
    assert (reload(claimed).status, reload(claimed).error_code) == ("Failed", "cancelled")


def test_a_heartbeat_extends_the_lease_and_reports_that_cancellation_was_requested(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(lease_expires_at=timezone.now())
    assert lease.renew(claimed, Progress(rows=8, bytes=9), remaining_seconds=60) is LeaseState.RENEWED
    job = reload(claimed)
    assert (job.rows, job.bytes) == (8, 9)
    assert job.lease_expires_at and job.lease_expires_at > timezone.now()
    JobExecutionLog.objects.update(cancel_requested_at=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        assert lease.renew(claimed, Progress(rows=8, bytes=9), remaining_seconds=60) is LeaseState.CANCEL_REQUESTED
    assert len(queries) == 1


@pytest.mark.parametrize(
    ("source", "target"),
    [("Succeeded", "Queued"), ("Failed", "Running"), ("Queued", "Succeeded"), ("Running", "Running")],
)
def test_a_transition_that_is_not_in_the_table_is_refused(source: str, target: str) -> None:
    with pytest.raises(IllegalTransition):
        transitions.Transition(Status(source), Status(target), {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "Cancelled"},
        {"status": "Running", "lease_expires_at": None},
        {"status": "Succeeded", "ended_at": None},
        {"status": "Failed", "ended_at": timezone.now(), "error_code": ""},
        {"fence": 0},
    ],
)
def test_the_database_refuses_an_impossible_job(claimed: JobExecutionLog, wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        JobExecutionLog.objects.filter(pk=claimed.pk).update(**wrong)


def test_every_transition_leaves_an_event_and_the_audit_log_intact(claimed: JobExecutionLog) -> None:
    transitions.succeed(claimed, RESULT)
    assert event_kinds(claimed) == ["queued", "claimed", "succeeded"]
    assert JobEvent.objects.filter(job=claimed, fence=1).count() == 2
    assert verification.verify_log() is None
