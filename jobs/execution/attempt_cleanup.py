"""Deletes what an attempt without a result leaves behind."""

from __future__ import annotations

import contextlib

from django.db import Error

from jobs.models import JobExecutionLog
from jobs.results import storage
from reports.exceptions import RunError
from reports.run_spec import end_orphaned_query


def clean_up_attempt(job: JobExecutionLog) -> None:
    """End the query that the killed child left on the data source's server, and delete the attempt's files."""
    with contextlib.suppress(Error, RunError):
        end_orphaned_query(job.version, storage.spill_folder(job.pk, job.fence))
    storage.delete_attempt_files(job.pk, job.fence)
