"""Tags and filters that format values for people: times, durations, sizes, numbers, icons. Independent of any app."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from common import form_recovery
from common.localization.writing import clock_time, day, in_readers_zone, number, zone_name

register = template.Library()
#: Shown where there is no value.
NO_VALUE = "\N{EN DASH}"
_UNITS = ("kB", "MB", "GB", "TB")


@register.simple_tag
@lru_cache
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


@register.simple_tag
def status_badge(status: str) -> SafeString:
    return _badge(status, gettext(status))


@lru_cache
def _badge(status: str, label: str) -> SafeString:
    return format_html('<span class="status {}">{}{}</span>', status.lower(), icon(status.lower()), label)


@register.simple_tag(takes_context=True)
def menu_item(context: template.Context, url_name: str, label: str) -> SafeString:
    """A link in the main menu, marked as current on its page and the pages below that."""
    url, path = reverse(url_name), context["request"].path
    is_current = path == url or (url != "/" and path.startswith(f"{url.rstrip('/')}/"))
    current = SafeString(' aria-current="page"' if is_current else "")
    return format_html('<a href="{}"{}>{}</a>', url, current, label)


@register.simple_tag(takes_context=True)
def form_owner(context: template.Context) -> SafeString:
    """The hidden field that lets a form's input survive the end of the session (see common.form_recovery)."""
    owner = form_recovery.sign_owner(context["user"], context["request"].session.session_key)
    return format_html('<input type="hidden" name="{}" value="{}">', form_recovery.OWNER_FIELD, owner)


@register.simple_tag
def moment(at: datetime | None) -> SafeString:
    """A time in the reader's time zone; the year is left out if it is the current one."""
    return moment_with_text(at)[0] if at else SafeString(NO_VALUE)


def moment_with_text(at: datetime) -> tuple[SafeString, str]:
    """The same <time> element, and its text alone."""
    local = in_readers_zone(at)
    text = f"{day(at)} {clock_time(at)}"
    machine_readable, title = local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', machine_readable, title, text), text


@register.simple_tag
def zone() -> str:
    """The time zone of the page's times."""
    return zone_name()


@register.filter
def hour(at: datetime) -> str:
    return clock_time(at, seconds=False)


@register.filter
def datetime_local(field: BoundField) -> str:
    """The field's time for <input type="datetime-local">: in the reader's time zone, without an offset."""
    at = getattr(field.form, "cleaned_data", {}).get(field.name)
    return f"{in_readers_zone(at):%Y-%m-%dT%H:%M:%S}" if at else ""


@register.filter
def duration(seconds: float | None) -> str:
    if seconds is None:
        return NO_VALUE
    return f"{number(max(seconds, 0), 1)} s" if seconds < 10 else _whole_seconds(seconds)


def _whole_seconds(seconds: float) -> str:
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest:02} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole // 60, 60)
    return f"{hours} h {rest:02} min" if rest else f"{hours} h"


@register.filter
def since(at: datetime) -> str:
    """The time elapsed since then."""
    return _whole_seconds((timezone.now() - at).total_seconds())


@register.filter
def until(at: datetime | None) -> str:
    """The time left until then."""
    return _whole_seconds((at - timezone.now()).total_seconds()) if at else NO_VALUE


@register.filter
def filesize(size: float) -> str:
    """Bytes in powers of 1000, as download dialogs and disks count."""
    if size < 1000:
        return gettext("%(number)s bytes") % {"number": number(size)}
    size, unit = size / 1000, 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{number(size, 0 if size >= 100 else 1)} {_UNITS[unit]}"


@register.filter
def format_names(formats: Iterable[str]) -> str:
    """File formats, for people."""
    return ", ".join(format.upper() for format in formats)


@register.filter
def thousands(count: int) -> str:
    return number(count)


@register.filter
def capped(count: int, limit: int) -> str:
    """A count that stopped just above the limit: 10,001 with limit 10,000 is shown as 10,000+."""
    return f"{number(limit)}+" if count > limit else number(count)


@register.simple_tag
def rows(count: int) -> str:
    return ngettext("%(number)s row", "%(number)s rows", count) % {"number": number(count)}


@register.filter
def coordinate(value: float) -> str:
    """A number for SVG: with a point in every language, and no more digits than a screen shows."""
    return f"{value:.2f}"


@register.filter
def add_number(value: float, other: float) -> float:
    """The sum of two floats; Django's own `add` truncates them to integers."""
    return value + other


@register.filter
def short_id(identifier: object) -> str:
    return str(identifier)[:8]


@register.filter
def plain(value: object) -> str:
    """A JSON value for people."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items())
    return ", ".join(map(plain, value)) if isinstance(value, list) else str(value)
