"""The monitor's pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.middleware import HtmxDetails

from accounts.caller import caller
from accounts.models import User
from common.exceptions import DomainError
from common.paging import paginate
from jobs import actions, permissions
from jobs.delivery import outbox
from jobs.models import BulkAction, JobExecutionLog
from jobs.monitoring import bulk, counts, job_detail, saved_views, statistics
from jobs.monitoring.filters import SEARCHED_FURTHER, JobFilter
from jobs.monitoring.forms import parse_bulk_request
from jobs.queue import position
from jobs.results.downloads import result_response
from jobs.status import UNFINISHED, Status
from reports.models import ReportConfiguration
from reports.permissions import may_generate


class HtmxHttpRequest(HttpRequest):
    """As the middleware of htmx leaves it."""

    htmx: HtmxDetails


#: Seconds that a request carries a bulk action on: the press itself, and then the page that shows its progress.
_PRESS_SECONDS, _PROGRESS_SECONDS = 0.3, 1.0
#: What leads from one page of the list to the next, and is no filter.
_MORE = ("report", "requestedBy", "since", "until")
_PLACE = {"status", "cursor", "pageSize"}


@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """What waits, runs and fails now, and who works on it."""
    user, asked = caller(request), cast(HtmxHttpRequest, request)
    if asked.htmx and asked.htmx.target == "figures":
        shown = statistics.recent_statistics(user)
        return _live(request, "jobs/_statistics.html", "jobs/_statistics.html", _figures_context(shown))
    jobs = JobExecutionLog.objects.visible_to(user)
    failed = list(jobs.filter(status=Status.FAILED).for_list().newest_first()[:5])
    tabs = counts.todays_tabs(*JobExecutionLog.objects.visible_parts(user))
    workers, oldest = counts.workers(), counts.oldest_waiting(jobs)
    ages = counts.queue_by_age(jobs) if tabs[0].counted else []
    state = [*map(counts.state, failed)], [(str(host), host.busy) for host in workers.alive]
    context = {"tabs": tabs, "failed": failed, "workers": workers, "oldest": oldest, "ages": ages}
    context["failed_percent"] = counts.failed_percent(tabs)
    if user.is_administrator:
        context["free"], context["disk"] = free, disk = statistics.disk()
        context["disk_is_low"] = free < disk * statistics.LOW_DISK
    seen = counts.digest(tabs, state, oldest, ages, context.get("disk_is_low"))
    if not asked.htmx:
        context |= _figures_context(statistics.recent_statistics(user))
    return _live(request, "jobs/overview.html", "jobs/_overview.html", {**context, "seen": seen})


def _figures_context(shown: statistics.Statistics) -> dict[str, Any]:
    seen = counts.digest(shown)
    return {"figures": shown, "seen": seen, "seen_figures": seen}


@login_required
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """The jobs that the query string's filters leave."""
    user = caller(request)
    visible = JobExecutionLog.objects.visible_to(user)
    found = JobFilter(request.GET, queryset=visible)
    page = paginate(request, found.qs.for_list(), "-queued_at", "-id")
    position.annotate_positions(page.rows)
    tabs = _tabs(request, user, found)
    context = _list_context(request, found, page.rows, tabs)
    return _live(request, "jobs/list.html", "jobs/_list.html", {**context, "page": page, **_beside(request, user)})


@login_required
@require_safe
def further(request: HttpRequest) -> HttpResponse:
    """What the search of a list finds in the next older jobs: a part of its page, which goes on by itself.

    Without htmx, the list that begins there.
    """
    asked: Any = request
    if not asked.htmx:
        return redirect(f"{reverse('jobs')}?{request.GET.urlencode()}")
    visible = JobExecutionLog.objects.visible_to(caller(request))
    found = JobFilter(request.GET, queryset=visible, searched=SEARCHED_FURTHER)
    if not found.is_valid():
        raise BadRequest("These filters can't be searched by.")
    if request.GET.get("stop") and (until := found.form.cleaned_data["until"]):
        return render(request, "jobs/_older_search.html", {"stopped": until})
    newest = found.qs.newest_first().values_list("queued_at", flat=True).first()
    context = {"since": found.searched_since, "newest": newest}
    # A list ends before its bound, so that of this match is just after it.
    return render(
        request, "jobs/_older_search.html", {**context, "bound": newest and newest + timedelta(microseconds=1)}
    )


@login_required
@require_safe
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Everything about one job."""
    user = caller(request)
    shown = permissions.visible_job(user, job_id)
    events = list(shown.events.all())
    position.annotate_positions([shown])
    administers = user.administers(shown.tenant_id)
    deliveries = list(shown.deliveries.all())
    context = {
        "deliveries": deliveries,
        "may_resend": permissions.may_resend(user, shown, deliveries),
        "undelivered": any(delivery.ended_at is None for delivery in deliveries),
        "job": shown,
        "events": events,
        "attempts": job_detail.attempts(shown, events),
        "chain": job_detail.retry_chain(shown),
        "alike": job_detail.similar_failures(user, shown),
        "changes": job_detail.changes(shown),
        "again": job_detail.rerun_query(shown) if shown.report and may_generate(user, shown.report) else "",
        "previewed": job_detail.PREVIEWED,
        "parameters": counts.shown_parameters(shown),
        "every": "2s",
        "seen": counts.digest(counts.state(shown), len(events)),
        "administers": administers,
        "trace": shown.error_trace if administers else "",
    }
    return _live(request, "jobs/detail.html", "jobs/_detail.html", context)


@login_required
@require_safe
def preview(request: HttpRequest, job_id: str) -> HttpResponse:
    """The first rows of a result."""
    shown = permissions.visible_job(caller(request), job_id)
    if shown.format not in job_detail.PREVIEWED:
        raise Http404("There is no preview of this format.")
    asked: Any = request
    context = {"job": shown, "rows": job_detail.preview(job=shown, actor=caller(request))}
    return render(request, "jobs/_preview.html" if asked.htmx else "jobs/preview.html", context)


@login_required
@require_safe
def download(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """The result file."""
    shown = permissions.visible_job(caller(request), job_id)
    return result_response(request, shown, caller(request))


@login_required
@require_POST
def retry(request: HttpRequest, job_id: str) -> HttpResponse:
    """Queue a failed job again; lead to the list it was pressed in, or to the new job."""
    failed = permissions.job_to_retry(caller(request), job_id)
    try:
        again = actions.retry(job=failed, actor=caller(request))
    except DomainError as refused:
        return _back(request, failed, refused)
    address = reverse("job", args=[again.pk])
    messages.success(
        request, format_html('{} is queued again as <a href="{}">a new job</a>.', failed.report_name, address)
    )
    return redirect(_next(request) or address)


@login_required
@require_POST
def send_again(request: HttpRequest, job_id: str) -> HttpResponse:
    """Try the deliveries of a job that were given up anew."""
    shown = permissions.job_to_resend(caller(request), job_id)
    try:
        count = outbox.resend(job=shown, actor=caller(request))
    except DomainError as refused:
        return _back(request, shown, refused)
    told = ngettext("%(count)d delivery is sent again.", "%(count)d deliveries are sent again.", count)
    messages.success(request, told % {"count": count})
    return redirect("job", shown.pk)


@login_required
@require_POST
def cancel(request: HttpRequest, job_id: str) -> HttpResponse:
    """End a queued or running job."""
    stopped = permissions.job_to_cancel(caller(request), job_id)
    try:
        actions.cancel(job=stopped, actor=caller(request))
    except DomainError as refused:
        return _back(request, stopped, refused)
    ended = stopped.status == Status.QUEUED
    messages.success(request, f"{stopped.report_name} {'was cancelled' if ended else 'is being cancelled'}.")
    return redirect(_next(request) or reverse("job", args=[stopped.pk]))


@login_required
@require_POST
def bulk_action(request: HttpRequest) -> HttpResponse:
    """Retry or cancel many jobs: first the page (or dialog) that says how many, then, confirmed, the doing."""
    user = caller(request)
    press = parse_bulk_request(request.POST, user)
    if press.action == BulkAction.Action.RETRY and not permissions.may_bulk_retry(user):
        raise PermissionDenied
    if request.POST.get("confirmed"):
        bulk.begin(press)
        bulk.carry_on(press, seconds=_PRESS_SECONDS)
        return _pressed(request, press)
    count = bulk.ready(press).order_by()[: counts.MOST_COUNTED + 1].count()
    asked: Any = request
    context = {"press": press, "count": count, "shown": counts.shown_count(count), "back": _list_of(press)}
    return render(request, "jobs/_bulk_confirm.html" if asked.htmx else "jobs/bulk_confirm.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_progress(request: HttpRequest, press_id: UUID) -> HttpResponse:
    """How far a bulk action has come; each POST, which the page sends by itself, carries it on or stops it."""
    press = get_object_or_404(BulkAction, pk=press_id, user=caller(request))
    asked: Any = request
    if request.method == "POST" and request.POST.get("stop"):
        bulk.stop(press)
    elif request.method == "POST":
        bulk.carry_on(press, seconds=_PROGRESS_SECONDS)
    if request.method == "POST" and not asked.htmx:
        return _pressed(request, press)
    context = {"press": press, "sentence": bulk.sentence(press), "back": _list_of(press)}
    return render(request, "jobs/_bulk_progress.html" if asked.htmx else "jobs/bulk_progress.html", context)


def _pressed(request: HttpRequest, press: BulkAction) -> HttpResponse:
    """Back to the list with what was done, or to the page of a press that takes longer."""
    if press.ended_at is None:
        return redirect("jobs-bulk-progress", press.pk)
    level = messages.success if press.done else messages.error
    level(request, bulk.sentence(press))
    return redirect(_list_of(press))


def _list_of(press: BulkAction) -> str:
    return f"{reverse('jobs')}?{press.filters}" if press.filters else reverse("jobs")


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the list's filters under a name, or forget them."""
    name, filters = request.POST.get("name", ""), request.POST.get("filters", "")
    if request.POST.get("forget"):
        saved_views.forget(actor=caller(request), name=name)
    else:
        try:
            saved_views.save(actor=caller(request), name=name, filters=filters)
        except DomainError as refused:
            messages.error(request, refused.message)
    return redirect(_next(request) or reverse("jobs"))


def _live(request: HttpRequest, whole: str, part: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or only its live part for htmx; 204 when the part is what the page shows already.

    Nothing is swapped then, so a selection, an open list or a half-pressed button survives.
    """
    asked: Any = request
    if asked.htmx and request.headers.get("X-Seen") == context["seen"]:
        return HttpResponse(status=204)
    response = render(request, part if asked.htmx else whole, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _list_context(
    request: HttpRequest, found: JobFilter, rows: list[JobExecutionLog], tabs: list[Any]
) -> dict[str, Any]:
    query = request.GET.copy()
    query.pop("cursor", None)
    user = caller(request)
    busy = any(row.status in UNFINISHED for row in rows)
    return {
        "filter": found,
        "more": any(request.GET.get(name) for name in _MORE),
        "filtered": any(request.GET.get(name) for name in request.GET if name not in _PLACE),
        "status": request.GET.get("status", ""),
        "tabs": tabs,
        "total": counts.shown_count(sum(tab.counted for tab in tabs)),
        "next": f"{request.path}?{query.urlencode()}" if query else request.path,
        "filters": query.urlencode(),
        "older_search": found.searched_since,
        "now": timezone.now(),
        "may_act": found.is_valid() and query.get("status") != Status.SUCCEEDED and _may_act(user, rows),
        # Also an idle list looks now and then: somebody else may start something.
        "every": "3s" if busy else "15s",
        "seen": counts.digest(tabs, [*map(counts.state, rows)]),
    }


def _may_act(user: User, rows: list[JobExecutionLog]) -> bool:
    """Whether to offer bulk actions. Never under filters that are not valid: they show everything."""
    return permissions.may_bulk_retry(user) or any(permissions.may_cancel(user, row) for row in rows)


def _tabs(request: HttpRequest, user: User, found: JobFilter) -> list[counts.Tab]:
    """Counts within all filters but the status."""
    if found.by_status is not None:
        return counts.tabs_of(found.by_status)
    if not found.is_counted:
        return counts.tabs(None, looked_at=found.any_status)
    counted, own = JobExecutionLog.objects.visible_parts(user)
    return counts.tabs(
        JobFilter(request.GET, queryset=counted).any_status,
        looked_at=None if own is None else JobFilter(request.GET, queryset=own).any_status,
    )


def _beside(request: HttpRequest, user: User) -> dict[str, Any]:
    """What stands around the list, which a live update does not ask for."""
    asked: Any = request
    if asked.htmx:
        return {}
    reports = list(
        ReportConfiguration.objects.visible_to(user).order_by("slug").values_list("slug", "current__name")[:100]
    )
    parse_bulk_request = BulkAction.objects.filter(user=user, ended_at=None)
    return {
        "reports": reports,
        "words": counts.search_words(user, reports),
        "saved": saved_views.of(user),
        "presses": list(parse_bulk_request[:3]),
    }


def _back(request: HttpRequest, shown: JobExecutionLog, refused: DomainError) -> HttpResponse:
    messages.error(request, refused.message)
    return redirect(_next(request) or reverse("job", args=[shown.pk]))


def _next(request: HttpRequest) -> str:
    """Where the form asked to come back to, if that is a page of this server."""
    address = request.POST.get("next", "")
    return address if url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure()) else ""
