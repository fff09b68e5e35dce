"""How the pages show a job: its events, its position in the queue, its progress, and its buttons."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from common.templatetags.format import duration, rows, until
from jobs import permissions
from jobs.models import JobEvent, JobExecutionLog, QueuePosition
from jobs.monitoring import counts

register = template.Library()
_EVENTS: dict[str, tuple[str, str]] = {
    JobEvent.Kind.QUEUED: ("queued", "Queued"),
    JobEvent.Kind.CLAIMED: ("running", "Attempt %(attempt)s started"),
    JobEvent.Kind.REQUEUED: ("queued", "Attempt %(attempt)s did not end well; queued again"),
    JobEvent.Kind.CANCEL_REQUESTED: ("cancel", "Cancel requested"),
    JobEvent.Kind.SUCCEEDED: ("succeeded", "Succeeded"),
    JobEvent.Kind.FAILED: ("failed", "Failed"),
    JobEvent.Kind.RETRIED: ("retry", "Retried as a new job"),
    JobEvent.Kind.DELIVERED: ("succeeded", "Delivered by %(way)s"),
    JobEvent.Kind.DELIVERY_FAILED: ("warning", "Delivery by %(way)s failed, next try in %(seconds)s s: %(message)s"),
    JobEvent.Kind.DELIVERY_GIVEN_UP: ("failed", "Delivery by %(way)s was given up: %(message)s"),
    JobEvent.Kind.DELIVERY_RETRIED: ("retry", "Delivery by %(way)s is tried again"),
    JobEvent.Kind.PURGED: ("file", "Result deleted after its retention time"),
}
_WAYS = {"email": "e-mail", "webhook": "webhook", "file_share": "file share"}


@register.filter
def run_time(job: JobExecutionLog) -> str:
    return duration(counts.run_seconds(job))


def _event(event: JobEvent) -> tuple[str, str]:
    return _EVENTS.get(event.kind, ("info", event.kind.replace("_", " ").capitalize()))


@register.filter
def event_icon(event: JobEvent) -> str:
    return _event(event)[0]


@register.filter
def event_sentence(event: JobEvent) -> str:
    """What happened, with the facts of it that everybody who sees the job may know."""
    known = {"attempt": event.attempt, "actor": "", "code": "", **event.details}
    known["way"] = gettext(_WAYS.get(str(known.get("kind")), ""))
    sentence = gettext(_event(event)[1]) % known
    actor, code = known["actor"], known["code"]
    return sentence + (f" ({code})" if code else "") + (f", {gettext('by')} {actor}" if actor else "")


@register.simple_tag
def standing(job: JobExecutionLog) -> str:
    """Where a queued job stands, and when it begins."""
    place = job.queue_position
    if place is None:
        return gettext("Waiting for a worker")
    known = {"place": _position(place), "wait": until(place.start)}
    if place.start is None:
        return gettext("Number %(place)s in the queue; no worker is alive") % known
    if _is_near(place.start):
        return gettext("Number %(place)s in the queue, begins in a moment") % known
    return gettext("Number %(place)s in the queue, begins in about %(wait)s") % known


def _is_near(at: datetime) -> bool:
    return at - timezone.now() < timedelta(seconds=1)


def _position(place: QueuePosition) -> str:
    return f"{place.position:,}{'+' if place.is_more else ''}"


@register.simple_tag
def progress(job: JobExecutionLog) -> SafeString:
    """How far a running job is."""
    if job.percent is None:
        return format_html('<span class="muted number">{}</span>', rows(job.rows))
    name = gettext("Progress of %(name)s") % {"name": job.report_name}
    bar = (
        '<progress max="100" value="{0}" aria-label="{1}">{0} %</progress><span class="muted number">{0} % · {2}</span>'
    )
    return format_html(bar, job.percent, name, rows(job.rows))


@register.inclusion_tag("jobs/_actions.html", takes_context=True)
def job_actions(context: template.Context, job: JobExecutionLog) -> dict[str, Any]:
    """The buttons of a job's page that this user may press."""
    user = context["user"]
    allowed = {"may_retry": permissions.may_retry(user, job), "may_cancel": permissions.may_cancel(user, job)}
    return {**allowed, "job": job, "csrf_token": context["csrf_token"]}
