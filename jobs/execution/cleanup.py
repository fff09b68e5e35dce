"""What is left of an attempt that ended without a result."""

from __future__ import annotations

import contextlib

from django.db import Error

from jobs.models import JobExecutionLog
from jobs.results import storage
from reports.exceptions import RunError
from reports.run_spec import end_left_behind


def clean_up_attempt(job: JobExecutionLog) -> None:
    """End the query that its killed process left at the data source's server, and delete its files."""
    with contextlib.suppress(Error, RunError):
        end_left_behind(job.version, storage.spill_folder(job.pk, job.fence))
    storage.delete_attempt_files(job.pk, job.fence)
