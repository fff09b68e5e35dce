"""Opening the result of a job: the file that was published, or an error that says why there is none."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import BinaryIO

from django.db import transaction
from django.db.models import QuerySet

from jobs.exceptions import ResultMissing, ResultPurged, StorageUnavailable, WrongStore
from jobs.models import Artifact, JobExecutionLog, JobSplit
from jobs.results import storage, store
from jobs.results.publishing import StoredFile
from reports.kept_rows import file as kept_rows
from reports.kept_rows import pieces
from reports.rendering import RENDERERS


def open_result(job: JobExecutionLog, artifact: Artifact, file: StoredFile) -> BinaryIO:
    """Open one of the result's files for reading.

    Raise ResultPurged if it was purged since the row was read, ResultMissing if it isn't there or was changed, and
    StorageUnavailable if that can't be known, for example because the share isn't mounted.
    """
    name = name_of(job, artifact, file)
    try:
        opened = store.current().open_verified(name, size=file.size, sha256=file.sha256, stamp=file.stamp)
    except ResultMissing:
        # The row is marked as purged before the file is deleted.
        if not _unpurged(artifact).exists():
            raise ResultPurged from None
        _require_store()
        raise
    if opened.stamp != file.stamp:
        # Restored from a backup, for example, and now verified: the next download needn't read it all again.
        store_stamp(artifact, replace(file, stamp=opened.stamp))
    return opened.file


def _require_store() -> None:
    try:
        store.check()
    except WrongStore as error:
        raise StorageUnavailable(error.message) from error
    except OSError as error:
        raise StorageUnavailable from error


def name_of(job: JobExecutionLog, artifact: Artifact, file: StoredFile) -> str:
    """Return the name that one of the result's files, or that of the kept rows, has in the store."""
    return storage.result_name(job.pk, artifact.file_stem, extension_of(file.format))


def extension_of(format: str) -> str:
    """Return the extension of a format's files, of the kept rows or of the pieces."""
    return format if format in (kept_rows.NAME, pieces.NAME) else RENDERERS[format].extension


def store_stamp(artifact: Artifact, file: StoredFile) -> None:
    """Keep the new stamp of a file whose content was verified."""
    if file.format == artifact.job.format:
        _unpurged(artifact).update(stamp=file.stamp)
        return
    if file.format == kept_rows.NAME:
        _unpurged(artifact).update(kept_rows=asdict(file))
        return
    if file.format == pieces.NAME:
        JobSplit.objects.filter(job=artifact.job_id).update(file=asdict(file))
        return
    with transaction.atomic():
        # Locked: another process may store the stamp of another file.
        current = _unpurged(artifact).select_for_update().first()
        if current and current.more_files:
            more = [asdict(file) if entry["format"] == file.format else entry for entry in current.more_files]
            _unpurged(artifact).update(more_files=more)


def _unpurged(artifact: Artifact) -> QuerySet[Artifact]:
    return Artifact.objects.filter(pk=artifact.pk, purged_at=None)
