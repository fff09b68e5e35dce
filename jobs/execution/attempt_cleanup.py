"""Deletes what an attempt without a result leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from jobs.models import JobExecutionLog
from jobs.results import storage
from reports.run_spec import end_orphaned_query

log = logging.getLogger(__name__)


def clean_up_attempt(job: JobExecutionLog) -> None:
    """End the query that the killed child left on the data source's server, and delete the attempt's files.

    Raise nothing. Files that an error leaves behind are deleted later (stray_files.py).
    """
    for step in STEPS:
        try:
            step(job)
        except Exception:
            log.warning("An attempt left something behind.", extra={"job_id": str(job.pk)}, exc_info=True)


def _end_query(job: JobExecutionLog) -> None:
    end_orphaned_query(job.version, storage.spill_folder(job.pk, job.file_stem))


def _delete_files(job: JobExecutionLog) -> None:
    storage.delete_attempt_files(job.pk, job.file_stem)


#: In this order: one of the files names the connection of the query.
STEPS: Sequence[Callable[[JobExecutionLog], None]] = (_end_query, _delete_files)
