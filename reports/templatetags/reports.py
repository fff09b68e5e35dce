"""How the pages show reports: their URLs, kinds of delivery, differences and previews."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from reports.editing.differences import Difference
from reports.models import DeliveryTarget
from reports.querysets import report_key

register = template.Library()


@register.simple_tag(takes_context=True, name="report_key")
def report_key_tag(context: template.Context, slug: str, report_id: object) -> str:
    """The part of a URL that names the report, for the user of the page."""
    return report_key(context["user"], slug, report_id)


@register.filter
def kind_name(kind: str) -> str:
    """A kind of delivery for people."""
    return str(DeliveryTarget.Kind(kind).label) if kind in DeliveryTarget.Kind.values else kind


@register.filter
def with_code(text: str) -> SafeString:
    """A sentence of the definitions, in which `...` marks code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if at % 2 else part,) for at, part in parts)
    )


@register.filter
def by_lines(found: Iterable[Difference] | None) -> list[Difference]:
    """Those that are compared line by line."""
    return [one for one in found or [] if one.lines]


@register.filter
def in_short(found: Iterable[Difference] | None) -> list[Difference]:
    """The others."""
    return [one for one in found or [] if not one.lines]


@register.filter
def beside(row: Iterable[object], columns: Iterable[object]) -> list[tuple[object, object]]:
    """Each cell with its column."""
    return list(zip(row, columns, strict=True))
