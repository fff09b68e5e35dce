"""The catalogue."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.paging import page_of
from reports.models import ReportConfiguration


@login_required
@require_safe
def report_list(request: HttpRequest) -> HttpResponse:
    """The reports that the user may look at, those that contain the searched text."""
    user: Any = request.user
    text = request.GET.get("q", "").strip().replace("\0", "")
    reports = ReportConfiguration.objects.visible_to(user).select_related("current", "tenant")
    matches = Q(slug__icontains=text) | Q(current__name__icontains=text) | Q(current__description__icontains=text)
    found = (reports.filter(matches) if text else reports).prefetch_related("current__delivery_targets")
    return render(request, "reports/list.html", {"page": page_of(request, found, "slug", "id"), "text": text})
