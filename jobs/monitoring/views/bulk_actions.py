"""Bulk actions: the confirmation, and the page that shows their progress."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.caller import HtmxHttpRequest, caller
from common.templatetags.format import capped
from jobs import permissions
from jobs.models import BulkAction
from jobs.monitoring import bulk_actions
from jobs.monitoring.status_counts import COUNT_LIMIT


@login_required
@require_POST
def start_bulk_action(request: HtmxHttpRequest) -> HttpResponse:
    """Ask for confirmation with the number of jobs or, if it was given, start the bulk action."""
    user = caller(request)
    bulk_action = bulk_actions.parse_request(request.POST, user)
    if bulk_action.action == BulkAction.Action.RETRY and not permissions.may_bulk_retry(user):
        raise PermissionDenied
    if request.POST.get("confirmed"):
        bulk_actions.start(bulk_action)
        bulk_actions.work_on(bulk_action, seconds=settings.BULK_ACTION_FIRST_SECONDS)
        return _redirect(request, bulk_action)
    count = bulk_actions.pending_jobs(bulk_action).order_by()[: COUNT_LIMIT + 1].count()
    context = {
        "bulk_action": bulk_action,
        "count": count,
        "count_text": capped(count, COUNT_LIMIT),
        "list_url": _list_url(bulk_action),
    }
    return render(request, "jobs/_bulk_confirm.html" if request.htmx else "jobs/bulk_confirm.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_progress(request: HtmxHttpRequest, bulk_action_id: UUID) -> HttpResponse:
    """Show the progress of a bulk action. A POST, which the page sends by itself, works on it or stops it."""
    bulk_action = get_object_or_404(BulkAction, pk=bulk_action_id, user=caller(request))
    if request.method == "POST":
        if request.POST.get("stop"):
            bulk_actions.stop(bulk_action)
        else:
            bulk_actions.work_on(bulk_action, seconds=settings.BULK_ACTION_STEP_SECONDS)
        if not request.htmx:
            return _redirect(request, bulk_action)
    context = {
        "bulk_action": bulk_action,
        "summary": bulk_actions.summary(bulk_action),
        "list_url": _list_url(bulk_action),
    }
    return render(request, "jobs/_bulk_progress.html" if request.htmx else "jobs/bulk_progress.html", context)


def _redirect(request: HttpRequest, bulk_action: BulkAction) -> HttpResponse:
    """Show the progress of an unfinished bulk action, or return to the list with a summary."""
    if bulk_action.ended_at is None:
        return redirect("jobs-bulk-progress", bulk_action.pk)
    level = messages.success if bulk_action.done else messages.error
    level(request, bulk_actions.summary(bulk_action))
    return redirect(_list_url(bulk_action))


def _list_url(bulk_action: BulkAction) -> str:
    """Return the URL of the list that the bulk action was started from."""
    return f"{reverse('jobs')}?{bulk_action.filters}" if bulk_action.filters else reverse("jobs")
