"""Jobs whose result is split, and the jobs that render its pieces."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.models import JobExecutionLog, JobSplit, Piece
from jobs.queue.new_jobs import new_job_of, run_as_before
from jobs.splitting.pieces import format_of_whole


def split(job: JobExecutionLog, column: str, keys: Sequence[str]) -> None:
    """Let a job that was queued in this transaction divide its result, too."""
    JobSplit.objects.create(job=job, column=column, keys=list(keys))


def split_again(job: JobExecutionLog, new_job: JobExecutionLog) -> None:
    """Let the retry of a job divide its result as that job would have, in the transaction of the retry."""
    earlier = JobSplit.objects.filter(job=job).first() if job.is_scheduled else None
    if earlier:
        split(new_job, earlier.column, earlier.keys)


def use_format_of_whole(job: JobExecutionLog) -> None:
    """Let a new job write the rows of all pieces in one format: the pieces have those that were asked for."""
    version = job.version
    if version:
        job.formats = [format_of_whole(version.formats, job.formats, has_sections=bool(version.sections))]


def job_of_piece(piece: Piece, whole: JobExecutionLog, formats: Sequence[str], section: str | None) -> JobExecutionLog:
    """Return a new job that renders a piece of a job's result, whose report and version are still there."""
    if whole.report is None or whole.version is None:
        raise ValueError("The report was deleted.")
    job = new_job_of(whole.version, whole.report, whole.requested_by or whole.requested_by_name)
    job.formats, job.section, job.locale = formats, section, whole.locale
    job.converted_from, job.split_from, job.is_scheduled = piece.pk, whole.pk, True
    job.parameters, job.requested_parameters = whole.parameters, whole.requested_parameters
    job.parameter_labels = whole.parameter_labels
    run_as_before(job, whole)
    return job
