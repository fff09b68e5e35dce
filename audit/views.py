"""The audit log's pages, for Administrators."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.caller import HtmxHttpRequest, require_administrator
from audit import actions, verification
from audit.export import MEDIA_TYPES, lines
from audit.filters import AuditFilter
from audit.models import Action, AuditLog
from common.paging import paginate

#: How long “Verify now” verifies before it leaves the rest to the jobservers.
_VERIFY_SECONDS = 2.0


@login_required
@require_safe
def entry_list(request: HtmxHttpRequest) -> HttpResponse:
    """The entries, newest first. htmx polls the state of the verification alone."""
    user = require_administrator(request)
    if request.htmx:
        return render(request, "audit/_verification.html", _verification_context())
    entries = AuditFilter(request.GET, queryset=AuditLog.objects.visible_to(user))
    filters = _filters(entries, request)
    query = request.GET.copy()
    query.pop("cursor", None)
    context = {
        "filter": entries,
        "is_filtered": bool(filters),
        "has_more_filters": bool(filters.keys() - {"action"}),
        "query": query.urlencode(),
        "page": paginate(request, entries.qs, "-sequence"),
        **_verification_context(),
    }
    return render(request, "audit/list.html", context)


@login_required
@require_safe
def entry(request: HttpRequest, sequence: int) -> HttpResponse:
    """All details of one entry."""
    visible = AuditLog.objects.visible_to(require_administrator(request))
    entry = get_object_or_404(visible.select_related("tenant"), pk=sequence)
    context = {
        "entry": entry,
        "is_intact": verification.is_intact(entry),
        "newer": visible.filter(sequence__gt=sequence).order_by("sequence").first(),
        "older": visible.filter(sequence__lt=sequence).order_by("-sequence").first(),
    }
    return render(request, "audit/entry.html", context)


@login_required
@require_GET
def export(request: HttpRequest, format: str) -> HttpResponseBase:
    """The filtered entries as a file. The export itself is recorded as well."""
    user = require_administrator(request)
    if format not in MEDIA_TYPES:
        raise Http404("There is no export in this format.")
    entries = AuditFilter(request.GET, queryset=AuditLog.objects.visible_to(user))
    if not entries.is_valid():
        # The page shows what is wrong with the filters.
        return redirect(f"{reverse('audit')}?{request.GET.urlencode()}")
    with transaction.atomic():
        actions.record(
            Action.AUDIT_EXPORT,
            actor=user,
            tenant_id=user.tenant_id,
            target=("audit", format),
            details={"filters": _filters(entries, request)},
        )
    response = StreamingHttpResponse(lines(entries.qs, format), content_type=MEDIA_TYPES[format])
    response["Content-Disposition"] = f'attachment; filename="audit-{timezone.now():%Y%m%d-%H%M%S}.{format}"'
    return response


@login_required
@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Verify the log from the first entry. The jobservers finish a long one."""
    require_administrator(request)
    finished = verification.verify_for(seconds=_VERIFY_SECONDS, restart=True)
    check = verification.last_check()
    if check and check.broken_sequence is not None:
        messages.error(request, gettext("The audit log failed verification."))
    elif finished:
        messages.success(request, gettext("The whole audit log was verified."))
    else:
        messages.success(request, gettext("Verification started. It continues in the background."))
    return redirect("audit")


def _filters(entries: AuditFilter, request: HttpRequest) -> dict[str, str]:
    return {name: value for name in entries.form.fields if (value := request.GET.get(name))}


def _verification_context() -> dict[str, Any]:
    check = verification.last_check()
    return {
        "check": check,
        "in_progress": check is not None and check.in_progress,
        "last_sequence": verification.read_head().sequence,
    }
