"""The charts of the overview and their tables: hundreds of points and cells, for which a template takes ten times as
long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from jobs.figures import Hour, Stretch
from jobs.templatetags.jobs import coordinate, duration, hour, moment, thousands

register = template.Library()
#: Of the chart of a time, in its own units; lines keep off its edges by half of their width.
_WIDTH, _HEIGHT, _EDGE = 200, 40, 2


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


@register.simple_tag
def trend(stretches: Sequence[Stretch], name: str) -> SafeString:
    """Two lines, of what half and what 95 % took at most; `name` is waits or runs."""
    times = [getattr(stretch, name) for stretch in stretches]
    highest = max(most for _, most in times) or 1
    half, most = (" ".join(_points(line, highest)) for line in zip(*times, strict=True))
    return format_html('<polyline class="most" points="{}"/><polyline class="half" points="{}"/>', most, half)


@register.simple_tag
def stretch_rows(stretches: Sequence[Stretch]) -> SafeString:
    """The newest first."""
    cell = '<td class="right number">{}</td>'
    rows = (
        (moment(one.begin), one.jobs, format_html_join("", cell, ((duration(at),) for at in (*one.waits, *one.runs))))
        for one in reversed(stretches)
    )
    return format_html_join("", '<tr><th scope="row">{}</th><td class="right number">{}</td>{}</tr>', rows)


def _points(line: Sequence[float], highest: float) -> Iterator[str]:
    step = _WIDTH / (len(line) - 1)
    for number, at in enumerate(line):
        yield f"{number * step:.0f},{_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * at / highest:.1f}"


def _cells(one: Hour) -> SafeString:
    return format_html_join("", '<td class="right number">{}</td>', ((thousands(count),) for count in one.counts))
