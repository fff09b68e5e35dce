"""The overview: one's results and favorites, jobs by status, latest failures, workers and statistics."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.caller import HtmxHttpRequest, caller
from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.monitoring import status_counts, workload
from jobs.monitoring.first_steps import first_steps
from jobs.monitoring.live import changing_values, content_hash, live_response
from jobs.monitoring.statistics import cached_statistics
from jobs.monitoring.views.home import home_context, latest_context
from jobs.status import Status

_LATEST_FAILURES = 5


@login_required
@require_safe
def overview(request: HtmxHttpRequest) -> HttpResponse:
    user = caller(request)
    # Live regions of their own: the statistics take longer to compute and change less often.
    if request.htmx and request.htmx.target == "latest":
        context = latest_context(user)
        context["content_hash"] = context["latest_hash"]
        return live_response(request, "jobs/_latest.html", "jobs/_latest.html", context)
    if request.htmx and request.htmx.target == "statistics":
        context = _statistics_context(user)
        context["content_hash"] = context["statistics_hash"]
        return live_response(request, "jobs/_statistics.html", "jobs/_statistics.html", context)
    context = _overview_context(user)
    if not request.htmx:
        context |= home_context(user) | _statistics_context(user)
        context["first_steps"] = first_steps(user)
    return live_response(request, "jobs/overview.html", "jobs/_overview.html", context)


def _overview_context(user: User) -> dict[str, Any]:
    jobs = JobExecutionLog.objects.visible_to(user)
    counts = status_counts.count_today(*JobExecutionLog.objects.visible_parts(user))
    failed_jobs = list(jobs.filter(status=Status.FAILED).for_list().newest_first()[:_LATEST_FAILURES])
    workers, oldest_queued_at = workload.workers(), workload.oldest_queued_at(jobs)
    age_groups = workload.queue_by_age(jobs) if counts[0].count else []
    # Machines are the business of those who run them.
    disk = workload.disk_usage() if user.is_administrator else None
    return {
        "counts": counts,
        "failed_percent": status_counts.failed_percent(counts),
        "failed_jobs": failed_jobs,
        "workers": workers,
        "oldest_queued_at": oldest_queued_at,
        "age_groups": age_groups,
        "disk": disk,
        # Without the free bytes of the disk, which change all the time.
        "content_hash": content_hash(
            counts,
            [changing_values(job) for job in failed_jobs],
            [(str(host), host.busy) for host in workers.hosts],
            oldest_queued_at,
            age_groups,
            disk and disk.is_low,
        ),
    }


def _statistics_context(user: User) -> dict[str, Any]:
    statistics = cached_statistics(user)
    return {"statistics": statistics, "statistics_hash": content_hash(statistics)}
