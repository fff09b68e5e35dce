"""The pages that change reports and show their versions, for Administrators."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.caller import caller
from accounts.models import Tenant
from common import form_recovery
from common.form_recovery import login_keeping_form
from reports import actions
from reports.definitions.errors import errors_in
from reports.definitions.from_database import definition_of, fingerprint, reload_report
from reports.editing import history
from reports.editing.form import EditForm
from reports.editing.page import Editor
from reports.editing.template_page import TemplatePage
from reports.exceptions import InvalidDefinition
from reports.models import ReportConfiguration

_EDITING = ["GET", "HEAD", "POST"]
_SIGNED_OUT = "You were signed out, so nothing was saved. What you had typed is here again."


@login_keeping_form
@require_http_methods(_EDITING)
def new(request: HttpRequest) -> HttpResponse:
    """Make a report. A superuser says for whom first."""
    user = caller(request)
    if not user.is_administrator:
        raise PermissionDenied
    asked = request.GET.get("tenant", "").replace("\0", "")
    tenant = Tenant.objects.filter(slug=asked).first() if user.is_superuser else user.tenant
    if tenant is None:
        return render(request, "reports/new_for.html", {"tenants": Tenant.objects.order_by("name")})
    editor = Editor(ReportConfiguration(tenant=tenant), {"tenant": tenant.slug}, user)
    return _edited(request, editor)


@login_keeping_form
@require_http_methods(_EDITING)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a report."""
    report = reload_report(ReportConfiguration.objects.find_administered(caller(request), slug))
    definition = definition_of(report)
    editor = Editor(report, definition.entry(), caller(request), seen=fingerprint(definition))
    return _edited(request, editor)


def _edited(request: HttpRequest, editor: Editor) -> HttpResponse:
    if request.method != "POST":
        typed = form_recovery.restore_form(request, _SIGNED_OUT)
        form = EditForm.of_sent(typed, editor.base) if typed else EditForm.of(editor.base)
        return render(request, "reports/edit.html", {**editor.context(form), "unsaved": bool(typed)})
    form = EditForm.of_sent(request.POST, editor.base)
    step = request.POST.get("do", "check")
    if step == "save" and (saved := editor.save(form, request.POST.get("seen", ""))):
        messages.success(request, saved)
        return redirect("report", editor.key)
    if step == "check":
        editor.look(form)
    elif step != "save":
        form.change(step)
    return render(request, "reports/edit.html", editor.context(form))


@login_keeping_form
@require_http_methods(_EDITING)
def template(request: HttpRequest, slug: str) -> HttpResponse:
    """Design a report's pdf."""
    report = reload_report(ReportConfiguration.objects.find_administered(caller(request), slug))
    if request.method != "POST":
        typed = form_recovery.restore_form(request, _SIGNED_OUT)
        page = TemplatePage.of(report, caller(request), typed or request.GET, sent=bool(typed))
        return render(request, "reports/template.html", {"page": page, "report": report})
    page = TemplatePage.of(report, caller(request), request.POST, sent=True)
    if request.POST.get("do") == "save" and (saved := page.save()):
        messages.success(request, saved)
        return redirect("report-template", page.key)
    if request.POST.get("do") != "save":
        page.preview()
    return render(request, "reports/template.html", {"page": page, "report": report})


@login_required
@require_http_methods(_EDITING)
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Delete a report, once that is confirmed."""
    report = ReportConfiguration.objects.find_administered(caller(request), slug)
    if request.method != "POST":
        return render(request, "reports/delete.html", {"report": report, "versions": report.versions.count()})
    name = report.version.name
    actions.delete_report(report=report, actor=caller(request))
    messages.success(request, f"{name} was deleted.")
    return redirect("reports")


@login_required
@require_safe
def versions(request: HttpRequest, slug: str) -> HttpResponse:
    """The versions of a report, and how two of them differ."""
    report = ReportConfiguration.objects.find_administered(caller(request), slug)
    return render(request, "reports/versions.html", {"report": report, **history.shown(request, report)})


@login_required
@require_POST
def restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Make a new version that is as that one was."""
    report = ReportConfiguration.objects.find_administered(caller(request), slug)
    before = report.version.number
    try:
        restored = actions.restore_version(report=report, number=number, actor=caller(request))
    except InvalidDefinition as refused:
        told = [sentence for sentences in errors_in(refused).values() for sentence in sentences]
        messages.error(request, f"Version {number} can't be restored: {' '.join(told)}")
    else:
        made = restored.version.number
        same = f"Version {number} is what the report is now. Nothing was changed."
        messages.success(request, same if made == before else f"Version {made} is as version {number} was.")
    return redirect(f"{reverse('report-versions', args=[slug])}")
