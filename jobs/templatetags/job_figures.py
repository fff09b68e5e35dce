"""The charts of the overview and their tables: hundreds of points and cells, for which a template takes ten times as
long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.templatetags.format import coordinate, duration, hour, moment, thousands
from jobs.monitoring.statistics import Bar, Hour, Stretch

register = template.Library()
#: Of the chart of a time, in its own units; lines keep off its edges by half of their width.
_WIDTH, _HEIGHT, _EDGE = 200, 40, 2


@register.simple_tag
def bars(hours: Sequence[Hour]) -> SafeString:
    """Each hour's column."""
    return SafeString("".join(_bar(one, bar) for one in hours for bar in one.bars))


@register.simple_tag
def hour_rows(hours: Sequence[Hour]) -> SafeString:
    """The hours in which there were jobs, the last one first."""
    return _rows((hour(one.begin), *map(thousands, one.counts)) for one in reversed(hours) if one.total)


@register.simple_tag
def trend(stretches: Sequence[Stretch], name: str) -> SafeString:
    """Two lines, of what half and what 95 % took at most; `name` is waits or runs."""
    times = [getattr(stretch, name) for stretch in stretches]
    highest = max(most for _, most in times) or 1
    half, most = (" ".join(_points(line, highest)) for line in zip(*times, strict=True))
    return format_html('<polyline class="p95" points="{}"/><polyline class="p50" points="{}"/>', most, half)


@register.simple_tag
def stretch_rows(stretches: Sequence[Stretch]) -> SafeString:
    """The newest first."""
    return _rows(
        (moment(one.begin), f"{one.jobs}", *map(duration, (*one.waits, *one.runs))) for one in reversed(stretches)
    )


# Numbers need no escaping, which would take most of the time.
def _bar(one: Hour, bar: Bar) -> str:
    y, height = coordinate(bar.y), coordinate(bar.height)
    return f'<rect class="bar-{bar.status}" x="{one.x}" y="{y}" width="24" height="{height}"/>'


def _rows(rows: Iterable[tuple[str, ...]]) -> SafeString:
    return SafeString("".join(f'<tr><th scope="row">{head}</th>{_cells(cells)}</tr>' for head, *cells in rows))


def _cells(texts: Iterable[str]) -> str:
    return "".join(f'<td class="right number">{text}</td>' for text in texts)


def _points(line: Sequence[float], highest: float) -> Iterator[str]:
    step = _WIDTH / (len(line) - 1)
    for number, at in enumerate(line):
        yield f"{number * step:.0f},{_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * at / highest:.1f}"
