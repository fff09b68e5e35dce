"""Removes result files that belong to no job: those of attempts that were lost."""

from __future__ import annotations

import time

from django.db.models import Q

from jobs.models import JobExecutionLog
from jobs.results import storage
from jobs.status import Status

#: Seconds that a file may exist that belongs to no running attempt and no result: a worker that lost its job may still
#: be writing.
_STRAY_SECONDS = 3600


def delete_stray_files() -> int:
    """Delete old files of attempts that are neither running nor committed. Return the number of those attempts."""
    deleted = 0
    before = time.time() - _STRAY_SECONDS
    for job_id, folder in storage.job_folders():
        names = [path.name.partition(".")[0] for path in folder.iterdir() if path.lstat().st_mtime < before]
        # Files that are not named after a fence are not the server's, and stay.
        for fence in {int(name) for name in names if name.isdecimal()}:
            needed = Q(status=Status.RUNNING, fence=fence) | Q(artifact__fence=fence, artifact__purged_at=None)
            if not JobExecutionLog.objects.filter(needed, pk=job_id).exists():
                storage.delete_attempt_files(job_id, fence)
                deleted += 1
    return deleted
