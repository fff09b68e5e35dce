"""The audit log's pages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.caller import caller
from accounts.models import User
from audit import actions, verification
from audit.export import MEDIA_TYPES, lines
from audit.filters import AuditFilter
from audit.models import Action, AuditLog
from common.paging import paginate

#: Seconds that a press of “Verify now” works itself; the jobservers go on.
_VERIFY_SECONDS = 2.0


@login_required
@require_safe
def entry_list(request: HttpRequest) -> HttpResponse:
    """Who did what, the newest first; for Administrators."""
    asked: Any = request
    if asked.htmx:
        _administrator(request)
        return render(request, "audit/_chain.html", _chain())
    found = AuditFilter(request.GET, queryset=AuditLog.objects.visible_to(_administrator(request)))
    given = {name: value for name in found.form.fields if (value := request.GET.get(name))}
    query = request.GET.copy()
    query.pop("cursor", None)
    context = {
        "filter": found,
        "filtered": bool(given),
        "more": bool(given.keys() - {"action"}),
        "query": query.urlencode(),
        "page": paginate(request, found.qs, "-sequence"),
        **_chain(),
    }
    return render(request, "audit/list.html", context)


@login_required
@require_safe
def entry(request: HttpRequest, sequence: int) -> HttpResponse:
    """Everything about one entry."""
    visible = AuditLog.objects.visible_to(_administrator(request))
    shown = get_object_or_404(visible.select_related("tenant"), pk=sequence)
    context = {
        "entry": shown,
        "holds": actions.is_intact(shown),
        "newer": visible.filter(sequence__gt=sequence).order_by("sequence").first(),
        "older": visible.filter(sequence__lt=sequence).order_by("-sequence").first(),
    }
    return render(request, "audit/entry.html", context)


@login_required
@require_GET
def export(request: HttpRequest, format: str) -> HttpResponseBase:
    """The entries that the query string's filters leave, as a file. That it was taken is an entry too."""
    user = _administrator(request)
    if format not in MEDIA_TYPES:
        raise Http404("There is no export in this format.")
    found = AuditFilter(request.GET, queryset=AuditLog.objects.visible_to(user))
    if not found.is_valid():
        return redirect(f"{reverse('audit')}?{request.GET.urlencode()}")
    filters = {name: value for name in found.form.fields if (value := request.GET.get(name))}
    with transaction.atomic():
        actions.record(
            Action.AUDIT_EXPORT,
            actor=user,
            tenant_id=user.tenant_id,
            target=("audit", format),
            details={"filters": filters},
        )
    answer = StreamingHttpResponse(lines(found.qs, format), content_type=MEDIA_TYPES[format])
    answer["Content-Disposition"] = f'attachment; filename="audit-{timezone.now():%Y%m%d-%H%M%S}.{format}"'
    return answer


@login_required
@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Read every entry again, here or, if that takes long, with the jobservers."""
    _administrator(request)
    ended = verification.verify_for(seconds=_VERIFY_SECONDS, restart=True)
    check = verification.last_check()
    if check and check.broken is not None:
        messages.error(request, gettext("The audit log does not hold."))
    elif ended:
        messages.success(request, gettext("The whole audit log is as it was written."))
    else:
        messages.success(request, gettext("The check has begun; the jobservers go on with it."))
    return redirect("audit")


def _chain() -> dict[str, Any]:
    check = verification.last_check()
    return {"check": check, "under_way": check and verification.in_progress(check), "end": actions.head().sequence}


def _administrator(request: HttpRequest) -> User:
    user = caller(request)
    if not user.is_administrator:
        raise PermissionDenied
    return user
