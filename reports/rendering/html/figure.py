"""The chart of the HTML page: a drawing within the page, which its style sheet puts above the table.

It comes after the table in the file, as it can only be drawn when all rows are known.
"""

from __future__ import annotations

from html import escape

from reports.rendering.charts.chart import Chart, ChartStyle
from reports.rendering.charts.theme import AXIS, INK, LINE, SOFT

#: Arial, or a font with letters as wide as Arial's: the process that draws has measured with them.
_LOOK = ChartStyle("svg", font="Arial, Liberation Sans, Helvetica, sans-serif")

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
    """The chart and what has to be said of it."""
    drawing = chart.draw(_LOOK, truncated=truncated)
    note = f"<figcaption>{escape(drawing.note)}</figcaption>\n" if drawing.note else ""
    image = f'<div role="img" aria-label="{escape(drawing.label)}">{drawing.content.decode()}</div>\n'
    return f'<figure class="chart">\n{image if drawing.content else ""}{note}</figure>\n'
