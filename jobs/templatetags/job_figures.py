"""The chart of the overview and its table: a hundred bars and cells, which take a template ten times as long."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from jobs.figures import Hour
from jobs.templatetags.jobs import coordinate, hour, thousands

register = template.Library()


@register.simple_tag
def bars(hours: Sequence[Hour]) -> SafeString:
    """Each hour's column."""
    return format_html_join(
        "",
        '<rect class="bar-{}" x="{}" y="{}" width="24" height="{}"/>',
        ((bar.status, one.x, coordinate(bar.y), coordinate(bar.height)) for one in hours for bar in one.bars),
    )


@register.simple_tag
def hour_rows(hours: Sequence[Hour]) -> SafeString:
    """The hours in which there were jobs, the last one first."""
    rows = ((hour(one.begin), _cells(one)) for one in reversed(hours) if one.total)
    return format_html_join("", '<tr><th scope="row">{}</th>{}</tr>', rows)


def _cells(one: Hour) -> SafeString:
    return format_html_join("", '<td class="right number">{}</td>', ((thousands(count),) for count in one.counts))
