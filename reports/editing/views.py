"""The pages that edit reports and show their versions. For Administrators."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.decorators import csp_update
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.caller import caller
from accounts.models import Tenant
from common import form_recovery
from common.form_recovery import login_keeping_form
from reports import actions
from reports.definitions.errors import errors_in
from reports.definitions.from_database import definition_of, fingerprint, reload_report, version_entry
from reports.editing.edit_page import EditPage
from reports.editing.form import EditForm
from reports.editing.live_preview import LivePreview, respond
from reports.editing.template_page import TemplatePage
from reports.editing.version_history import version_history
from reports.exceptions import InvalidDefinition
from reports.models import ReportConfiguration

_FORM_METHODS = ["GET", "HEAD", "POST"]
_MAX_NAME = 200


def _editor(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a page with the form: it can show documents in frames, and what is typed survives the session."""
    framing: Callable[..., Any] = csp_update({"frame-src": ["'self'"]})(login_keeping_form(view))

    @wraps(view)
    @require_http_methods(_FORM_METHODS)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("do") == "preview" and not request.user.is_authenticated:
            # The page for signing in can't be in a frame.
            return respond(request, LivePreview(is_signed_out=True))
        response: HttpResponse = framing(request, *args, **kwargs)
        return response

    return wrapper


@_editor
def new(request: HttpRequest) -> HttpResponse:
    """Create a report. A superuser chooses its tenant first."""
    user = caller(request)
    if not user.is_administrator:
        raise PermissionDenied
    tenant = user.tenant
    if user.is_superuser:
        slug = request.GET.get("tenant", "").replace("\0", "")
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        return render(request, "reports/choose_tenant.html", {"tenants": Tenant.objects.order_by("name")})
    base = {"tenant": tenant.slug, **_first_query(request)}
    return _edit(request, EditPage(ReportConfiguration(tenant=tenant), base, user))


@_editor
def duplicate(request: HttpRequest, slug: str) -> HttpResponse:
    """Create a report that starts as a copy of another one. Only saving makes it."""
    user = caller(request)
    report = reload_report(ReportConfiguration.objects.find_administered(user, slug))
    entry = definition_of(report).entry()
    name = gettext("Copy of %(name)s") % {"name": entry["name"]}
    base = {field: value for field, value in entry.items() if field != "slug"} | {"name": name[:_MAX_NAME]}
    return _edit(request, EditPage(ReportConfiguration(tenant=report.tenant), base, user, copied_from=entry["name"]))


def _first_query(request: HttpRequest) -> dict[str, str]:
    """Fields that a link from the tables of a data source fills in."""
    source, table = request.GET.get("source", ""), request.GET.get("table", "")
    if not (source and table):
        return {}
    words = re.sub(r"[^A-Za-z0-9]+", " ", table).split()
    name = " ".join(words).capitalize()
    return {"data_source": source, "query": f"select *\nfrom {table}", "name": name, "slug": "-".join(words).lower()}


@_editor
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    report = reload_report(ReportConfiguration.objects.find_administered(caller(request), slug))
    definition = definition_of(report)
    return _edit(request, EditPage(report, definition.entry(), caller(request), fingerprint(definition)))


def _edit(request: HttpRequest, page: EditPage) -> HttpResponse:
    if request.method != "POST":
        kept = form_recovery.restore_form(request, _signed_out_notice())
        form = EditForm.of_submitted(kept, page.base) if kept else EditForm.of(page.base)
        return render(request, "reports/edit/page.html", {**page.context(form), "unsaved": bool(kept)})
    form = EditForm.of_submitted(request.POST, page.base)
    command = request.POST.get("do", "check")
    if command == "preview":
        return respond(request, page.preview(form))
    if command == "save":
        notice = page.save(form, request.POST.get("fingerprint", ""))
        if notice:
            messages.success(request, notice)
            return redirect("report", page.key)
    elif command == "check":
        page.check(form)
    elif command == "define":
        page.define_parameters(form)
    else:
        form.change_rows(command)
    return render(request, "reports/edit/page.html", page.context(form))


@login_keeping_form
@require_http_methods(_FORM_METHODS)
def template(request: HttpRequest, slug: str) -> HttpResponse:
    """Design the report's PDF."""
    user = caller(request)
    report = reload_report(ReportConfiguration.objects.find_administered(user, slug))
    if request.method != "POST":
        kept = form_recovery.restore_form(request, _signed_out_notice())
        page = TemplatePage.of(report, user, kept or request.GET, submitted=bool(kept))
        return render(request, "reports/template.html", {"page": page, "report": report})
    page = TemplatePage.of(report, user, request.POST, submitted=True)
    if request.POST.get("do") == "save":
        notice = page.save()
        if notice:
            messages.success(request, notice)
            return redirect("report-template", page.key)
    else:
        page.preview()
    return render(request, "reports/template.html", {"page": page, "report": report})


@login_required
@require_http_methods(_FORM_METHODS)
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for confirmation; POST deletes the report."""
    report = ReportConfiguration.objects.find_administered(caller(request), slug)
    if request.method != "POST":
        return render(request, "reports/delete.html", {"report": report, "versions": report.versions.count()})
    name = report.version.name
    actions.delete_report(report=report, actor=caller(request))
    messages.success(request, gettext("“%(name)s” was deleted.") % {"name": name})
    return redirect("reports")


@login_required
@require_safe
def versions(request: HttpRequest, slug: str) -> HttpResponse:
    report = ReportConfiguration.objects.find_administered(caller(request), slug)
    rows = report.versions.select_related("data_source").prefetch_related("delivery_targets")
    history = version_history(request, rows, report.version.number, version_entry)
    return render(request, "reports/versions.html", {"report": report, **history})


@login_required
@require_POST
def restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Restore a version as a new one."""
    report = ReportConfiguration.objects.find_administered(caller(request), slug)
    number_before = report.version.number
    try:
        restored = actions.restore_version(report=report, number=number, actor=caller(request))
    except InvalidDefinition as error:
        sentences = " ".join(gettext(sentence) for sentences in errors_in(error).values() for sentence in sentences)
        notice = gettext("Version %(number)s can't be restored: %(errors)s")
        messages.error(request, notice % {"number": number, "errors": sentences})
    else:
        if restored.version.number == number_before:
            notice = gettext("No changes: the report already matches version %(number)s.") % {"number": number}
        else:
            notice = gettext("Version %(number)s restored as version %(new)s.")
            notice %= {"number": number, "new": restored.version.number}
        messages.success(request, notice)
    return redirect("report-versions", slug)


def _signed_out_notice() -> str:
    return gettext("You were signed out, so nothing was saved. Your input is restored.")
