"""Retrying or cancelling many jobs at once, each with its own permission check, event and audit entry.

A BulkAction row records its jobs and its progress. The page that shows the progress works on it for a second or two at
a time, and so do the jobservers, so that it also finishes after the page is closed.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from accounts.models import User
from common.exceptions import DomainError
from common.ids import parse_uuid
from jobs import actions, exceptions, permissions
from jobs.clock import Now, from_now
from jobs.models import BulkAction, JobExecutionLog
from jobs.monitoring.filters import JobFilter
from jobs.querysets import JobQuerySet

#: Characters of the filters; a longer URL of the list is refused as well.
_MAX_FILTERS = 8_000
#: A page of the list can have as many.
_MAX_SELECTED = 200
#: Seconds after which another process may take over a bulk action from one that died.
_LEASE_SECONDS = 60
#: How long finished bulk actions are kept.
_KEPT_DAYS = 7
#: How many unfinished bulk actions share the time of one call.
_MAX_AT_ONCE = 10


def parse_request(data: QueryDict, user: User) -> BulkAction:
    """Return an unsaved bulk action. What the form names is checked against the user's rights when it is used.

    Raises SuspiciousOperation for an unknown action or filters that no page sends; other invalid values are ignored.
    """
    action = data.get("action", "")
    if action not in BulkAction.Action.values:
        raise SuspiciousOperation("Unknown bulk action.")
    if len(data.get("filters", "")) > _MAX_FILTERS:
        raise SuspiciousOperation("The filters are too long.")
    try:
        queued_until = datetime.fromisoformat(data.get("queued_until", ""))
    except ValueError:
        queued_until = timezone.now()
    ids = [str(uuid) for text in data.getlist("job")[:_MAX_SELECTED] if (uuid := parse_uuid(text))]
    return BulkAction(
        user=user,
        action=action,
        ids=None if data.get("scope") == "all" else ids,
        filters=data.get("filters", ""),
        queued_until=queued_until if queued_until.tzinfo else timezone.now(),
    )


def pending_jobs(bulk_action: BulkAction) -> JobQuerySet:
    """Return those of the bulk action's jobs that the user can still retry or cancel."""
    user = bulk_action.user
    jobs = JobExecutionLog.objects.visible_to(user)
    if bulk_action.ids is not None:
        jobs = jobs.filter(pk__in=bulk_action.ids)
    else:
        # Jobs queued later are left out before filtering: how far back a search scans must not move with them.
        older = jobs.filter(queued_at__lte=bulk_action.queued_until)
        job_filter = JobFilter(QueryDict(bulk_action.filters), queryset=older, now=bulk_action.queued_until)
        # Invalid filters would match everything.
        jobs = job_filter.qs if job_filter.is_valid() else jobs.none()
    is_retry = bulk_action.action == BulkAction.Action.RETRY
    return permissions.retryable(jobs, user) if is_retry else permissions.cancellable(jobs, user)


def start(bulk_action: BulkAction) -> None:
    """Save the bulk action with the number of its jobs; `work_on` does the rest."""
    bulk_action.total, bulk_action.started_at = pending_jobs(bulk_action).order_by().count(), timezone.now()
    bulk_action.save(force_insert=True)


def stop(bulk_action: BulkAction) -> None:
    """End the bulk action. Jobs that were already retried or cancelled stay so."""
    BulkAction.objects.filter(pk=bulk_action.pk, ended_at=None).update(ended_at=Now(), stopped=True)
    bulk_action.refresh_from_db()


def work_on(bulk_action: BulkAction, *, seconds: float) -> None:
    """Process jobs for about this many seconds, at least one batch, unless another process does. Refresh the row."""
    # A lease that is longer than any was taken before the database's clock was set back.
    unclaimed = Q(leased_until=None) | Q(leased_until__lt=Now()) | Q(leased_until__gt=from_now(_LEASE_SECONDS))
    row = BulkAction.objects.filter(pk=bulk_action.pk)
    is_claimed = row.filter(unclaimed, ended_at=None).update(leased_until=from_now(_LEASE_SECONDS))
    bulk_action.refresh_from_db()
    if not is_claimed:
        return
    deadline = time.monotonic() + seconds
    try:
        _process_batch(bulk_action)
        while bulk_action.ended_at is None and time.monotonic() < deadline:
            _process_batch(bulk_action)
    finally:
        row.update(leased_until=None)


def work_on_all(*, seconds: float) -> int:
    """Share the time among unfinished bulk actions, the oldest first, and delete old ones.

    Returns how many were unfinished.
    """
    BulkAction.objects.filter(ended_at__lt=from_now(-86400 * _KEPT_DAYS)).delete()
    unfinished = BulkAction.objects.filter(ended_at=None).select_related("user").order_by("started_at")
    bulk_actions = list(unfinished[:_MAX_AT_ONCE])
    for bulk_action in bulk_actions:
        work_on(bulk_action, seconds=seconds / len(bulk_actions))
    return len(bulk_actions)


def summary(bulk_action: BulkAction) -> str:
    """Return sentences that say what was done so far."""
    done, skipped, refused = bulk_action.done, bulk_action.skipped, bulk_action.refused
    if bulk_action.action == BulkAction.Action.RETRY:
        done_text = ngettext("%(count)s job retried.", "%(count)s jobs retried.", done)
        skipped_text = ngettext("%(count)s was already retried.", "%(count)s were already retried.", skipped)
        refused_text = ngettext(
            "%(count)s couldn't be retried because its report was deleted.",
            "%(count)s couldn't be retried because their reports were deleted.",
            refused,
        )
    else:
        done_text = ngettext("%(count)s job cancelled.", "%(count)s jobs cancelled.", done)
        skipped_text = ngettext("%(count)s had already ended.", "%(count)s had already ended.", skipped)
        refused_text = ngettext("%(count)s couldn't be cancelled.", "%(count)s couldn't be cancelled.", refused)
    sentences = [done_text % {"count": f"{done:,}"}]
    if skipped:
        sentences.append(skipped_text % {"count": f"{skipped:,}"})
    if refused:
        sentences.append(refused_text % {"count": f"{refused:,}"})
    if bulk_action.stopped:
        sentences.append(gettext("Stopped; the remaining jobs are unchanged."))
    return " ".join(sentences)


def _process_batch(bulk_action: BulkAction) -> None:
    """Process the next jobs, the oldest first, and record how far that was: a refused job isn't tried again."""
    jobs = pending_jobs(bulk_action)
    if bulk_action.last_id is not None:
        last = bulk_action.last_queued_at
        jobs = jobs.filter(queued_at__gte=last).filter(Q(queued_at__gt=last) | Q(pk__gt=bulk_action.last_id))
    batch = list(jobs.order_by("queued_at", "id").values_list("pk", "queued_at")[: settings.BULK_ACTION_BATCH])
    loaded = JobExecutionLog.objects.select_related("report", "version").in_bulk([pk for pk, _ in batch])
    results = Counter(_process(loaded[pk], bulk_action) for pk, _ in batch if pk in loaded)
    changes: dict[str, Any] = {counter: F(counter) + number for counter, number in results.items()}
    if batch:
        changes["last_id"], changes["last_queued_at"] = batch[-1]
    if len(batch) < settings.BULK_ACTION_BATCH:
        changes["ended_at"] = Coalesce("ended_at", Now())  # It may have been stopped meanwhile.
    BulkAction.objects.filter(pk=bulk_action.pk).update(**changes)
    bulk_action.refresh_from_db()


def _process(job: JobExecutionLog, bulk_action: BulkAction) -> str:
    """Retry or cancel the job and return the name of the BulkAction's counter to increase.

    Each job has its own transaction. One for many would lock the end of the audit log while waiting for the next job's
    row, and a worker that holds that row waits for the audit log.
    """
    act = actions.retry if bulk_action.action == BulkAction.Action.RETRY else actions.cancel
    try:
        act(job=job, actor=bulk_action.user)
    except (exceptions.JobAlreadyRetried, exceptions.JobAlreadyEnded):
        return "skipped"
    except DomainError:
        return "refused"
    return "done"
