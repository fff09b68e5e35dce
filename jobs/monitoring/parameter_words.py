"""The parameters of many jobs in a few words each."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from jobs.models import JobExecutionLog
from reports.models import ReportVersion
from reports.parameter_words import ParameterWords
from reports.parameters.declarations import Parameter
from reports.parameters.rules import Rule


def parameters_in_words(jobs: Iterable[JobExecutionLog]) -> dict[UUID, str]:
    """Return words by job id; "" for a job without parameters, or whose version was deleted. Takes one query."""
    jobs = [job for job in jobs if job.parameters]
    versions = {job.version_id for job in jobs if job.version_id is not None}
    # Without templates and other large options.
    rows = ReportVersion.objects.filter(pk__in=versions).values_list("pk", "parameters", "options__rules")
    by_version = {
        pk: ParameterWords([Parameter.from_dict(each) for each in parameters], [Rule(**rule) for rule in rules or ()])
        for pk, parameters, rules in (rows if versions else ())
    }
    return {
        job.pk: by_version[job.version_id].of(job.parameters, job.parameter_labels)
        for job in jobs
        if job.version_id in by_version
    }
