"""The charts of the overview, and the tables with their numbers.

They have hundreds of points and cells, for which a template would take ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.templatetags.format import coordinate, duration, hour, moment, thousands
from jobs.monitoring.statistics import Hour, TrendPoint
from jobs.status import Status

register = template.Library()
#: The chart of jobs per hour, in its own units: the bars' width, the gap between them, and the height.
_BAR, _GAP, _BAR_CHART_HEIGHT = 24, 6, 120
#: The chart of a trend, in its own units; its lines keep a distance from the edges, or they would be cut there.
_TREND_WIDTH, _TREND_HEIGHT, _TREND_PADDING = 200, 40, 2
_HOURS_BETWEEN_LABELS = 4


@register.simple_tag
def hour_bars(hours: Sequence[Hour]) -> SafeString:
    """A stacked bar for each hour; the statuses are stacked in their order, from top to bottom."""
    highest = max(hour.total for hour in hours) or 1
    bars = []
    for number, each in enumerate(hours):
        y = float(_BAR_CHART_HEIGHT)
        for status, count in zip(reversed(Status.values), reversed(each.counts), strict=True):
            height = _BAR_CHART_HEIGHT * count / highest
            y -= height
            if count:
                bars.append(
                    f'<rect class="bar-{status.lower()}" x="{number * (_BAR + _GAP)}" y="{coordinate(y)}" '
                    f'width="{_BAR}" height="{coordinate(height)}"/>'
                )
    return SafeString("".join(bars))


@register.simple_tag
def hour_labels(hours: Sequence[Hour]) -> SafeString:
    labels = [
        f'<text class="hour" x="{number * (_BAR + _GAP)}" y="140">{hour(each.start)}</text>'
        for number, each in enumerate(hours)
        if number % _HOURS_BETWEEN_LABELS == 0
    ]
    return SafeString("".join(labels))


@register.simple_tag
def hour_rows(hours: Sequence[Hour]) -> SafeString:
    """Table rows of the hours in which jobs were queued, the newest first."""
    return _rows((hour(each.start), *map(thousands, each.counts)) for each in reversed(hours) if each.total)


@register.simple_tag
def trend_lines(trend: Sequence[TrendPoint], name: str) -> SafeString:
    """Two lines: the median and the 95th percentile of `name`, which is "waits" or "runs"."""
    percentiles = [getattr(point, name) for point in trend]
    highest = max(p95 for _, p95 in percentiles) or 1
    p50, p95 = (_points(line, highest) for line in zip(*percentiles, strict=True))
    return format_html('<polyline class="p95" points="{}"/><polyline class="p50" points="{}"/>', p95, p50)


@register.simple_tag
def trend_rows(trend: Sequence[TrendPoint]) -> SafeString:
    """Table rows of a trend, the newest first."""
    return _rows(
        (moment(point.start), f"{point.jobs}", *map(duration, (*point.waits, *point.runs))) for point in reversed(trend)
    )


def _rows(rows: Iterable[tuple[str, ...]]) -> SafeString:
    # Without escaping: the cells are numbers and times, and escaping would take most of the time.
    html = []
    for head, *cells in rows:
        columns = "".join(f'<td class="right number">{cell}</td>' for cell in cells)
        html.append(f'<tr><th scope="row">{head}</th>{columns}</tr>')
    return SafeString("".join(html))


def _points(line: Sequence[float], highest: float) -> str:
    step = _TREND_WIDTH / (len(line) - 1)
    usable = _TREND_HEIGHT - 2 * _TREND_PADDING
    return " ".join(
        f"{number * step:.0f},{_TREND_HEIGHT - _TREND_PADDING - usable * value / highest:.1f}"
        for number, value in enumerate(line)
    )
