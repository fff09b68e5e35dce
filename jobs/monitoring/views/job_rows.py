"""The result on a job's page: its rows as a table, its pdf, and its conversion into other formats."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.caller import HtmxHttpRequest, caller
from common.exceptions import DomainError
from jobs import actions, permissions
from jobs.results import kept_rows
from jobs.results.downloads import result_response
from reports.exceptions import InvalidParameters
from reports.kept_rows.page import KeptColumn
from reports.rendering import ONE_SECTION

_PAGE_ROWS = 25
_MAX_PAGE = 10_000_000
_MAX_SEARCH = 200


class _Heading(NamedTuple):
    """A column's heading: a link that sorts by it. `order`: as aria-sort says it; empty if it isn't sorted by."""

    label: str
    is_number: bool
    url: str
    order: str


class _Tab(NamedTuple):
    """A link to the rows of a section."""

    title: str
    url: str
    is_current: bool


class _Cell(NamedTuple):
    text: str | None
    is_number: bool


class _Pager(NamedTuple):
    newer: str
    older: str


@login_required
@require_safe
def rows(request: HtmxHttpRequest, job_id: str) -> HttpResponse:
    """Show a page of the kept rows: alone, or for htmx as a part of the job's page."""
    user = caller(request)
    job = permissions.visible_job(user, job_id)
    sort, search = request.GET.get("sort", ""), request.GET.get("q", "")[:_MAX_SEARCH]
    text = request.GET.get("page", "1")
    number = min(int(text), _MAX_PAGE) if text.isascii() and text.isdigit() and text.strip("0") else 1
    try:
        section = kept_rows.section_to_show(job, request.GET.get("section") or None)
        wanted = kept_rows.Wanted((number - 1) * _PAGE_ROWS, _PAGE_ROWS, sort, search, section)
        page = kept_rows.read_page(job=job, actor=user, wanted=wanted, as_json=False)
    except InvalidParameters:
        # A link from before the report's columns changed, or one that somebody wrote.
        return redirect(f"{reverse('job-rows', args=[job.pk])}?{urlencode({'q': search})}")
    url = reverse("job-rows", args=[job.pk])

    def link(**changes: object) -> str:
        fields = {"section": section, "sort": sort, "q": search, **changes}
        return f"{url}?{urlencode({name: value for name, value in fields.items() if value})}"

    last = max(1, -(-page.total // _PAGE_ROWS))
    newer = link(page=min(number - 1, last)) if number > 1 else ""
    pager = _Pager(newer, older=link(page=number + 1) if number < last else "")
    numbers = [column.is_number for column in page.columns]
    context = {
        "job": job,
        "headings": [
            _heading(column, label, sort, link(sort=_next_sort(column, sort)))
            for column, label in zip(page.columns, kept_rows.column_labels(job, page, section), strict=True)
        ],
        "rows": [list(map(_Cell, row, numbers)) for row in page.texts],
        "total": page.total,
        "first": wanted.offset + 1,
        "last": wanted.offset + len(page.texts),
        "tabs": [
            _Tab(each.title, f"{url}?{urlencode({'section': each.name})}", each.name == section)
            for each in (job.version.sections if job.version else ())
        ],
        "section": section or "",
        "clear_url": link(q=""),
        "sort": sort,
        "search": search,
        "page": pager,
    }
    response = render(request, "jobs/_rows.html" if request.htmx else "jobs/rows.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _next_sort(column: KeptColumn, sort: str) -> str:
    """Ascending at first, then descending."""
    return f"-{column.name}" if sort == column.name else column.name


def _heading(column: KeptColumn, label: str, sort: str, url: str) -> _Heading:
    orders = {column.name: "ascending", f"-{column.name}": "descending"}
    return _Heading(label, column.is_number, url, orders.get(sort, ""))


@login_required
@require_safe
def inline_pdf(request: HttpRequest, job_id: str) -> HttpResponseBase:
    """Show the pdf in the browser. Other formats are only downloaded: an HTML result is a program of its author's."""
    job = permissions.visible_job(caller(request), job_id)
    if "pdf" not in job.formats:
        raise Http404("This job has no pdf.")
    response = result_response(request, job, caller(request), format="pdf")
    response.headers["Content-Disposition"] = response.headers["Content-Disposition"].replace("attachment", "inline", 1)
    return response


@login_required
@require_POST
def convert(request: HttpRequest, job_id: str) -> HttpResponse:
    """Render the kept rows in another format, as a new job, and show that job."""
    job = permissions.visible_job(caller(request), job_id)
    try:
        format, section = request.POST.get("format", ""), request.POST.get("section") or None
        new_job = actions.convert(
            job=job, actor=caller(request), format=format, section=section if format in ONE_SECTION else None
        )
    except InvalidParameters as error:
        messages.error(request, " ".join(sentence for sentences in error.fields.values() for sentence in sentences))
    except DomainError as error:
        messages.error(request, gettext(error.message))
    else:
        return redirect("job", new_job.pk)
    return redirect("job", job.pk)
