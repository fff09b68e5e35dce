"""Opening the result of a job: the file that was published, or an error that says why there is none."""

from __future__ import annotations

from typing import BinaryIO

from django.db.models import QuerySet

from jobs.exceptions import ResultMissing, ResultPurged
from jobs.models import Artifact, JobExecutionLog
from jobs.results import storage
from reports.rendering import RENDERERS


def open_result(job: JobExecutionLog, artifact: Artifact) -> BinaryIO:
    """Open the result file for reading.

    Raise ResultPurged if it was purged since the row was read, ResultMissing if it isn't there or was changed.
    """
    path = storage.result_path(job.pk, artifact.file_stem, RENDERERS[job.format].extension)
    try:
        opened = storage.open_verified(path, size=artifact.size, sha256=artifact.sha256, stamp=artifact.stamp)
    except ResultMissing:
        # The row is marked as purged before the file is deleted.
        if not _unpurged(artifact).exists():
            raise ResultPurged from None
        raise
    if opened.stamp != artifact.stamp:
        # Restored from a backup, for example, and now verified: the next download needn't read it all again.
        _unpurged(artifact).filter(stamp=artifact.stamp).update(stamp=opened.stamp)
    return opened.file


def _unpurged(artifact: Artifact) -> QuerySet[Artifact]:
    return Artifact.objects.filter(pk=artifact.pk, purged_at=None)
