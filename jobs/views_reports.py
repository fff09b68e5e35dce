"""The catalogue of reports, and the page that runs one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.caller import caller
from common import form_recovery
from common.exceptions import DomainError
from common.form_recovery import login_keeping_form
from common.paging import paginate
from jobs import actions, permissions
from jobs.actions import Idempotency
from jobs.models import JobExecutionLog
from jobs.monitoring.report_stats import report_stats
from reports.dry_run.check import Checked, estimate
from reports.exceptions import InvalidParameters
from reports.forms import RunForm
from reports.models import ReportConfiguration

_SIGNED_OUT = "You were signed out, so the report was not run. What you had entered is here again."


@login_required
@require_safe
def report_list(request: HttpRequest) -> HttpResponse:
    """The reports that the user may look at, those that contain the searched text, and how they usually go."""
    user = caller(request)
    text = request.GET.get("q", "").strip().replace("\0", "")
    reports = ReportConfiguration.objects.visible_to(user).select_related("current", "tenant")
    matches = Q(slug__icontains=text) | Q(current__name__icontains=text) | Q(current__description__icontains=text)
    found = (reports.filter(matches) if text else reports).prefetch_related("current__delivery_targets")
    page = paginate(request, found, "slug", "id")
    known = report_stats(user, page.rows)
    rows = [(report, known.get(report.pk)) for report in page.rows]
    return render(request, "reports/list.html", {"page": page, "rows": rows, "text": text})


@login_keeping_form
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """A report's page with the form that runs it."""
    shown = permissions.visible_report(caller(request), slug)
    allowed = permissions.may_generate(caller(request), shown)
    if request.method != "POST":
        # With the mark of the form that was sent: if that made its job before the session ended, it makes no other.
        typed = form_recovery.restore_form(request, _SIGNED_OUT)
        return _report_page(request, shown, RunForm.of(shown, typed or request.GET, sent=bool(typed)), allowed)
    if not allowed:
        raise PermissionDenied
    form = RunForm.of(shown, request.POST, sent=True)
    return _estimate(request, shown, form) if request.POST.get("do") == "estimate" else _run(request, shown, form)


def _run(request: HttpRequest, shown: ReportConfiguration, form: RunForm) -> HttpResponse:
    asked: dict[str, Any] = {"parameters": form.raw(), "format": form.format, "from_text": True, "mode": None}
    # Somebody who presses twice means one job, whether scripts run or not. A form without the mark is a program's.
    once = Idempotency.of(form.key, asked) if form.once else None
    try:
        if once:
            made, again = actions.submit_once(report=shown, actor=caller(request), idempotency=once, **asked)
        else:
            made, again = actions.submit(report=shown, actor=caller(request), **asked), False
    except InvalidParameters as refused:
        form.refuse(refused)
    except DomainError as refused:
        form.sentence = refused.message
    else:
        if again:
            messages.success(request, "This form was sent before: here is the job that it made.")
        return redirect("job", made.pk)
    return _report_page(request, shown, form, True)


def _estimate(request: HttpRequest, shown: ReportConfiguration, form: RunForm) -> HttpResponse:
    try:
        found = estimate(shown.version, form.raw(), form.format)
    except InvalidParameters as refused:
        form.refuse(refused)
        return _report_page(request, shown, form, True)
    return _report_page(request, shown, form, True, estimated=found)


def _report_page(
    request: HttpRequest,
    shown: ReportConfiguration,
    form: RunForm,
    allowed: bool,
    estimated: Checked | None = None,
) -> HttpResponse:
    user = caller(request)
    jobs = JobExecutionLog.objects.visible_to(user)
    latest = jobs.filter(jobs.of_reports({shown.pk: shown.tenant_id})).with_result_and_retry()
    context = {
        "report": shown,
        "version": shown.current,
        "form": form,
        "allowed": allowed,
        "administers": user.administers(shown.tenant_id),
        "latest": latest[:5],
        "usual": report_stats(user, [shown]).get(shown.pk),
        "estimated": estimated,
    }
    return render(request, "reports/detail.html", context)
