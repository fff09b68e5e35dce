"""Removes objects of an object store that belong to no job: those of attempts that were lost, and of purged results."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from jobs import deployment
from jobs.models import JobExecutionLog
from jobs.results import store
from jobs.results.stores.abandoned_uploads import abort_old_uploads
from jobs.results.stores.objects import ObjectStore
from jobs.results.stray_files import STEM, STRAY_AFTER, results_of_ended_jobs

if TYPE_CHECKING:
    from obstore import ObjectMeta


def delete_stray_objects() -> Iterator[int]:
    """Delete what ended jobs, and jobs that the database doesn't know, left beside their results.

    Yields the number of objects deleted for each answer of the store, and last that of aborted uploads. Objects
    that aren't named like results are left alone. Raises WrongStore or StorageUnavailable.
    """
    # A copy of the database doesn't know the jobs that its original has had since.
    if not settings.ARTIFACTS_URL or deployment.is_suspended():
        return
    objects = ObjectStore(settings.ARTIFACTS_URL)
    store.check()
    now = objects.clock()
    for found in objects.find():
        yield _delete_in(objects, found, now)
    yield abort_old_uploads(objects.url, now - STRAY_AFTER)


def _delete_in(objects: ObjectStore, found: Collection[ObjectMeta], now: datetime) -> int:
    named = [(job_id, meta) for meta in found if (job_id := _job_of(meta["path"]))]
    by_job = {job_id: [meta for _, meta in metas] for job_id, metas in itertools.groupby(named, lambda pair: pair[0])}
    known = set(JobExecutionLog.objects.filter(pk__in=by_job).values_list("pk", flat=True))
    results = results_of_ended_jobs(list(by_job))
    stray = []
    for job_id, metas in by_job.items():
        for meta in metas:
            is_left = _stem(meta["path"]) != results[job_id] if job_id in results else job_id not in known
            if is_left and meta["last_modified"] < now - STRAY_AFTER:
                stray.append(meta["path"])
    objects.delete(stray)
    return len(stray)


def _job_of(path: str) -> UUID | None:
    """Return the job of an object that is named like a result."""
    parts = path.split("/")
    try:
        job_id = UUID(parts[1])
    except (IndexError, ValueError):
        return None
    return job_id if len(parts) == 3 and STEM.fullmatch(_stem(path)) else None


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]
