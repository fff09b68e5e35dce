"""Tags and filters that show reports: their URLs, deliveries, differences and previews."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from reports.editing.differences import Difference
from reports.querysets import report_key
from reports.targets.models import DeliveryTarget

register = template.Library()


@register.simple_tag(takes_context=True, name="report_key")
def report_key_tag(context: template.Context, slug: str, report_id: object) -> str:
    """The part of a URL that identifies the report, for the user of the page."""
    return report_key(context["user"], slug, report_id)


@register.filter
def delivery_kind(kind: str) -> str:
    return str(DeliveryTarget.Kind(kind).label) if kind in DeliveryTarget.Kind.values else kind


@register.filter
def delivery(target: DeliveryTarget) -> str:
    """A target's mode, if it has one, else its kind."""
    return str(target.get_mode_display() or target.get_kind_display())


@register.filter
def with_code(text: str) -> SafeString:
    """Text in which backquotes mark code."""
    parts = enumerate(text.split("`"))
    # Every second part was between backquotes.
    marked = (format_html("<code>{}</code>", part) if number % 2 else part for number, part in parts)
    return format_html_join("", "{}", ((part,) for part in marked))


@register.filter
def with_lines(differences: Iterable[Difference] | None) -> list[Difference]:
    """The differences that are shown line by line."""
    return [difference for difference in differences or [] if difference.lines]


@register.filter
def without_lines(differences: Iterable[Difference] | None) -> list[Difference]:
    return [difference for difference in differences or [] if not difference.lines]


@register.filter
def zip_with(row: Iterable[object], columns: Iterable[object]) -> list[tuple[object, object]]:
    """Each cell with its column."""
    return list(zip(row, columns, strict=True))
