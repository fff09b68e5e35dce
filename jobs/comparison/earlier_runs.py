"""Earlier results of the same report, to compare one with."""

from __future__ import annotations

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.status import Status

#: How many are offered, and how many jobs are read for them.
_OFFERED, _READ = 50, 200


def earlier_runs(user: User, job: JobExecutionLog) -> list[JobExecutionLog]:
    """Return the newest earlier results of the job's report that the user can see and whose rows were kept.

    Those with the same parameters come first. A conversion has the rows of another job, so it is left out.
    """
    if job.report_id is None or job.started_at is None:
        return []
    jobs = JobExecutionLog.objects.visible_to(user)
    jobs = jobs.filter(jobs.of_reports({job.report_id: job.tenant_id}), status=Status.SUCCEEDED, converted_from=None)
    earlier = jobs.filter(started_at__lt=job.started_at, artifact__purged_at=None).newest_first().with_result()
    found = [each for each in earlier[:_READ] if each.result and each.result.kept and each.pk != job.converted_from]
    found.sort(key=lambda each: each.parameters != job.parameters)
    return found[:_OFFERED]
