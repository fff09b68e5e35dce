"""Jobs as the database and the disk have them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings

from jobs.execution import transitions
from jobs.execution.protocol import Result
from jobs.models import JobExecutionLog
from jobs.results import storage, store
from jobs.results.publishing import StoredFile

#: A file that a worker says it has written.
FILE = StoredFile(format="csv", size=10, sha256="0" * 64, stamp="s")


def reload(job: JobExecutionLog) -> JobExecutionLog:
    """Return the job as it is in the database now."""
    return JobExecutionLog.objects.get(pk=job.pk)


def event_kinds(job: JobExecutionLog) -> list[str]:
    """Return the kinds of the job's events, in the order in which they were written."""
    return list(job.events.values_list("kind", flat=True))


def write_draft(job: JobExecutionLog, content: bytes, stem: str = "") -> Path:
    """Write the draft of the job's attempt, or of the attempt whose files have this name. Return its path."""
    draft = storage.draft_path(job.pk, stem or job.file_stem)
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(content)
    return draft


def result_path(job: JobExecutionLog, format: str = "csv", stem: str = "") -> Path:
    """Return the path of a result in the folder of results."""
    return Path(settings.ARTIFACTS_DIR) / storage.result_name(job.pk, stem or job.file_stem, format)


def succeed_with(
    job: JobExecutionLog, content: bytes, *more: str, rows: int = 1, truncated: str | None = None, digest: str = ""
) -> Path:
    """Let a claimed job succeed with a CSV file of this content. Return the file's path.

    `more`: further formats, whose files have the same content.
    """
    job.formats = ["csv", *more]
    job.save(update_fields=["format", "more_formats"])
    sha256 = hashlib.sha256(content).hexdigest()
    files = []
    for format in job.formats:
        stamp = store.current().publish(write_draft(job, content), storage.result_name(job.pk, job.file_stem, format))
        files.append(StoredFile(format=format, size=len(content), sha256=sha256, stamp=stamp))
    result = Result(rows=rows, truncated=truncated, files=tuple(files), content_digest=digest)
    assert transitions.succeed(job, result)
    return result_path(job)
