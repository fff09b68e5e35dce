"""The page that compares the result of a job with an earlier one."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from accounts.caller import caller
from common.exceptions import DomainError
from jobs import permissions
from jobs.comparison.actions import Compared, Wanted, compare_results
from jobs.comparison.earlier_runs import earlier_runs
from jobs.models import JobExecutionLog
from jobs.monitoring.parameter_words import parameters_in_words
from jobs.results import kept_rows
from reports.exceptions import InvalidParameters
from reports.kept_rows.comparison import Change, Difference
from reports.rendering.columns.views import label_of

_PAGE_ROWS = 25
_MAX_PAGE = 1_000_000


class _Run(NamedTuple):
    """A job with its parameters in words."""

    job: JobExecutionLog
    words: str


class _Tab(NamedTuple):
    """A link to a part of the differences. `number`: of rows; None if that isn't known."""

    title: str
    url: str
    is_current: bool
    number: int | None = None


class _Heading(NamedTuple):
    label: str
    is_number: bool
    is_key: bool


class _Cell(NamedTuple):
    """A value, and the one of before where it has changed."""

    text: str | None
    before: str | None
    is_changed: bool
    is_number: bool


class _Row(NamedTuple):
    change: str
    label: str
    cells: list[_Cell]


class _Pager(NamedTuple):
    newer: str
    older: str


@login_required
@require_safe
def compare(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show how the rows of the job's result differ from those of another one, by default of the newest earlier one."""
    user = caller(request)
    job = permissions.visible_job(user, job_id)
    runs = earlier_runs(user, job)
    wanted_id = request.GET.get("with", "")
    other = permissions.visible_job(user, wanted_id) if wanted_id else runs[0] if runs else None
    if other and other.pk not in {run.pk for run in runs}:
        runs.insert(0, other)
    context: dict[str, Any] = {"job": job, "other": other, "runs": _runs_to_choose_from(job, runs)}
    if other is not None:
        try:
            context |= _differences(request, job, other)
        except InvalidParameters as error:
            context["error"] = " ".join(gettext(text) for texts in error.fields.values() for text in texts)
        except DomainError as error:
            context["error"] = gettext(error.message)
    return render(request, "jobs/compare.html", context)


def _runs_to_choose_from(job: JobExecutionLog, runs: list[JobExecutionLog]) -> list[tuple[str, list[_Run]]]:
    """Return the runs with their parameters in words, those with the job's own first, below titles."""
    words = parameters_in_words(runs)
    groups: dict[bool, list[_Run]] = {True: [], False: []}
    for run in runs:
        is_same = run.parameters == job.parameters
        groups[is_same].append(_Run(run, "" if is_same else words.get(run.pk, "")))
    titles = {True: gettext("Same parameters"), False: gettext("Other parameters")}
    return [(titles[is_same], group) for is_same, group in groups.items() if group]


def _differences(request: HttpRequest, job: JobExecutionLog, other: JobExecutionLog) -> dict[str, Any]:
    change = next((each for each in Change if each == request.GET.get("change")), None)
    text = request.GET.get("page", "1")
    number = min(int(text), _MAX_PAGE) if text.isascii() and text.isdigit() and text.strip("0") else 1
    section = kept_rows.section_to_show(job, request.GET.get("section") or None)
    wanted = Wanted((number - 1) * _PAGE_ROWS, _PAGE_ROWS, change, section)
    compared = compare_results(job=job, other=other, actor=caller(request), wanted=wanted)
    url = reverse("job-compare", args=[job.pk])

    def link(**changes: object) -> str:
        fields = {"with": other.pk, "section": section, "change": change, **changes}
        return f"{url}?{urlencode({name: value for name, value in fields.items() if value})}"

    words = parameters_in_words([compared.later, compared.earlier])
    titles = ((gettext("Now"), compared.later), (gettext("Before"), compared.earlier))
    tabs = _tabs(compared, change, link)
    total = next(tab.number or 0 for tab in tabs if tab.is_current)
    options = kept_rows.options_of_columns(compared.later, section)
    shown = [
        at
        for at, column in enumerate(compared.comparison.columns)
        if column.name not in options or not options[column.name].hidden
    ]
    columns = [compared.comparison.columns[at] for at in shown]
    return {
        "comparison": compared.comparison,
        "is_truncated": compared.is_truncated,
        "notes": _notes(compared),
        "compared_jobs": [(title, _Run(each, words.get(each.pk, ""))) for title, each in titles],
        "tabs": tabs,
        "sections": [
            _Tab(each.title, link(section=each.name, change=None), each.name == section)
            for each in (job.version.sections if job.version else ())
        ],
        "section": section or "",
        "headings": [_Heading(label_of(each.name, options), each.is_number, each.is_key) for each in columns],
        "rows": [_row(each, shown, compared) for each in compared.comparison.differences],
        "total": total,
        "first": wanted.offset + 1,
        "last": wanted.offset + len(compared.comparison.differences),
        "page": _Pager(
            link(page=number - 1) if number > 1 else "",
            link(page=number + 1) if number * _PAGE_ROWS < total else "",
        ),
    }


def _notes(compared: Compared) -> list[str]:
    """Return what people need to know to read the differences."""
    found, notes = compared.comparison, []
    if found.keys:
        notes.append(gettext("Rows are identified by: %(names)s.") % {"names": ", ".join(found.keys)})
    elif found.missing_keys:
        text = gettext("A result lacks %(names)s, which the report compares by, so whole rows are compared.")
        notes.append(text % {"names": ", ".join(found.missing_keys)})
    else:
        notes.append(gettext("Whole rows are compared: a row in which a value has changed is removed and added."))
    for names, text in (
        (found.only_later, gettext("Only the later result has: %(names)s.")),
        (found.only_earlier, gettext("Only the earlier result has: %(names)s.")),
    ):
        if names:
            notes.append(text % {"names": ", ".join(names)})
    return notes


def _tabs(compared: Compared, change: Change | None, link: Any) -> list[_Tab]:
    found = compared.comparison
    total = found.added + found.removed + found.changed
    tabs = [_Tab(gettext("All differences"), link(change=None), change is None, total)]
    kinds = [(Change.CHANGED, gettext("Changed"), found.changed)] if found.keys else []
    kinds += [(Change.ADDED, gettext("Added"), found.added), (Change.REMOVED, gettext("Removed"), found.removed)]
    tabs += [_Tab(title, link(change=kind), change == kind, number) for kind, title, number in kinds]
    # A link from when the report had key columns.
    return tabs if any(tab.is_current for tab in tabs) else [tabs[0]._replace(is_current=True), *tabs[1:]]


def _row(difference: Difference, shown: list[int], compared: Compared) -> _Row:
    later, earlier = difference.later, difference.earlier
    values = later or earlier or []
    labels = {
        Change.ADDED: gettext("Added"),
        Change.REMOVED: gettext("Removed"),
        Change.CHANGED: gettext("Changed"),
    }
    cells = [
        _Cell(
            values[at],
            earlier[at] if earlier else None,
            at in difference.changed,
            compared.comparison.columns[at].is_number,
        )
        for at in shown
    ]
    return _Row(difference.change.value, labels[difference.change], cells)
