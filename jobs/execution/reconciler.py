"""Every few seconds, on every host: make true again what a crash left untrue. Each step is a compare-and-set, so any
number of reconcilers may run at once, and none of it is itself a job that could get stuck."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from jobs import failures
from jobs.clock import Now, from_now
from jobs.execution import cleanup, host_lock, transitions
from jobs.execution.processes import is_alive, kill_by_environment
from jobs.execution.sqlite_checkpoint import checkpoint
from jobs.models import JobExecutionLog, WorkerHost
from jobs.queue import broker, next_job
from jobs.results import storage
from jobs.status import Status

log = logging.getLogger(__name__)
#: Jobs handled by one step of one round; the next round takes the next ones.
_BATCH = 200
#: Seconds a file may lie about that belongs to no running attempt and no result.
_STRAY_SECONDS = 3600


def reconcile() -> None:
    """One round. A step that fails is logged and does not stop the others."""
    for step in (
        recover_lost_jobs,
        recover_from_dead_hosts,
        next_job.release_unlimited,
        resend_missing_messages,
        broker.delete_unread_messages,
        checkpoint,
    ):
        _try(step)


def tidy() -> None:
    """The slower round: files that no job needs any more, and the queue's own notes."""
    _try(delete_stray_files)
    _try(forget_results)


def recover_lost_jobs() -> int:
    """Take running jobs from workers that no longer renew their lease, or that overran the deadline."""
    return _take(JobExecutionLog.objects.lost().annotate_overdue()[:_BATCH])


def recover_from_dead_hosts() -> int:
    """Take running jobs from jobservers of this machine that ended without a word, before their leases run out."""
    return sum(map(_bury, host_lock.stale_hosts()))


def recover_from_dead_workers(instance: str) -> int:
    """Take running jobs from workers of one's own that are gone."""
    mine = JobExecutionLog.objects.owned_by(instance).annotate_overdue()
    return _take(job for job in mine if not is_alive(job.pid or 0))


def resend_missing_messages() -> int:
    """Ring for jobs that can be claimed but have too few messages: one was lost, or their time came only now."""
    silent = Q(notified_at=None) | Q(notified_at__lt=from_now(-2 * settings.RECONCILE_SECONDS))
    most = settings.WORKERS * 2
    waiting = [
        pk for part in next_job.claimable_jobs() for pk in part.filter(silent).values_list("pk", flat=True)[:most]
    ]
    chosen = waiting[: max(0, min(len(waiting), most) - broker.count_messages())]
    if not chosen:
        return 0
    with transaction.atomic():
        JobExecutionLog.objects.filter(pk__in=chosen).update(notified_at=Now())
        for _ in chosen:
            broker.notify()
    return len(chosen)


def forget_results() -> int:
    return broker.delete_task_results(days=1)


def delete_stray_files() -> int:
    """Delete files of attempts that neither run nor were committed."""
    strays = [(job_id, fence) for job_id, folder in storage.job_folders() for fence in _old_fences(folder)]
    found = [stray for stray in strays if _is_stray(*stray)]
    for job_id, fence in found:
        storage.delete_attempt_files(job_id, fence)
    return len(found)


def _old_fences(folder: Path) -> set[int]:
    """What is not named by a fence is not ours, and stays."""
    old = time.time() - _STRAY_SECONDS
    names = [path.name.partition(".")[0] for path in folder.iterdir() if path.lstat().st_mtime < old]
    return {int(name) for name in names if name.isdecimal()}


def _is_stray(job_id: UUID, fence: int) -> bool:
    needed = Q(status=Status.RUNNING, fence=fence) | Q(artifact__fence=fence, artifact__purged_at=None)
    return not JobExecutionLog.objects.filter(needed, pk=job_id).exists()


def _take(lost: Iterable[JobExecutionLog]) -> int:
    """Judge each job by itself: one that cannot be taken must not keep the others."""
    return sum(_try(partial(_take_one, job)) for job in lost)


def _take_one(job: JobExecutionLog) -> bool:
    taken = transitions.fail(job, _verdict(job))
    if taken:
        # With its fence gone nothing of it can be committed any more, not even by a worker that wakes up later.
        cleanup.clean_up_attempt(job)
    return taken


def _bury(host: host_lock.StaleHost) -> int:
    kill_by_environment(f"{host_lock.INSTANCE_VARIABLE}={host.instance}")
    taken = _take(JobExecutionLog.objects.owned_by(host.instance).annotate_overdue())
    if not JobExecutionLog.objects.owned_by(host.instance).exists():
        WorkerHost.objects.filter(pk=host.instance).delete()
        host.forget()
    return taken


def _verdict(job: JobExecutionLog) -> failures.Failure:
    if job.cancel_requested_at is not None:
        return failures.CANCELLED
    return failures.TIMED_OUT if job.is_overdue else failures.WORKER_LOST  # type: ignore[attr-defined]


def _try(step: Callable[[], int | None]) -> int:
    name = getattr(step, "func", step).__name__
    try:
        if done := step():
            log.info("reconciled", extra={"step": name, "count": int(done)})
        return int(done or 0)
    except Exception:
        log.exception("A step of the reconciler failed: %s", name)
        return 0
