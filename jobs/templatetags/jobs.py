"""How the pages write times, sizes, icons, states, and the controls of a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from common import form_recovery
from jobs import permissions
from jobs.models import JobEvent, JobExecutionLog, QueuePosition
from jobs.monitoring import counts
from reports.querysets import report_key

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
_NONE = "\N{EN DASH}"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@register.simple_tag
@lru_cache
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


@register.simple_tag(takes_context=True)
def menu_item(context: template.Context, name: str, label: str) -> SafeString:
    """A link of the main menu; the current one also for the pages below it."""
    address = reverse(name)
    path = context["request"].path
    current = path == address or (address != "/" and path.startswith(f"{address.rstrip('/')}/"))
    return format_html(
        '<a href="{}"{}>{}</a>', address, SafeString(' aria-current="page"' if current else ""), gettext(label)
    )


@register.simple_tag(takes_context=True)
def form_owner(context: template.Context) -> SafeString:
    """Whom a form was made for, so that what is typed into it outlives the session."""
    return format_html(
        '<input type="hidden" name="{}" value="{}">',
        form_recovery.OWNER_FIELD,
        form_recovery.sign_owner(context["user"]),
    )


@register.simple_tag(takes_context=True, name="report_key")
def report_key_tag(context: template.Context, slug: str, report_id: object) -> str:
    """What names a report in an address, for the one who looks at the page."""
    return report_key(context["user"], slug, report_id)


@register.simple_tag
def status_badge(status: str) -> SafeString:
    return _badge(status, gettext(status))


@lru_cache
def _badge(status: str, word: str) -> SafeString:
    return format_html('<span class="status {}">{}{}</span>', status.lower(), icon(status.lower()), word)


@register.simple_tag
def moment(at: datetime | None) -> SafeString:
    """A time in UTC; the year only when it is not this one."""
    return moment_with_text(at)[0] if at else SafeString(_NONE)


def moment_with_text(at: datetime) -> tuple[SafeString, str]:
    """The same, and its text alone."""
    at = at.astimezone(UTC)
    year = "" if at.year == timezone.now().year else f" {at.year}"
    text = f"{at.day} {at:%b}{year} {at:%H:%M:%S}"
    moment, title = at.isoformat(timespec="seconds"), f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment, title, text), text


@register.filter
def hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M}"


@register.filter
def moment_value(field: BoundField) -> str:
    """A filter's time as datetime-local takes it: in UTC, without a zone."""
    at = getattr(field.form, "cleaned_data", {}).get(field.name)
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if at else ""


@register.filter
def duration(seconds: float | None) -> str:
    if seconds is None:
        return _NONE
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    large, small = (f"{whole // 60} min", whole % 60) if whole < 3600 else (f"{whole // 3600} h", whole % 3600 // 60)
    return f"{large} {small:02} {'s' if whole < 3600 else 'min'}" if small else large


@register.filter
def since(at: datetime) -> str:
    return duration((timezone.now() - at).total_seconds())


@register.filter
def until(at: datetime | None) -> str:
    return duration((at - timezone.now()).total_seconds() if at else None)


def is_near(at: datetime) -> bool:
    return at - timezone.now() < timedelta(seconds=1)


def position(place: QueuePosition) -> str:
    return f"{place.position:,}{'+' if place.is_more else ''}"


@register.filter
def at_most(number: int, most: int) -> str:
    return f"{most:,}+" if number >= most else f"{number:,}"


@register.filter
def coordinate(number: float) -> str:
    """For SVG: a point whatever the language, and no more digits than a screen shows."""
    return f"{number:.2f}"


@register.filter
def add_number(number: float, other: float) -> float:
    return number + other


@register.filter
def run_time(job: JobExecutionLog) -> str:
    return duration(counts.run_seconds(job))


@register.filter
def filesize(size: float) -> str:
    """In powers of 1000, as download dialogs and disks count."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:,.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {_UNITS[unit]}"


@register.simple_tag
def rows(number: int) -> str:
    return ngettext("%(shown)s row", "%(shown)s rows", number) % {"shown": f"{number:,}"}


@register.filter
def thousands(number: int) -> str:
    return f"{number:,}"


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


@register.filter
def short_id(job_id: object) -> str:
    return str(job_id)[:8]


@register.filter
def plain(value: object) -> str:
    """A JSON value for people."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return ", ".join(map(plain, value)) if isinstance(value, list) else str(value)


@register.simple_tag
def standing(job: JobExecutionLog) -> str:
    """Where a queued job stands, and when it begins."""
    place = job.place
    if place is None:
        return gettext("Waiting for a worker")
    known = {"place": position(place), "wait": until(place.start)}
    if place.start is None:
        return gettext("Number %(place)s in the queue; no worker is alive") % known
    if is_near(place.start):
        return gettext("Number %(place)s in the queue, begins in a moment") % known
    return gettext("Number %(place)s in the queue, begins in about %(wait)s") % known


@register.simple_tag
def progress(job: JobExecutionLog) -> SafeString:
    """How far a running job is."""
    read = rows(job.rows)
    if job.percent is None:
        return format_html('<span class="soft number">{}</span>', read)
    name = gettext("Progress of %(name)s") % {"name": job.report_name}
    return format_html(
        '<progress max="100" value="{0}" aria-label="{1}">{0} %</progress><span class="soft number">{0} % · {2}</span>',
        job.percent,
        name,
        read,
    )


@register.inclusion_tag("jobs/_actions.html", takes_context=True)
def job_actions(context: template.Context, job: JobExecutionLog) -> dict[str, Any]:
    """The buttons of a job's page that this user may press."""
    user = context["user"]
    allowed = {"may_retry": permissions.may_retry(user, job), "may_cancel": permissions.may_cancel(user, job)}
    return {**allowed, "job": job, "csrf_token": context["csrf_token"]}
