"""The audit log's page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.paging import page_of
from audit.filters import AuditFilter
from audit.models import AuditLog


@login_required
@require_safe
def entry_list(request: HttpRequest) -> HttpResponse:
    """Who did what, the newest first; for Administrators."""
    user: Any = request.user
    if not user.is_administrator:
        raise PermissionDenied
    found = AuditFilter(request.GET, queryset=AuditLog.objects.visible_to(user))
    filtered = any(request.GET.get(name) for name in found.form.fields)
    more = any(request.GET.get(name) for name in found.form.fields if name != "action")
    context = {"filter": found, "filtered": filtered, "more": more, "page": page_of(request, found.qs, "-sequence")}
    return render(request, "audit/list.html", context)
