"""The moves of a job: each a compare-and-set, none of them by a worker that lost its lease."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import actions as audit
from audit.models import AuditLog
from jobs import failures
from jobs.clock import from_now
from jobs.exceptions import IllegalTransition
from jobs.execution import host_lock, reconciler, transitions, worker
from jobs.failures import Failure
from jobs.models import Artifact, JobEvent, JobExecutionLog
from jobs.queue import broker
from jobs.results import storage
from jobs.status import Status

RESULT = {"rows": 3, "size": 10, "sha256": "0" * 64, "truncated": None, "stamp": "s"}
PASSING = Failure("source_unavailable", "The data source does not answer.", retryable=True)
LASTING = Failure("query_failed", "The data source refused the query.")


def fresh(job: JobExecutionLog) -> JobExecutionLog:
    return JobExecutionLog.objects.get(pk=job.pk)


def kinds(job: JobExecutionLog) -> list[str]:
    return list(job.events.values_list("kind", flat=True))


def test_a_claim_takes_the_oldest_job_and_charges_the_attempt(queued: Callable[[], JobExecutionLog]) -> None:
    first, second = queued(), queued()
    claims = [transitions.claim(owner="w", host="h", pid=7) for _ in range(3)]
    assert [claim and claim.pk for claim in claims] == [first.pk, second.pk, None]
    job = fresh(first)
    assert (job.status, job.attempt, job.fence, job.owner) == ("Running", 1, 1, "w")
    assert job.lease_expires_at and job.deadline_at and job.lease_expires_at < job.deadline_at
    assert kinds(job) == ["queued", "claimed"]


def test_a_job_is_not_claimed_before_its_time(queued: Callable[[], JobExecutionLog]) -> None:
    job = queued()
    JobExecutionLog.objects.filter(pk=job.pk).update(available_at=timezone.now() + timedelta(minutes=1))
    assert transitions.claim(owner="w", host="h", pid=7) is None


def test_success_makes_the_result_visible_once(claimed: JobExecutionLog) -> None:
    assert transitions.succeed(claimed, RESULT)
    assert not transitions.succeed(claimed, RESULT)
    assert fresh(claimed).status == Status.SUCCEEDED
    assert Artifact.objects.get(job=claimed).fence == claimed.fence
    assert AuditLog.objects.filter(action="Job Succeeded", target_id=str(claimed.pk)).count() == 1


def test_a_worker_that_lost_its_lease_can_neither_finish_nor_fail_nor_renew(claimed: JobExecutionLog) -> None:
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0)
    again = transitions.claim(owner="w2", host="there", pid=2)
    assert again is not None and again.fence > claimed.fence
    assert not transitions.succeed(claimed, RESULT)
    assert not transitions.fail(claimed, LASTING)
    assert transitions.renew(claimed, rows=5, bytes=5) is None
    assert transitions.succeed(again, RESULT)
    assert kinds(again) == ["queued", "claimed", "requeued", "claimed", "succeeded"]


def test_a_job_is_due_within_the_millisecond_it_was_put_back_for(queued: Callable[[], JobExecutionLog]) -> None:
    job = queued()
    for _ in range(100):
        JobExecutionLog.objects.filter(pk=job.pk).update(available_at=from_now(0))
        assert JobExecutionLog.objects.claimable().exists()


def test_a_lasting_failure_ends_the_job_at_once(claimed: JobExecutionLog) -> None:
    assert transitions.fail(claimed, LASTING)
    job = fresh(claimed)
    assert (job.status, job.error_code, job.attempt) == ("Failed", "query_failed", 1)
    assert job.ended_at and job.error_fingerprint == LASTING.fingerprint


def test_a_passing_failure_is_tried_again_later_until_the_attempts_are_spent(claimed: JobExecutionLog) -> None:
    job = claimed
    for attempt in (1, 2):
        assert transitions.fail(job, PASSING)
        waiting = fresh(job)
        assert (waiting.status, waiting.attempt) == ("Queued", attempt)
        assert waiting.available_at > timezone.now()
        JobExecutionLog.objects.update(available_at=timezone.now() - timedelta(seconds=1))
        job = transitions.claim(owner="w", host="h", pid=7)
        assert job is not None
    assert transitions.fail(job, PASSING)
    assert (fresh(job).status, fresh(job).attempt, fresh(job).error_retryable) == ("Failed", 3, True)


def test_a_release_may_refund_the_attempt(claimed: JobExecutionLog) -> None:
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0, refund=True)
    assert (fresh(claimed).attempt, fresh(claimed).status) == (0, "Queued")


def test_a_released_job_that_was_to_be_cancelled_ends_instead_of_waiting_for_ever(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(cancel_requested_at=timezone.now())
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0, refund=True)
    assert (fresh(claimed).status, fresh(claimed).error_code) == ("Failed", "cancelled")


def test_a_passing_failure_of_a_job_that_is_cancelled_at_that_moment_ends_it(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(cancel_requested_at=timezone.now())
    assert claimed.cancel_requested_at is None, "the worker does not know of the wish yet"
    assert transitions.fail(claimed, PASSING)
    assert (fresh(claimed).status, fresh(claimed).error_code) == ("Failed", "cancelled")


def test_a_commit_whose_answer_was_lost_keeps_its_file_when_it_is_tried_again(claimed: JobExecutionLog) -> None:
    file = storage.result_path(claimed.pk, claimed.fence, "csv")
    storage.draft_path(claimed.pk, claimed.fence).write_bytes(b"x")
    storage.draft_path(claimed.pk, claimed.fence).rename(file)
    assert transitions.succeed(claimed, RESULT)
    worker._commit(claimed, RESULT)
    assert file.exists()


def test_a_commit_that_comes_too_late_takes_its_file_away(claimed: JobExecutionLog) -> None:
    file = storage.draft_path(claimed.pk, claimed.fence)
    file.write_bytes(b"x")
    assert transitions.release(claimed, failures.WORKER_LOST, seconds=0)
    worker._commit(claimed, RESULT)
    assert not file.exists()


def test_a_job_whose_worker_is_gone_is_taken_from_it_before_its_lease_ends(
    queued: Callable[[], JobExecutionLog],
) -> None:
    for pid in (os.getpid(), 2**22 + 1):
        queued()
        transitions.claim(owner="mine", host="h", pid=pid)
    assert reconciler.recover_from_dead_workers("another") == 0
    assert reconciler.recover_from_dead_workers("mine") == 1
    left = JobExecutionLog.objects.filter(status="Running")
    assert [job.pid for job in left] == [os.getpid()]


def test_the_jobs_of_a_jobserver_are_taken_when_its_last_process_ended_and_not_before(
    queued: Callable[[], JobExecutionLog],
) -> None:
    job = queued()
    transitions.claim(owner="other", host="h", pid=1)
    here = host_lock.lock_host("other")
    assert reconciler.recover_from_dead_hosts() == 0
    os.close(here.file)
    assert reconciler.recover_from_dead_hosts() == 1
    assert (fresh(job).status, fresh(job).attempt) == ("Queued", 1)
    assert not here.path.exists()
    assert reconciler.recover_from_dead_hosts() == 0


def test_a_job_that_cannot_be_recovered_does_not_keep_the_others(
    queued: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = queued(), queued()
    for _ in range(2):
        transitions.claim(owner="w", host="h", pid=1)
    JobExecutionLog.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    remove = storage.delete_attempt_files

    def refuse(job: UUID, fence: int) -> None:
        if job == first.pk:
            raise PermissionError
        remove(job, fence)

    monkeypatch.setattr(storage, "delete_attempt_files", refuse)
    assert reconciler.recover_lost_jobs() == 1
    assert (fresh(first).status, fresh(second).status) == ("Queued", "Queued")


def test_a_heartbeat_prolongs_the_lease_and_brings_the_wish_to_cancel(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(lease_expires_at=timezone.now())
    assert transitions.renew(claimed, rows=8, bytes=9) is False
    job = fresh(claimed)
    assert (job.rows, job.bytes) == (8, 9)
    assert job.lease_expires_at and job.lease_expires_at > timezone.now()
    JobExecutionLog.objects.update(cancel_requested_at=timezone.now())
    with CaptureQueriesContext(connection) as asked:
        assert transitions.renew(claimed, rows=8, bytes=9) is True
    assert len(asked) == 1


def test_the_reconciler_takes_a_job_whose_lease_ran_out(claimed: JobExecutionLog) -> None:
    assert reconciler.recover_lost_jobs() == 0
    JobExecutionLog.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert reconciler.recover_lost_jobs() == 1
    assert (fresh(claimed).status, fresh(claimed).attempt) == ("Queued", 1)


def test_the_reconciler_fails_a_job_that_lost_its_worker_on_every_attempt(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1), attempt=3, fence=3)
    reconciler.recover_lost_jobs()
    assert (fresh(claimed).status, fresh(claimed).error_code) == ("Failed", "worker_lost")


def test_the_reconciler_ends_a_job_that_overran_its_deadline_although_it_renews_its_lease(
    claimed: JobExecutionLog,
) -> None:
    JobExecutionLog.objects.update(deadline_at=timezone.now() - timedelta(seconds=61))
    reconciler.recover_lost_jobs()
    assert (fresh(claimed).status, fresh(claimed).error_code) == ("Failed", "timeout")


def test_the_reconciler_ends_a_lost_job_that_was_to_be_cancelled(claimed: JobExecutionLog) -> None:
    past = timezone.now() - timedelta(seconds=1)
    JobExecutionLog.objects.update(lease_expires_at=past, cancel_requested_at=past)
    reconciler.recover_lost_jobs()
    assert (fresh(claimed).status, fresh(claimed).error_code) == ("Failed", "cancelled")


def test_the_reconciler_rings_for_a_job_whose_message_was_lost(queued: Callable[[], JobExecutionLog]) -> None:
    queued()
    assert broker.count_messages() == 1
    broker.OrmQ.objects.all().delete()
    assert reconciler.resend_missing_messages() == 0, "it was rung for just now"
    JobExecutionLog.objects.update(notified_at=timezone.now() - timedelta(minutes=1))
    assert reconciler.resend_missing_messages() == 1
    assert broker.count_messages() == 1
    assert reconciler.resend_missing_messages() == 0


def test_a_message_of_a_host_whose_clock_is_ahead_is_due_for_all(
    queued: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = timezone.now
    with monkeypatch.context() as ahead:
        ahead.setattr(timezone, "now", lambda: right() + timedelta(minutes=5))
        queued()
    assert broker.count_messages() == 1 and not broker.is_empty()


def test_messages_that_nobody_could_fetch_are_forgotten_and_fresh_ones_kept(
    queued: Callable[[], JobExecutionLog],
) -> None:
    queued()
    broker.OrmQ.objects.update(lock=timezone.now() - timedelta(minutes=9))
    assert broker.delete_unread_messages() == 0
    broker.OrmQ.objects.update(lock=timezone.now() - timedelta(minutes=11))
    assert broker.delete_unread_messages() == 1


@pytest.mark.parametrize(
    ("source", "target"),
    [("Succeeded", "Queued"), ("Failed", "Running"), ("Queued", "Succeeded"), ("Running", "Running")],
)
def test_a_move_that_is_not_in_the_table_is_refused(source: str, target: str) -> None:
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
def test_the_database_refuses_a_job_that_can_not_be(claimed: JobExecutionLog, wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        JobExecutionLog.objects.filter(pk=claimed.pk).update(**wrong)


def test_every_move_left_an_event_and_the_audit_log_is_whole(claimed: JobExecutionLog) -> None:
    transitions.succeed(claimed, RESULT)
    assert kinds(claimed) == ["queued", "claimed", "succeeded"]
    assert JobEvent.objects.filter(job=claimed, fence=1).count() == 2
    assert audit.verify() is None


def test_failures_that_differ_only_in_numbers_and_names_have_one_fingerprint() -> None:
    one = Failure("query_failed", "There is no column 'x' in row 17.")
    other = Failure("query_failed", "There is no column 'y' in row 4.")
    assert one.fingerprint == other.fingerprint != PASSING.fingerprint
