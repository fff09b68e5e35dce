"""Removes result files that belong to no job: those of attempts that were lost. Empty folders go, too."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Q

from jobs import deployment
from jobs.clock import Now
from jobs.models import JobExecutionLog
from jobs.results import storage, store

#: How long a job's files are left alone after its end: a worker that lost the job may still be writing.
STRAY_AFTER = timedelta(hours=1)
#: Folders that are compared with the database at once.
_BATCH = 200
#: A job's `file_stem`.
STEM = re.compile(r"[0-9]{1,18}(-[0-9a-f]+)?")


def delete_stray_files() -> Iterator[int]:
    """Delete what ended jobs, and jobs that the database doesn't know, left besides their results.

    Yields for each batch of folders the number of attempts whose files were deleted. The files of a job that may still
    run are left alone: its own process deletes those of earlier attempts.

    Raises WrongStore, or StorageUnavailable or OSError if the store can't be read: all jobs of another installation are
    unknown to this one.
    """
    # A copy of the database doesn't know the jobs that its original has had since.
    if deployment.is_suspended():
        return
    folders = storage.job_folders()
    while batch := list(islice(folders, _BATCH)):
        # Each time: a share may be mounted at any moment.
        store.check()
        yield _delete_in(batch)


def _delete_in(batch: Collection[tuple[UUID, Path]]) -> int:
    results = results_of_ended_jobs([job_id for job_id, _ in batch])
    known = set(JobExecutionLog.objects.filter(pk__in=[job_id for job_id, _ in batch]).values_list("pk", flat=True))
    deleted = 0
    for job_id, folder in batch:
        # Another host may be deleting the folder, too.
        with contextlib.suppress(OSError):
            if job_id in results or (job_id not in known and _is_old(folder)):
                # Beside an object store, the folder only has what attempts are working on.
                kept = None if settings.ARTIFACTS_URL else results.get(job_id)
                deleted += _delete_but(kept, job_id, folder)
    return deleted


def results_of_ended_jobs(job_ids: Collection[UUID]) -> dict[UUID, str | None]:
    """The file stem of the result, or None without one, of those of the jobs that ended long enough ago."""
    has_result = ExpressionWrapper(Q(artifact__purged_at=None), BooleanField())
    ended = JobExecutionLog.objects.filter(pk__in=job_ids, ended_at__lt=Now() - STRAY_AFTER).annotate(has=has_result)
    rows = ended.values_list("pk", "has", "artifact__fence", "artifact__claim_token")
    return {pk: storage.file_stem(fence, token) if has else None for pk, has, fence, token in rows}


def _delete_but(result: str | None, job_id: UUID, folder: Path) -> int:
    """Delete the files of all attempts but this one. Files that are not named after a claim are not the server's."""
    names = {path.name.partition(".")[0] for path in folder.iterdir()}
    stray = {name for name in names if STEM.fullmatch(name)} - {result}
    for stem in stray:
        storage.delete_attempt_files(job_id, stem)
    if not any(folder.iterdir()):
        folder.rmdir()
    return len(stray)


def _is_old(folder: Path) -> bool:
    """True if nothing in the folder has changed for a while, by the clock of its file system."""
    with tempfile.TemporaryFile(dir=settings.ARTIFACTS_DIR) as probe:
        now = os.fstat(probe.fileno()).st_mtime
    newest = max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))
    return newest < now - STRAY_AFTER.total_seconds()
