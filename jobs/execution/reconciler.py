"""Repairs what a crash left inconsistent, every few seconds on every host.

Each step is a compare-and-set, so any number of reconcilers may run at the same time. None of this is itself a job,
which could get stuck.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from audit import tallies
from common.processes import is_alive, kill_by_environment
from jobs import failures
from jobs.clock import WAITING, ClockWatch, Now, from_now, waits_too_long
from jobs.delivery import outgoing
from jobs.execution import attempt_cleanup, lease, transitions
from jobs.execution.sqlite_checkpoint import checkpoint
from jobs.hosts import host_lock
from jobs.models import Delivery, JobExecutionLog, Notice, WorkerHost
from jobs.queue import broker, next_job
from jobs.status import Status

log = logging.getLogger(__name__)
#: Jobs that one step recovers in one round. The next round takes the next ones.
_BATCH = 200
#: Seconds by which two clocks may differ between two rounds without that one of them was set.
_MAX_DRIFT_SECONDS = 2
_clock_watch = ClockWatch(longest_answer_seconds=_MAX_DRIFT_SECONDS)
#: The monotonic time from which leases that have expired are taken for lost.
_leases_count_from = 0.0


def reconcile() -> None:
    """Run one round. A step that fails is logged and does not stop the others."""
    for step in (
        _follow_clock,
        _recover_lost_jobs_in_time,
        next_job.release_unlimited,
        resend_missing_messages,
        broker.delete_unread_messages,
        tallies.record_due,
        checkpoint,
    ):
        _try(step)


def _follow_clock() -> None:
    global _leases_count_from
    step = _clock_watch.step()
    if step is not None and abs(step) < _MAX_DRIFT_SECONDS:
        return
    # Set forward, the clock ends leases of workers that are well. Each of them renews its lease before this time.
    _leases_count_from = time.monotonic() + 3 * settings.HEARTBEAT_SECONDS
    if step is not None:
        log.warning("The database's clock was set by %.0f s, or this machine slept.", step)
    # The first round doesn't know.
    if step is None or step < 0:
        for correction in (lease.move_back, _bring_jobs_forward, broker.move_messages_back, _bring_mails_forward):
            _try(correction)


def _bring_mails_forward() -> int:
    """Send deliveries and notices soon that would wait for longer than attempts ever do. Return how many."""
    return outgoing.bring_forward(Delivery.objects.all()) + outgoing.bring_forward(Notice.objects.all())


def _bring_jobs_forward() -> int:
    """Let jobs run now that would wait for longer than attempts ever do. Return how many."""
    waiting = JobExecutionLog.objects.filter(waits_too_long(transitions.RETRY_WAITS), status=Status.QUEUED)
    return waiting.filter(available_at__lt=WAITING).update(available_at=Now(), notified_at=None)


def _recover_lost_jobs_in_time() -> int:
    return recover_lost_jobs() if time.monotonic() >= _leases_count_from else 0


def recover_lost_jobs() -> int:
    """Take running jobs from workers that let their lease run out or overran the deadline. Return how many."""
    return _recover(JobExecutionLog.objects.lost().annotate_overdue()[:_BATCH])


def recover_from_dead_hosts() -> int:
    """Take running jobs from jobservers of this machine that have died, before the leases run out. Return how many."""
    recovered = 0
    for host in host_lock.stale_hosts():
        # Programs that reports started in separate sessions outlive the jobserver.
        kill_by_environment(f"{host_lock.INSTANCE_VARIABLE}={host.instance}")
        jobs = JobExecutionLog.objects.owned_by(host.instance)
        recovered += _recover(jobs.annotate_overdue())
        if not jobs.exists():
            WorkerHost.objects.filter(pk=host.instance).delete()
            host.delete()
    return recovered


def recover_from_dead_workers(instance: str) -> int:
    """Take running jobs from workers of this jobserver that have died. Return how many."""
    jobs = JobExecutionLog.objects.owned_by(instance).annotate_overdue()
    return _recover(job for job in jobs if not is_alive(job.pid or 0))


def _recover(jobs: Iterable[JobExecutionLog]) -> int:
    """End the attempts of these jobs, each on its own: one that fails must not stop the others."""
    return sum(_try(partial(_recover_job, job)) for job in jobs)


def _recover_job(job: JobExecutionLog) -> bool:
    if job.cancel_requested_at is not None:
        failure = failures.CANCELLED
    elif job.is_overdue:  # type: ignore[attr-defined]
        failure = failures.TIMED_OUT
    else:
        failure = failures.WORKER_LOST
    recovered = transitions.fail(job, failure)
    if recovered:
        # The fence has changed, so a worker that wakes up later can't commit these files any more.
        attempt_cleanup.clean_up_attempt(job)
    return recovered


def notify_of_due_jobs() -> int:
    """Notify the workers of jobs that had to wait for their next attempt. Return of how many."""
    due = JobExecutionLog.objects.due().filter(notified_at=None).order_by("available_at")
    return _notify_of(list(due.values_list("pk", flat=True)[: _most_messages()]))


def resend_missing_messages() -> int:
    """Send messages for claimable jobs that have too few because a message was lost. Return how many were sent."""
    # The workers may not have read the messages of the last round yet. A time in the future is one of before the
    # database's clock was set back.
    lately = Q(notified_at__gte=from_now(-2 * settings.RECONCILE_SECONDS), notified_at__lte=Now())
    limit = _most_messages()
    waiting = [
        pk
        for jobs in next_job.claimable_jobs()
        for pk in jobs.filter(Q(notified_at=None) | ~lately).values_list("pk", flat=True)[:limit]
    ]
    return _notify_of(waiting[: max(0, min(len(waiting), limit) - broker.count_messages())])


def _most_messages() -> int:
    """The most messages that are of use to this host at a time: two for each worker."""
    return 2 * settings.WORKERS


def _notify_of(jobs: Sequence[UUID]) -> int:
    """Send a message for each of these jobs. Return how many."""
    if not jobs:
        return 0
    with transaction.atomic():
        JobExecutionLog.objects.filter(pk__in=jobs).update(notified_at=Now())
        for _ in jobs:
            broker.notify()
    return len(jobs)


def _try(step: Callable[[], int | None]) -> int:
    """Run a step that returns how much it did. Log what it did, or its error, which counts as 0."""
    name = getattr(step, "func", step).__name__
    try:
        count = int(step() or 0)
    except Exception:
        log.exception("A step of the reconciler failed: %s", name)
        return 0
    if count:
        log.info("reconciled", extra={"step": name, "count": count})
    return count
