"""The reconciler recovers jobs from lost workers and hosts, and sends messages that were lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from jobs.execution import reconciler, transitions
from jobs.hosts import host_lock
from jobs.models import JobExecutionLog
from jobs.queue import broker
from jobs.results import storage
from tests.jobs.helpers import reload


def test_a_job_of_a_dead_worker_is_recovered_before_its_lease_ends(queued: Callable[[], JobExecutionLog]) -> None:
    for pid in (os.getpid(), 2**22 + 1):
        queued()
        transitions.claim(owner="mine", host="h", pid=pid)
    assert reconciler.recover_from_dead_workers("another") == 0
    assert reconciler.recover_from_dead_workers("mine") == 1
    running = JobExecutionLog.objects.filter(status="Running")
    assert [job.pid for job in running] == [os.getpid()]


def test_jobs_of_a_jobserver_are_recovered_once_its_last_process_has_ended(
    queued: Callable[[], JobExecutionLog],
) -> None:
    job = queued()
    transitions.claim(owner="other", host="h", pid=1)
    lock = host_lock.lock_host("other")
    assert reconciler.recover_from_dead_hosts() == 0
    os.close(lock.descriptor)
    assert reconciler.recover_from_dead_hosts() == 1
    assert (reload(job).status, reload(job).attempt) == ("Queued", 1)
    assert not lock.path.exists()
    assert reconciler.recover_from_dead_hosts() == 0


def test_files_that_cannot_be_deleted_keep_no_job_from_being_recovered(
    queued: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = queued(), queued()
    for _ in range(2):
        transitions.claim(owner="w", host="h", pid=1)
    JobExecutionLog.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    delete_attempt_files = storage.delete_attempt_files

    def refuse_the_first(job_id: UUID, stem: str) -> None:
        if job_id == first.pk:
            raise PermissionError
        delete_attempt_files(job_id, stem)

    monkeypatch.setattr(storage, "delete_attempt_files", refuse_the_first)
    assert reconciler.recover_lost_jobs() == 2
    assert (reload(first).status, reload(second).status) == ("Queued", "Queued")


def test_a_job_whose_lease_ran_out_is_requeued(claimed: JobExecutionLog) -> None:
    assert reconciler.recover_lost_jobs() == 0
    JobExecutionLog.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert reconciler.recover_lost_jobs() == 1
    assert (reload(claimed).status, reload(claimed).attempt) == ("Queued", 1)


def test_a_job_that_lost_its_worker_on_every_attempt_fails(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1), attempt=3, fence=3)
    reconciler.recover_lost_jobs()
    assert (reload(claimed).status, reload(claimed).error_code) == ("Failed", "worker_lost")


def test_a_job_that_overran_its_deadline_fails_even_if_its_lease_is_renewed(claimed: JobExecutionLog) -> None:
    JobExecutionLog.objects.update(deadline_at=timezone.now() - timedelta(seconds=61))
    reconciler.recover_lost_jobs()
    assert (reload(claimed).status, reload(claimed).error_code) == ("Failed", "timeout")


def test_a_lost_job_whose_cancellation_was_requested_ends(claimed: JobExecutionLog) -> None:
    past = timezone.now() - timedelta(seconds=1)
    JobExecutionLog.objects.update(lease_expires_at=past, cancel_requested_at=past)
    reconciler.recover_lost_jobs()
    assert (reload(claimed).status, reload(claimed).error_code) == ("Failed", "cancelled")


def test_a_lost_message_is_sent_again_once(queued: Callable[[], JobExecutionLog]) -> None:
    queued()
    assert broker.count_messages() == 1
    broker.OrmQ.objects.all().delete()
    assert reconciler.resend_missing_messages() == 0, "its message was sent just now"
    JobExecutionLog.objects.update(notified_at=timezone.now() - timedelta(minutes=1))
    assert reconciler.resend_missing_messages() == 1
    assert broker.count_messages() == 1
    assert reconciler.resend_missing_messages() == 0
