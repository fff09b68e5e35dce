"""Retry or cancel many jobs at one press: each by its own action, with its event and audit entry.

A press is a row that says which jobs are meant and how far it has come. Whoever has time carries it on for a second or
two: the page that shows its progress, and the jobservers, so that it ends also when the page is closed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils import timezone

from common.exceptions import DomainError
from jobs import actions, exceptions, permissions
from jobs.clock import Now, from_now
from jobs.models import BulkAction, JobExecutionLog
from jobs.monitoring.filters import JobFilter
from jobs.querysets import JobQuerySet

#: Jobs done between two notes of how far it has come.
_BATCH = 25
#: Seconds after which a press is taken from who carried it on without a word.
_HELD_SECONDS = 60
#: Days after which a press that ended is forgotten.
_KEPT_DAYS = 7


_READY = {"retry": permissions.retryable, "cancel": permissions.cancellable}
_ACTIONS: dict[str, Callable[..., object]] = {"retry": actions.retry, "cancel": actions.cancel}
_WORDS = {
    "retry": ("queued again", "already retried"),
    "cancel": ("cancelled or asked to stop", "already ended"),
}


def ready(press: BulkAction) -> JobQuerySet:
    """The jobs that are meant and to which something can be done, by the rights of now."""
    return _READY[press.action](_meant(press), press.user)


def begin(press: BulkAction) -> None:
    """Keep the press, with the number of jobs that it is about."""
    press.total, press.started_at = ready(press).order_by().count(), timezone.now()
    press.save(force_insert=True)


def carry_on(press: BulkAction, *, seconds: float) -> None:
    """Do more of it for about so long, unless somebody else does; `press` then tells how far it has come."""
    if not _hold(press):
        press.refresh_from_db()
        return
    until = time.monotonic() + seconds
    try:
        _do_some(press)
        while press.ended_at is None and time.monotonic() < until:
            _do_some(press)
    finally:
        BulkAction.objects.filter(pk=press.pk).update(leased_until=None)


def carry_on_all(*, seconds: float) -> int:
    """Do more of the presses that have not ended, the oldest first; how many there were. Forget the old ones."""
    BulkAction.objects.filter(ended_at__lt=from_now(-86400 * _KEPT_DAYS)).delete()
    presses = list(BulkAction.objects.filter(ended_at=None).select_related("user").order_by("started_at")[:10])
    for press in presses:
        carry_on(press, seconds=seconds / len(presses))
    return len(presses)


def stop(press: BulkAction) -> None:
    """Leave the rest as it is. What was done stays done."""
    BulkAction.objects.filter(pk=press.pk, ended_at=None).update(ended_at=Now(), stopped=True)
    press.refresh_from_db()


def _meant(press: BulkAction) -> JobQuerySet:
    """Of the jobs that the user sees. None where the filters are not valid: they would match everything."""
    visible = JobExecutionLog.objects.visible_to(press.user)
    if press.ids is not None:
        return visible.filter(pk__in=press.ids)
    # Before the filters: how far back they look for what no index answers must not move with what is done.
    found = JobFilter(
        QueryDict(press.filters), queryset=visible.filter(queued_at__lte=press.queued_until), now=press.queued_until
    )
    matching: JobQuerySet = found.qs if found.is_valid() else visible.none()
    return matching


def _hold(press: BulkAction) -> bool:
    free = BulkAction.objects.filter(pk=press.pk, ended_at=None).filter(
        Q(leased_until=None) | Q(leased_until__lt=Now())
    )
    held = bool(free.update(leased_until=from_now(_HELD_SECONDS)))
    if held:
        press.refresh_from_db()
    return held


def _do_some(press: BulkAction) -> None:
    """The next jobs, the oldest first, and where they end: what can't be done is not tried again."""
    some = list(_after_last(ready(press), press).order_by("queued_at", "id").values_list("pk", "queued_at")[:_BATCH])
    loaded = JobExecutionLog.objects.select_related("report", "version").in_bulk([pk for pk, _ in some])
    counted = Counter(_one(loaded[pk], press) for pk, _ in some if pk in loaded)
    changes: dict[str, Any] = {name: F(name) + number for name, number in counted.items()}
    if some:
        changes["last_id"], changes["last_queued_at"] = some[-1]
    if len(some) < _BATCH:
        # It may have been stopped meanwhile.
        changes["ended_at"] = Coalesce("ended_at", Now())
    BulkAction.objects.filter(pk=press.pk).update(**changes)
    press.refresh_from_db()


def _after_last(jobs: JobQuerySet, press: BulkAction) -> JobQuerySet:
    if press.last_id is None:
        return jobs
    at = press.last_queued_at
    return jobs.filter(queued_at__gte=at).filter(Q(queued_at__gt=at) | Q(pk__gt=press.last_id))


def _one(job: JobExecutionLog, press: BulkAction) -> str:
    """Each job is a transaction of its own. One over many would hold the end of the audit log while it waits for the
    next job's row, and a worker that holds that row waits for the end of the log."""
    try:
        _ACTIONS[press.action](job=job, actor=press.user)
    except (exceptions.JobAlreadyRetried, exceptions.JobAlreadyEnded):
        return "skipped"
    except DomainError:
        return "refused"
    return "done"


def sentence(press: BulkAction) -> str:
    """What was done, for people."""
    done, were = _WORDS[press.action]
    told = [f"{press.done:,} {'job' if press.done == 1 else 'jobs'} {done}"]
    if press.skipped:
        told.append(f"{press.skipped:,} {'was' if press.skipped == 1 else 'were'} {were}")
    if press.refused:
        told.append(f"{press.refused:,} could not be, because their report was deleted")
    if press.stopped:
        told.append("the rest was left as it is")
    return f"{', '.join(told)}."
