"""The rows of the list of jobs, as their template shows them.

A template takes ten times as long to work these parts out, thirty times over: it would be most of the page's time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from accounts.models import User
from common.templatetags.format import filesize, moment_with_text, rows, status_badge
from jobs import permissions
from jobs.models import JobExecutionLog
from jobs.status import Status
from jobs.templatetags.jobs import progress, run_time, standing

register = template.Library()
#: Stands for a job's id in the addresses, which are made once for all rows.
_ID = "ID"


@dataclass(frozen=True)
class Row:
    """One job. `action`: what this user may do with it now, retry or cancel; `press` is the button's whole name.

    `outcome` is the text of the result's link where there is a `result`, which is its address.
    """

    id: SafeString
    short_id: str
    name: str
    who: str
    format: str
    tenant: str
    badge: SafeString
    address: str
    queued: SafeString
    queued_text: str
    took: str
    select: str
    action: str
    action_address: str
    press: str
    label: str
    retried: str
    result: str
    outcome: str
    rows: str


@register.simple_tag(takes_context=True)
def job_rows(context: template.Context, jobs: Iterable[JobExecutionLog]) -> list[Row]:
    """What the list shows of these jobs to the user of the page."""
    addresses = {name: reverse(name, args=[_ID]) for name in ("job", "result", "job-retry", "job-cancel")}
    return [_row(job, context["user"], addresses) for job in jobs]


def _row(job: JobExecutionLog, user: User, addresses: dict[str, str]) -> Row:
    key, name, format, kept = SafeString(job.pk), job.report_name, job.format.upper(), job.result
    queued, text = moment_with_text(job.queued_at)
    action, again = _action(job, user), job.retry_job
    return Row(
        id=key, short_id=key[:8], name=name, who=job.requested_by_name, format=format,
        tenant=str(job.tenant) if user.is_superuser else "", badge=status_badge(job.status),
        address=addresses["job"].replace(_ID, key), queued=queued, queued_text=text, took=run_time(job),
        select=gettext("Select %(name)s %(id)s") % {"name": name, "id": key[:8]},
        action=action, action_address=addresses[f"job-{action}"].replace(_ID, key) if action else "",
        press=_press(action) % {"name": name}, label=gettext(action.capitalize()) if action else "",
        retried=addresses["job"].replace(_ID, str(again.pk)) if again and not action else "",
        result=addresses["result"].replace(_ID, key) if kept else "",
        outcome=f"{format}, {filesize(kept.size)}" if kept else _outcome(job),
        rows=rows(kept.rows) if kept else "",
    )  # fmt: skip


def _action(job: JobExecutionLog, user: User) -> str:
    if permissions.may_retry(user, job):
        return "retry"
    return "cancel" if permissions.may_cancel(user, job) else ""


def _press(action: str) -> str:
    if action == "retry":
        return gettext("Retry job %(name)s")
    return gettext("Cancel job %(name)s") if action else ""


def _outcome(job: JobExecutionLog) -> str:
    """Of a job that has no result: why, or how far it is."""
    if job.status == Status.FAILED:
        return format_html('<span class="clamp">{}</span>', job.error_message or job.error_code)
    if job.status == Status.RUNNING and not job.cancel_requested_at:
        return progress(job)
    return format_html('<span class="muted">{}</span>', _sentence(job))


def _sentence(job: JobExecutionLog) -> str:
    if job.status == Status.SUCCEEDED:
        return gettext("The result was deleted after its retention time.")
    return gettext("Being cancelled…") if job.cancel_requested_at else standing(job)
