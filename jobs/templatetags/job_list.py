"""The rows of the list of jobs.

They are prepared here because a template would take ten times as long for each row, and with thirty rows most of the
page's time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop

from accounts.models import User
from common.templatetags.format import filesize, format_names, moment_with_text, rows, status_badge
from jobs import permissions
from jobs.models import JobExecutionLog
from jobs.monitoring.parameter_words import parameters_in_words
from jobs.status import Status
from jobs.templatetags.jobs import delivery_label, progress, queue_position, run_time

register = template.Library()
#: Stands for the job's id in URLs, so that each is built once for all rows.
_ID = "ID"
#: The label and the accessible name of each button; the latter names the job, so that the buttons can be told apart.
_BUTTONS = {
    "retry": (gettext_noop("Retry"), gettext_noop("Retry job %(name)s")),
    "cancel": (gettext_noop("Cancel"), gettext_noop("Cancel job %(name)s")),
}


@dataclass(frozen=True)
class Row:
    """A row of the list; texts and URLs are empty where the row has no such part.

    `words`: the parameters. `action`: what the user may do with the job now, "retry" or "cancel". `outcome` is the text
    of the link to the result or, without one, how far the job is or why it failed.
    """

    id: SafeString
    short_id: str
    name: str
    words: str
    user: str
    format: str
    tenant: str
    badge: SafeString
    url: str
    queued: SafeString
    queued_text: str
    duration: str
    select_label: str
    action: str
    action_url: str
    button_label: str
    button_name: str
    retry_url: str
    result_url: str
    outcome: str
    rows: str
    delivery: str


@register.simple_tag(takes_context=True)
def job_rows(context: template.Context, jobs: Iterable[JobExecutionLog]) -> list[Row]:
    urls = {name: reverse(name, args=[_ID]) for name in ("job", "job-result", "job-retry", "job-cancel")}
    jobs = list(jobs)
    words = parameters_in_words(jobs)
    return [_row(job, words.get(job.pk, ""), context["user"], urls) for job in jobs]


def _row(job: JobExecutionLog, words: str, user: User, urls: dict[str, str]) -> Row:
    # The id is marked as safe to save escaping it a dozen times per row.
    id, name, format, result = SafeString(job.pk), job.report_name, format_names(job.formats), job.result
    queued, queued_text = moment_with_text(job.queued_at)
    action = ""
    if permissions.may_retry(user, job):
        action = "retry"
    elif permissions.may_cancel(user, job):
        action = "cancel"
    label, button_name = _BUTTONS[action] if action else ("", "")
    retry_job = None if action else job.retry_job
    return Row(
        id=id,
        short_id=id[:8],
        name=name,
        words=words,
        user=job.requested_by_name,
        format=format,
        tenant=str(job.tenant) if user.is_superuser else "",
        badge=status_badge(job.status),
        url=urls["job"].replace(_ID, id),
        queued=queued,
        queued_text=queued_text,
        duration=run_time(job),
        select_label=gettext("Select %(name)s %(id)s") % {"name": name, "id": id[:8]},
        action=action,
        action_url=urls[f"job-{action}"].replace(_ID, id) if action else "",
        button_label=gettext(label) if action else "",
        button_name=gettext(button_name) % {"name": name} if action else "",
        retry_url=urls["job"].replace(_ID, str(retry_job.pk)) if retry_job else "",
        result_url=urls["job-result"].replace(_ID, id) if result else "",
        outcome=f"{format}, {filesize(result.total_size)}" if result else _outcome(job),
        rows=rows(result.rows) if result else "",
        delivery=delivery_label(job),
    )


def _outcome(job: JobExecutionLog) -> str:
    if job.status == Status.FAILED:
        return format_html('<span class="clamp">{}</span>', job.error_message or job.error_code)
    if job.status == Status.RUNNING and not job.cancel_requested_at:
        return progress(job)
    if job.status == Status.SUCCEEDED:
        text = gettext("Result deleted after its retention period")
    else:
        text = gettext("Cancelling…") if job.cancel_requested_at else queue_position(job)
    return format_html('<span class="muted">{}</span>', text)
