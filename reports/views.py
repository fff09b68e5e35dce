"""A report's page with the form that runs it."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.caller import caller
from accounts.localization import is_time_zone
from common import form_recovery
from common.exceptions import DomainError
from common.form_recovery import login_keeping_form
from reports.choices.checking import list_choices
from reports.choices.tasks import MAX_CHOICES
from reports.dry_run.check import CheckResult
from reports.dry_run.run_time_estimate import estimate_run
from reports.exceptions import CallerAttributeMissing, ChoicesUnavailable, DryRunBusy, InvalidParameters
from reports.forms import PREFIX, RunForm, date_meaning, show_errors
from reports.models import ReportConfiguration
from reports.parameters.date_math import DATE_TYPES, Moment, is_relative
from reports.parameters.scalars import InvalidValue
from reports.permissions import may_generate
from reports.querysets import report_key
from reports.runner_port import report_runner

#: Digits of a time in seconds: up to the year 5138.
_MAX_DIGITS = 11


@login_keeping_form
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a report with the form that runs it; POST submits a run, or estimates it."""
    user = caller(request)
    report = ReportConfiguration.objects.find_visible(user, slug)
    may_run = may_generate(user, report)
    moment = report.moment(timezone.now()) if report.current_id else Moment.of(timezone.now())
    if request.method != "POST":
        # A form kept from an ended session keeps its key: if its job was submitted before the session ended,
        # submitting the form again runs the report only once.
        notice = gettext("You were signed out, so the report didn't run. Your input is restored.")
        kept = form_recovery.restore_form(request, notice)
        form = RunForm.of(report, kept or request.GET, submitted=bool(kept))
        return _report_page(request, report, form, moment, may_run)
    if not may_run:
        raise PermissionDenied
    form = RunForm.of(report, request.POST, submitted=True)
    command = request.POST.get("do", "")
    if command and command != "estimate":
        form.apply_preset(command)
        return _report_page(request, report, form, moment, may_run)
    if not command:
        return _run(request, report, form, moment)
    try:
        estimated = estimate_run(report.version, form.raw(), form.format, moment, actor=user)
    except InvalidParameters as error:
        show_errors(form.fields, error)
        estimated = None
    except (DryRunBusy, ChoicesUnavailable, CallerAttributeMissing) as error:
        estimated = CheckResult(errors=[error.message])
    return _report_page(request, report, form, moment, may_run, estimated)


@login_required
@require_safe
def relative_date(request: HttpRequest) -> HttpResponse:
    """Return what the text of a field for dates means, as a part of a page: `type` and `zone` are the field's, and `at`
    is the instant for which it is asked, in seconds, if that isn't now."""
    text = next((str(value) for name, value in request.GET.items() if name.startswith(PREFIX)), "").strip()
    zone, type = request.GET.get("zone", ""), request.GET.get("type", "")
    seconds = request.GET.get("at", "")
    is_time = seconds.isascii() and seconds.isdigit() and len(seconds) <= _MAX_DIGITS
    at = datetime.fromtimestamp(int(seconds), UTC) if is_time else timezone.now()
    if not is_time_zone(zone) or type not in DATE_TYPES:
        return HttpResponseBadRequest()
    shown: dict[str, str] = {}
    if is_relative(text):
        try:
            shown["meaning"] = date_meaning(type, text, Moment.of(at, zone))
        except InvalidValue as error:
            shown["error"] = " ".join(error.messages)
    return render(request, "reports/_date_meaning.html", shown)


@login_required
@require_safe
def choices(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Return the choices that contain the text of a parameter's field, and what is to be said of them, as parts of a
    page. The query string has the fields of the form."""
    user = caller(request)
    report = ReportConfiguration.objects.find_visible(user, slug)
    if not may_generate(user, report):
        raise PermissionDenied
    texts = {
        field.removeprefix(PREFIX): request.GET.getlist(field) for field in request.GET if field.startswith(PREFIX)
    }
    shown: dict[str, object] = {"name": name, "text": "".join(texts.pop(name, [])[:1]).strip()}
    try:
        moment, text = report.moment(timezone.now()), str(shown["text"])
        shown["page"] = list_choices(
            report.version, name, texts, text=text, limit=MAX_CHOICES, moment=moment, actor=user
        )
    except InvalidParameters as error:
        titles = {each.name: each.title for each in report.version.declared_parameters()}
        shown["needed"] = ", ".join(titles.get(parent, parent) for parent in error.fields)
    except (ChoicesUnavailable, CallerAttributeMissing) as error:
        shown["error"] = gettext(error.message)
    return render(request, "reports/_choices.html", shown)


@login_required
@require_POST
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the rules between parameters that the form breaks as it is now, as parts of a page for its fields."""
    user = caller(request)
    report = ReportConfiguration.objects.find_visible(user, slug)
    if not may_generate(user, report):
        raise PermissionDenied
    form = RunForm.of(report, request.POST, submitted=True)
    form.show_broken_rules(report.moment(timezone.now()))
    return render(request, "reports/_rules.html", {"form": form})


def _run(request: HttpRequest, report: ReportConfiguration, form: RunForm, moment: Moment) -> HttpResponse:
    try:
        submission = report_runner().submit(
            report,
            caller(request),
            parameters=form.raw(),
            moment=moment,
            format=form.format,
            deliver=form.deliver,
            notify=form.notify,
            locale=form.locale,
            section=form.section_of_file,
            form_key=form.key,
        )
    except InvalidParameters as error:
        show_errors(form.fields, error)
        form.locale_errors = error.fields.get("locale", [])
        form.error = " ".join(gettext(sentence) for sentence in error.fields.get("notify", []))
    except DomainError as error:
        form.error = gettext(error.message)
    else:
        if submission.is_replay:
            messages.success(request, gettext("This form was already submitted. This is its job."))
        return redirect("job", submission.job_id)
    return _report_page(request, report, form, moment, may_run=True)


def _report_page(
    request: HttpRequest,
    report: ReportConfiguration,
    form: RunForm,
    moment: Moment,
    may_run: bool,
    estimated: CheckResult | None = None,
) -> HttpResponse:
    user, runner = caller(request), report_runner()
    form.show_meanings(moment)
    form.show_broken_rules(moment)
    context = {
        "report": report,
        "version": report.current,
        "form": form,
        "zone": moment.zone.key,
        "choices_key": report_key(user, report.slug, report.pk),
        "may_run": may_run,
        "page_url": f"{settings.PUBLIC_URL}{reverse('report', args=[report_key(user, report.slug, report.pk)])}",
        "is_favorite": report.favorites.filter(user=user).exists(),
        "administers": user.administers(report.tenant_id),
        "recent_jobs": runner.recent_jobs(user, report),
        "stats": runner.stats(user, [report]).get(report.pk),
        "estimated": estimated,
    }
    return render(request, "reports/detail.html", context)
