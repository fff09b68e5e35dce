"""The catalogue of reports: a list by folder, tag and text; and the stars that users give."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import caller
from accounts.models import User
from common.paging import paginate
from reports.catalogue.models import FavoriteReport
from reports.catalogue.search import CatalogueSearch, contents, is_favorite
from reports.models import ReportConfiguration
from reports.runner_port import report_runner


@login_required
@require_safe
def report_list(request: HttpRequest) -> HttpResponse:
    """List the reports that the user can view or run, with statistics of their jobs; the query string narrows it."""
    user = caller(request)
    search = CatalogueSearch.of(request.GET.dict())
    reports = ReportConfiguration.objects.visible_to(user).annotate(is_favorite=is_favorite(user))
    reports = search.narrow(reports, user).select_related("current", "tenant")
    page = paginate(request, reports.prefetch_related("current__delivery_targets"), "slug", "id")
    stats = report_runner().stats(user, page.rows)
    context = {
        "page": page,
        "rows": [(report, stats.get(report.pk)) for report in page.rows],
        "search": search,
        **_narrowing(user, search),
    }
    return render(request, "reports/list.html", context)


def _narrowing(user: User, search: CatalogueSearch) -> dict[str, Any]:
    """Return the links that narrow the list."""
    found = contents(user)
    return {
        "all_url": search.query(folder="", favorites=""),
        "favorites_url": search.query(folder="", favorites="1"),
        "number": found.reports,
        "folders": [(folder, search.query(folder=folder.path, favorites="")) for folder in found.folders],
        "tags": [(tag, number, search.query(tag="" if tag == search.tag else tag)) for tag, number in found.tags],
    }


@login_required
@require_POST
def favorite(request: HttpRequest, slug: str) -> HttpResponse:
    """Give a report a star, or take it: `star` is 1 or 0. For htmx, answers with the button as it is now."""
    user = caller(request)
    report = ReportConfiguration.objects.find_visible(user, slug)
    is_starred = request.POST.get("star") == "1"
    if is_starred:
        FavoriteReport.objects.get_or_create(user=user, report=report)
    else:
        FavoriteReport.objects.filter(user=user, report=report).delete()
    if request.headers.get("HX-Request"):
        return render(request, "reports/_star.html", {"report": report, "is_favorite": is_starred})
    return redirect("report", slug)
