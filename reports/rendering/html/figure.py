"""The chart of the HTML page: an SVG drawing inside of the page.

All rows have to be known before it can be drawn, so it comes after the table in the file. The style sheet moves it
above the table.
"""

from __future__ import annotations

from html import escape

from reports.rendering.charts.chart import Chart, ChartStyle
from reports.rendering.charts.theme import AXIS, INK, LINE, SOFT

#: Arial, or fonts with letters as wide as Arial's, with which the drawing process has measured the texts.
_CHART_STYLE = ChartStyle("svg", font="Arial, Liberation Sans, Helvetica, sans-serif")

STYLE = f"""main {{ display: flex; flex-direction: column; align-items: flex-start }}
main > header {{ order: -2 }}
main > .chart {{ order: -1 }}
.chart {{ position: sticky; left: 28px; margin: 0 0 22px; max-width: calc(100vw - 56px) }}
.chart svg {{ display: block; max-width: 100%; height: auto }}
.chart figcaption {{ margin-top: 8px; color: var(--soft); font-size: 13px }}
.chart [fill="{INK}"] {{ fill: var(--ink) }}
.chart [fill="{SOFT}"] {{ fill: var(--soft) }}
.chart [stroke="{SOFT}"] {{ stroke: var(--soft) }}
.chart [stroke="{LINE}"] {{ stroke: var(--line) }}
.chart [stroke="{AXIS}"] {{ stroke: var(--rule) }}
@media print {{ .chart {{ position: static; break-inside: avoid; max-width: 100% }} }}
"""


def figure(chart: Chart, *, truncated: bool) -> str:
    """The chart and its note. Raises DesignMismatch."""
    drawing = chart.draw(_CHART_STYLE, truncated=truncated)
    image = f'<div role="img" aria-label="{escape(drawing.label)}">{drawing.content.decode()}</div>\n'
    note = f"<figcaption>{escape(drawing.note)}</figcaption>\n" if drawing.note else ""
    return f'<figure class="chart">\n{image if drawing.content else ""}{note}</figure>\n'
