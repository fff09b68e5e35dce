"""The pages that create, edit, backfill and delete schedules, and show their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.caller import caller
from accounts.localization import is_time_zone
from accounts.models import User
from common import form_recovery
from common.exceptions import DomainError
from common.form_recovery import login_keeping_form
from reports.editing.differences import Difference, differences
from reports.editing.version_history import version_history
from reports.exceptions import InvalidDefinition
from reports.models import ReportConfiguration
from reports.permissions import Right, granted_ids, may_generate
from reports.querysets import report_key
from schedules import actions
from schedules.editing.backfill_form import BackfillForm
from schedules.editing.form import NextTimes, ScheduleForm
from schedules.exceptions import ScheduleChanged
from schedules.models import Schedule, ScheduleVersion, Slot, slug_of_source
from schedules.permissions import schedule_to_manage

_FORM_METHODS = ["GET", "HEAD", "POST"]
_PATH_LIMIT = 95


@login_keeping_form
@require_http_methods(_FORM_METHODS)
def new(request: HttpRequest) -> HttpResponse:
    """Create a schedule of the report in the query string. `do` is save, or fills in the form."""
    user = caller(request)
    key = request.GET.get("report", "").replace("\0", "")
    if not key:
        return _choose_report(request, user)
    report = ReportConfiguration.objects.find_complete(user, key)
    if not may_generate(user, report):
        raise PermissionDenied("You don't have the generate right on this report.")
    base = {"tenant": report.tenant.slug, "report": report.slug, "slug": _free_slug(report)}
    return _edit(request, report, base, None)


@login_keeping_form
@require_http_methods(_FORM_METHODS)
def edit(request: HttpRequest, key: str) -> HttpResponse:
    user = caller(request)
    schedule = schedule_to_manage(user, key)
    base = schedule.definition.entry()
    if schedule.report is not None:
        return _edit(request, schedule.report, base, schedule)
    # The report was deleted: another one is chosen first.
    chosen = request.GET.get("report", "").replace("\0", "")
    if not chosen:
        return _choose_report(request, user, schedule)
    report = ReportConfiguration.objects.find_complete(user, chosen)
    if not may_generate(user, report):
        raise PermissionDenied("You don't have the generate right on this report.")
    return _edit(request, report, base | {"report": report.slug}, schedule)


def _edit(
    request: HttpRequest, report: ReportConfiguration, base: Mapping[str, Any], schedule: Schedule | None
) -> HttpResponse:
    if request.method != "POST":
        notice = gettext("You were signed out, so nothing was saved. Your input is restored.")
        kept = form_recovery.restore_form(request, notice)
        if kept:
            form = ScheduleForm.of_submitted(report, base, kept)
        else:
            form = ScheduleForm.of(report, base) if schedule else ScheduleForm.of_query(report, base, request.GET)
        return _edit_page(request, form, schedule, unsaved=bool(kept))
    form = ScheduleForm.of_submitted(report, base, request.POST)
    command = request.POST.get("do", "")
    if command != "save":
        form.apply(command)
        return _edit_page(request, form, schedule, unsaved=True)
    user, conflict = caller(request), None
    try:
        saved = _save(form, schedule, user, request.POST.get("version", ""))
    except InvalidDefinition as error:
        form.show_errors(error)
    except ScheduleChanged:
        schedule = schedule_to_manage(user, str(schedule.pk if schedule else ""))
        conflict = differences(schedule.definition.entry(), form.entry)
    except DomainError as error:
        form.error = gettext(error.message)
    else:
        notice = gettext("“%(name)s” was saved.") if schedule else gettext("“%(name)s” was created.")
        messages.success(request, notice % {"name": saved.slug})
        return redirect("schedule", report_key(user, saved.slug, saved.pk))
    return _edit_page(request, form, schedule, unsaved=True, conflict=conflict)


def _save(form: ScheduleForm, schedule: Schedule | None, actor: User, version: str) -> Schedule:
    definition = form.definition()
    if schedule is None:
        return actions.create_schedule(definition=definition, tenant=form.report.tenant, actor=actor)
    # A form without a version, such as a program's, overwrites whatever is there.
    expected = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
    return actions.update_schedule(schedule=schedule, definition=definition, actor=actor, expected_version=expected)


def _edit_page(
    request: HttpRequest,
    form: ScheduleForm,
    schedule: Schedule | None,
    *,
    unsaved: bool,
    conflict: list[Difference] | None = None,
) -> HttpResponse:
    user = caller(request)
    moment = form.moment
    form.run.show_meanings(moment)
    context = {
        "form": form,
        "report": form.report,
        "schedule": schedule,
        "key": report_key(user, schedule.slug, schedule.pk) if schedule else "",
        "report_key": report_key(user, form.report.slug, form.report.pk),
        "administers": user.administers(form.report.tenant_id),
        "zone": moment.zone.key,
        "at": moment.instant,
        "unsaved": unsaved,
        "conflict": conflict,
    }
    return render(request, "schedules/edit.html", context)


@login_required
@require_safe
def next_times(request: HttpRequest) -> HttpResponse:
    """Return the next times of the form's expression, as a part of a page. `default_zone`: if it names no zone."""
    texts = {name: request.GET.get(name, "").strip() for name in ("cron", "time_zone", "start_on", "end_on")}
    default = request.GET.get("default_zone", "")
    if not is_time_zone(default):
        return HttpResponseBadRequest()
    zone = texts["time_zone"] if is_time_zone(texts["time_zone"]) else default
    times = NextTimes.of(texts["cron"], ZoneInfo(zone), texts["start_on"] or None, texts["end_on"] or None)
    return render(request, "schedules/_next_times.html", {"times": times})


@login_required
@require_http_methods(_FORM_METHODS)
def delete(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for confirmation; POST deletes the schedule."""
    user = caller(request)
    schedule = schedule_to_manage(user, key)
    if request.method != "POST":
        return render(request, "schedules/delete.html", {"schedule": schedule, "slots": schedule.slots.count()})
    actions.delete_schedule(schedule=schedule, actor=user)
    messages.success(request, gettext("“%(name)s” was deleted.") % {"name": schedule.slug})
    return redirect("schedules")


@login_required
@require_safe
def versions(request: HttpRequest, key: str) -> HttpResponse:
    schedule = schedule_to_manage(caller(request), key)
    history = version_history(request, schedule.versions.all(), schedule.version.number, _version_entry)
    return render(request, "schedules/versions.html", {"schedule": schedule, **history})


def _version_entry(version: ScheduleVersion) -> dict[str, Any]:
    entry: dict[str, Any] = dict(version.definition)
    if recipients := entry.get("recipients"):
        entry["recipients"] = recipients | {"data_source": slug_of_source(recipients["data_source"])}
    return entry


@login_keeping_form
@require_http_methods(_FORM_METHODS)
def backfill(request: HttpRequest, key: str) -> HttpResponse:
    """Show the times in a range that have no job; POST runs them."""
    user = caller(request)
    schedule = schedule_to_manage(user, key)
    form = BackfillForm.of(schedule, request.POST if request.method == "POST" else request.GET)
    if request.method == "POST" and form.is_valid:
        created = form.run(user)
        if created is not None:
            failed = sum(1 for slot in created if slot.state == Slot.State.FAILED)
            notice = gettext("Backfill: %(created)s slots created, %(failed)s failed.")
            messages.success(request, notice % {"created": len(created) - failed, "failed": failed})
            return redirect("schedule", key)
    return render(request, "schedules/backfill.html", {"schedule": schedule, "form": form})


def _choose_report(request: HttpRequest, user: User, schedule: Schedule | None = None) -> HttpResponse:
    """Offer the reports that the user may run."""
    reports = ReportConfiguration.objects.visible_to(user).filter(current__isnull=False).select_related("current")
    if schedule is not None:
        reports = reports.filter(tenant=schedule.tenant)
    if not user.is_administrator:
        reports = reports.filter(pk__in=granted_ids(user)[Right.GENERATE])
    keys = [(report, report_key(user, report.slug, report.pk)) for report in reports.order_by("current__name")]
    return render(request, "schedules/choose_report.html", {"reports": keys, "schedule": schedule})


def _free_slug(report: ReportConfiguration) -> str:
    """Return a URL name that no schedule of the tenant has: the report's, or one with a number."""
    base = report.slug[:_PATH_LIMIT]
    taken = set(Schedule.objects.filter(tenant=report.tenant, slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(name for number in range(2, len(taken) + 3) if (name := f"{base}-{number}") not in taken)
