"""Moves old jobs and audit entries out of the database, into the store of results.

An archive is complete in the store before the rows that it has are deleted, in one transaction with the row that names
it. So a process that is killed at any moment loses nothing and doubles nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.dispatch import Signal

from audit import actions as audit
from audit.archive.moving import WAIT_FOR_MORE, move_next
from audit.models import Action
from jobs import deployment, sql
from jobs.history import delivered
from jobs.history.lines import lines_of
from jobs.history.turn import Turn, TurnLost
from jobs.models import Delivery, JobArchive, JobExecutionLog
from jobs.querysets import JobQuerySet
from jobs.results import store
from jobs.status import ENDED, UNFINISHED

log = logging.getLogger(__name__)
#: What one archive has at most, or a little more: jobs, and bytes of lines. Writers of SQLite wait while so many jobs
#: are deleted.
_MAX_JOBS, _MAX_BYTES = 200, 16 << 20
_UNFINISHED = (Delivery.State.PENDING, Delivery.State.HELD)
#: Sent in the transaction that deletes jobs, with their ids as `jobs`, before they are deleted.
archiving_jobs = Signal()
#: Queries of jobs that other apps still need.
_needed: list[QuerySet[Any, Any]] = []


class JobsChanged(Exception):
    """A job has changed while it was archived. It is archived later."""


def keep_while_needed(jobs: QuerySet[Any, Any]) -> None:
    """Let jobs stay in the database while this query returns their ids, which are never null."""
    _needed.append(jobs)


def archive_history() -> Iterator[int]:
    """Archive what is old enough. Yield after each archive how many jobs or audit entries it has.

    Raise WrongStore, or StorageUnavailable, ArchiveUnavailable or OSError if the store can't be used.
    """
    # A copy of the database may share the store with the original, and has no right to write to it.
    if not settings.HISTORY_DAYS or deployment.is_suspended():
        return
    store.check()
    turn = Turn()
    if not turn.take():
        return
    try:
        yield from _archive_all(turn)
    except (TurnLost, JobsChanged) as reason:
        log.info("Archiving goes on later: %s", type(reason).__name__)
    finally:
        turn.end()


def limit() -> datetime:
    """Return the time before which jobs and audit entries are old, by the database's clock."""
    return sql.now() - timedelta(days=settings.HISTORY_DAYS)


def old_jobs(before: datetime) -> JobQuerySet:
    """Return the jobs that ended before this time and are done with, the oldest first."""
    jobs = JobExecutionLog.objects.across_tenants().filter(queued_at__lt=before, ended_at__lt=before, status__in=ENDED)
    is_purged = Q(artifact=None) | Q(artifact__purged_at__isnull=False)
    pieces = JobExecutionLog.objects.across_tenants().filter(split_from=OuterRef("pk"), status__in=UNFINISHED)
    # The job that retried it is archived first: it names this one.
    done: JobQuerySet = jobs.filter(is_purged, ~Exists(pieces), retried_as=None)
    done = done.exclude(deliveries__state__in=_UNFINISHED)
    for needed in _needed:
        done = done.exclude(pk__in=needed.all())
    return done.order_by("queued_at", "id")


def _archive_all(turn: Turn) -> Iterator[int]:
    before = limit()
    while count := _archive_jobs(before, turn):
        yield count
    while count := _archive_entries(before, turn):
        yield count


def _archive_jobs(before: datetime, turn: Turn) -> int:
    found = list(old_jobs(before).values_list("pk", "queued_at", "ended_at")[:_MAX_JOBS])
    waits = any(ended_at and ended_at < before - WAIT_FOR_MORE for _, _, ended_at in found)
    if not found or (len(found) < _MAX_JOBS and not waits):
        return 0
    move, written = turn.move("jobs"), _Lines()
    file = move.write(written.of([pk for pk, _, _ in found]))
    # The others are for the next archive.
    found = found[: written.number]
    jobs = [pk for pk, _, _ in found]
    with transaction.atomic():
        move.confirm()
        _delete(jobs, before, written)
        span = {"first_at": found[0][1], "last_at": found[-1][1]}
        archive = JobArchive.objects.create(jobs=len(jobs), **span, **file._asdict())
        audit.record(
            Action.HISTORY_ARCHIVE,
            actor=audit.SYSTEM,
            tenant_id=None,
            target=("archive", archive.pk),
            details=archive.details(),
        )
    return len(jobs)


def _delete(jobs: Sequence[UUID], before: datetime, written: _Lines) -> None:
    """Delete the jobs and what belongs to them. Raise JobsChanged if their lines are not the written ones now."""
    # Locked: nobody retries a job, and no delivery changes, between the comparison and the deletion.
    rows = JobExecutionLog.objects.select_for_update().filter(pk__in=jobs).order_by("pk")
    locked = set(rows.values_list("pk", flat=True))
    list(Delivery.objects.select_for_update().filter(job__in=jobs).order_by("pk").values_list("pk", flat=True))
    now = _Lines()
    for _ in now.of(jobs):
        pass
    still_old = old_jobs(before).filter(pk__in=jobs).count()
    is_same = (now.number, now.digest.digest()) == (written.number, written.digest.digest())
    if not is_same or len(locked) != len(jobs) or still_old != len(jobs):
        raise JobsChanged
    delivered.keep_outcomes(jobs)
    archiving_jobs.send(JobExecutionLog, jobs=jobs)
    JobExecutionLog.objects.filter(pk__in=jobs).delete()


class _Lines:
    """The lines of jobs, as many as one archive takes: how many there were, and their digest."""

    def __init__(self) -> None:
        self.number, self.digest = 0, hashlib.sha256()

    def of(self, jobs: Sequence[UUID]) -> Iterator[bytes]:
        size = 0
        for line in lines_of(jobs):
            self.number += 1
            self.digest.update(line)
            size += len(line)
            yield line
            if size > _MAX_BYTES:
                break


def _archive_entries(before: datetime, turn: Turn) -> int:
    return move_next(before, turn.move("audit"))
