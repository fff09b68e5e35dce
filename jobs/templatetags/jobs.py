"""Tags and filters that show a job: its events, its position in the queue, its progress, and its buttons."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop

from common.templatetags.format import duration, rows, until
from jobs import permissions
from jobs.models import JobEvent, JobExecutionLog
from jobs.monitoring.job_detail import attempt_seconds
from jobs.monitoring.parameter_words import parameters_in_words
from jobs.queue.position import waits_for_another
from jobs.status import DeliveryState
from reports.targets.models import DeliveryTarget

register = template.Library()


class _EventText(NamedTuple):
    icon: str
    text: str


_EVENTS: dict[str, _EventText] = {
    JobEvent.Kind.QUEUED: _EventText("queued", gettext_noop("Queued")),
    JobEvent.Kind.CLAIMED: _EventText("running", gettext_noop("Attempt %(attempt)s started")),
    JobEvent.Kind.REQUEUED: _EventText("queued", gettext_noop("Attempt %(attempt)s failed; queued again")),
    JobEvent.Kind.CANCEL_REQUESTED: _EventText("cancel", gettext_noop("Cancellation requested")),
    JobEvent.Kind.SUCCEEDED: _EventText("succeeded", gettext_noop("Succeeded")),
    JobEvent.Kind.FAILED: _EventText("failed", gettext_noop("Failed")),
    JobEvent.Kind.RETRIED: _EventText("retry", gettext_noop("Retried as a new job")),
    JobEvent.Kind.DELIVERED: _EventText("succeeded", gettext_noop("%(delivery)s delivered")),
    JobEvent.Kind.DELIVERY_FAILED: _EventText(
        "warning", gettext_noop("%(delivery)s delivery failed, next attempt in %(seconds)s s: %(message)s")
    ),
    JobEvent.Kind.DELIVERY_GIVEN_UP: _EventText("failed", gettext_noop("%(delivery)s delivery failed: %(message)s")),
    JobEvent.Kind.DELIVERY_RETRIED: _EventText("retry", gettext_noop("%(delivery)s delivery retried")),
    JobEvent.Kind.DELIVERY_SKIPPED: _EventText("info", gettext_noop("%(delivery)s not sent: %(message)s")),
    JobEvent.Kind.DELIVERY_HELD: _EventText("warning", gettext_noop("%(delivery)s held: %(message)s")),
    JobEvent.Kind.DELIVERY_RELEASED: _EventText("queued", gettext_noop("%(delivery)s released")),
    JobEvent.Kind.DELIVERY_DISCARDED: _EventText("cancel", gettext_noop("%(delivery)s discarded")),
    JobEvent.Kind.PURGED: _EventText("file", gettext_noop("Result deleted after its retention period")),
}


_DELIVERY_LABELS: dict[str, str] = {
    DeliveryState.HELD: gettext_noop("Delivery held"),
    DeliveryState.PENDING: gettext_noop("Being delivered"),
    DeliveryState.PARTLY_DELIVERED: gettext_noop("Partly delivered"),
    DeliveryState.FAILED: gettext_noop("Not delivered"),
    DeliveryState.DELIVERED: gettext_noop("Delivered"),
    DeliveryState.SKIPPED: gettext_noop("Not sent"),
}


def _event_text(event: JobEvent) -> _EventText:
    # A kind that this version doesn't know can be written by a newer one on another host.
    return _EVENTS.get(event.kind, _EventText("info", event.kind.replace("_", " ").capitalize()))


@register.filter
def event_icon(event: JobEvent) -> str:
    return _event_text(event).icon


@register.filter
def event_sentence(event: JobEvent) -> str:
    """Say what happened, with those details that everybody who can see the job may know."""
    details = {"attempt": event.attempt, "actor": "", "code": "", **event.details}
    kind = details.get("kind")
    details["delivery"] = DeliveryTarget.Kind(kind).label if kind in DeliveryTarget.Kind.values else ""
    sentence = gettext(_event_text(event).text) % details
    if details["code"]:
        sentence += f" ({details['code']})"
    if details["actor"]:
        sentence = gettext("%(event)s by %(user)s") % {"event": sentence, "user": details["actor"]}
    return sentence


@register.filter
def delivery_label(job: JobExecutionLog) -> str:
    """What came of the job's deliveries; empty without any."""
    return gettext(_DELIVERY_LABELS[job.delivery_state]) if job.delivery_state in _DELIVERY_LABELS else ""


@register.simple_tag
def jobs_with_words(jobs: Iterable[JobExecutionLog]) -> list[tuple[JobExecutionLog, str]]:
    """Each job with its parameters in a few words."""
    jobs = list(jobs)
    words = parameters_in_words(jobs)
    return [(job, words.get(job.pk, "")) for job in jobs]


@register.filter
def run_time(job: JobExecutionLog) -> str:
    return duration(attempt_seconds(job))


@register.simple_tag
def queue_position(job: JobExecutionLog) -> str:
    """Say where a queued job is in the queue, and when it is expected to start."""
    if waits_for_another(job):
        return gettext("Waits for an earlier job of its schedule")
    position = job.queue_position
    if position is None:
        return gettext("Waiting for a worker")
    values = {"number": f"{position.position:,}{'+' if position.is_more else ''}", "wait": until(position.start)}
    if position.start is None:
        return gettext("Position %(number)s in the queue; no workers are running") % values
    if position.start - timezone.now() < timedelta(seconds=1):
        return gettext("Position %(number)s in the queue, starts in a moment") % values
    return gettext("Position %(number)s in the queue, starts in about %(wait)s") % values


@register.simple_tag
def progress(job: JobExecutionLog) -> SafeString:
    """The progress bar of a running job, if its number of rows can be estimated, and the rows read so far."""
    if job.percent is None:
        return format_html('<span class="muted number">{}</span>', rows(job.rows))
    name = gettext("Progress of %(name)s") % {"name": job.report_name}
    bar = '<progress max="100" value="{0}" aria-label="{1}">{0}%</progress><span class="muted number">{0}% · {2}</span>'
    return format_html(bar, job.percent, name, rows(job.rows))


@register.inclusion_tag("jobs/_actions.html", takes_context=True)
def job_actions(context: template.Context, job: JobExecutionLog) -> dict[str, Any]:
    """The Retry or Cancel button of the job, if the user of the page may press it."""
    user = context["user"]
    return {
        "job": job,
        "may_retry": permissions.may_retry(user, job),
        "may_cancel": permissions.may_cancel(user, job),
        "csrf_token": context["csrf_token"],
    }
