"""The list of jobs, the search for older ones, and saved views."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import HtmxHttpRequest, caller
from accounts.models import User
from common.exceptions import DomainError
from common.paging import paginate
from common.templatetags.format import capped
from jobs import permissions
from jobs.models import BulkAction, JobExecutionLog
from jobs.monitoring import saved_views
from jobs.monitoring.filters import JobFilter
from jobs.monitoring.live import changing_values, content_hash, live_response
from jobs.monitoring.status_counts import COUNT_LIMIT, StatusCount, count_by_status, status_counts
from jobs.monitoring.views.redirects import next_url
from jobs.queue.position import annotate_positions
from jobs.status import UNFINISHED, Status
from reports.models import ReportConfiguration

#: Filters that are hidden unless one of them is used.
_MORE_FILTERS = ("report", "requestedBy", "since", "until")
#: Query parameters that don't filter: the tabs and the pages.
_NOT_FILTERS = {"status", "cursor", "pageSize"}
#: The number of reports and users that the search bar completes, and of running bulk actions that are shown.
_MAX_COMPLETIONS, _MAX_BULK_ACTIONS = 100, 3


@login_required
@require_safe
def job_list(request: HtmxHttpRequest) -> HttpResponse:
    """List the jobs that match the filters in the query string."""
    user = caller(request)
    job_filter = JobFilter(request.GET, queryset=JobExecutionLog.objects.visible_to(user))
    page = paginate(request, job_filter.qs.for_list(), "-queued_at", "-id")
    annotate_positions(page.rows)
    counts = _count_by_status(request, user, job_filter)
    query = request.GET.copy()
    query.pop("cursor", None)
    filters, status = query.urlencode(), query.get("status", "")
    may_retry = permissions.may_bulk_retry(user)
    may_act = may_retry or any(permissions.may_cancel(user, job) for job in page.rows)
    context = {
        "filter": job_filter,
        "filters": filters,
        "is_filtered": any(request.GET.get(name) for name in request.GET if name not in _NOT_FILTERS),
        "shows_more_filters": any(request.GET.get(name) for name in _MORE_FILTERS),
        "status": status,
        "counts": counts,
        "total": capped(sum(count.count for count in counts), COUNT_LIMIT),
        "page": page,
        "list_url": f"{request.path}?{filters}" if filters else request.path,
        "scanned_since": job_filter.scanned_since,
        "now": timezone.now(),
        "may_retry": may_retry,
        # Invalid filters show every job, so an action on all matching ones would be a mistake.
        "has_bulk_actions": may_act and job_filter.is_valid() and status != Status.SUCCEEDED,
        # An idle list reloads too: somebody else may run a report.
        "interval": "3s" if any(job.status in UNFINISHED for job in page.rows) else "15s",
        "content_hash": content_hash(counts, [changing_values(job) for job in page.rows]),
    }
    if not request.htmx:
        context |= _surroundings(user)
    return live_response(request, "jobs/list.html", "jobs/_list.html", context)


def _count_by_status(request: HttpRequest, user: User, job_filter: JobFilter) -> list[StatusCount]:
    """Count the jobs that match all filters but the status."""
    if job_filter.known_counts is not None:
        return status_counts(job_filter.known_counts)
    if not job_filter.is_counted_by_index:
        return count_by_status(indexed=None, scanned=job_filter.any_status)
    indexed, scanned = (
        None if part is None else JobFilter(request.GET, queryset=part).any_status
        for part in JobExecutionLog.objects.visible_parts(user)
    )
    return count_by_status(indexed, scanned)


def _surroundings(user: User) -> dict[str, Any]:
    """Return what the page shows around the list, which live updates don't need."""
    visible_reports = ReportConfiguration.objects.visible_to(user).order_by("slug")
    reports = list(visible_reports.values_list("slug", "current__name")[:_MAX_COMPLETIONS])
    completions = [f"report:{slug}" for slug, _ in reports] + [f"status:{status.lower()}" for status in Status.values]
    if user.is_administrator:
        users = User.objects.all() if user.is_superuser else User.objects.filter(tenant=user.tenant)
        names = users.order_by("username").values_list("username", flat=True)[:_MAX_COMPLETIONS]
        completions += [f"user:{name}" for name in names]
    return {
        "reports": reports,
        "completions": [*completions, "since:1h", "since:24h", "since:7d", "error:", "host:", "param."],
        "saved_views": saved_views.saved_views(user),
        "bulk_actions": list(BulkAction.objects.filter(user=user, ended_at=None)[:_MAX_BULK_ACTIONS]),
    }


@login_required
@require_safe
def older_search(request: HtmxHttpRequest) -> HttpResponse:
    """Scan the next older jobs, before `until`, for the list's search; the fragment continues by itself.

    With `stop`, the fragment says where the search stopped. Without htmx, leads to the list of those older jobs.
    """
    if not request.htmx:
        return redirect(f"{reverse('jobs')}?{request.GET.urlencode()}")
    visible = JobExecutionLog.objects.visible_to(caller(request))
    job_filter = JobFilter(request.GET, queryset=visible, scan_limit=settings.SEARCH_OLDER_SCAN_LIMIT)
    if not job_filter.is_valid():
        raise BadRequest("Invalid filters.")
    if request.GET.get("stop") and (until := job_filter.form.cleaned_data["until"]):
        return render(request, "jobs/_older_search.html", {"stopped_at": until})
    match = job_filter.qs.newest_first().values_list("queued_at", flat=True).first()
    context = {
        "scanned_since": job_filter.scanned_since,
        "match": match,
        # `until` is excluded from a list, so the list that shows the match ends just after it.
        "until": match and match + timedelta(microseconds=1),
    }
    return render(request, "jobs/_older_search.html", context)


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Save the list's filters under a name, or delete the saved view of that name."""
    name, filters = request.POST.get("name", ""), request.POST.get("filters", "")
    if request.POST.get("delete"):
        saved_views.delete(actor=caller(request), name=name)
    else:
        try:
            saved_views.save(actor=caller(request), name=name, filters=filters)
        except DomainError as error:
            messages.error(request, gettext(error.message))
    return redirect(next_url(request, reverse("jobs")))
