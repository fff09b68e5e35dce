"""One table of the HTML page, with its chart."""

from __future__ import annotations

import json
from html import escape
from typing import BinaryIO

import pyarrow as pa

from reports.rendering.base import Document
from reports.rendering.charts.chart import Chart
from reports.rendering.column_kinds import NUMBERS, TEMPORAL, ColumnKind
from reports.rendering.columns.views import ColumnView, column_views
from reports.rendering.html import figure
from reports.rendering.html.cells import rows_html
from reports.rendering.html.totals import total_rows_html
from reports.rendering.text_arrays import slices, write_values
from reports.rendering.totals.group_totals import Totals, interleave


class Table:
    """Writes rows. What is around them is returned as text."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        """`document` has the columns, totals and chart of the table."""
        self._out = out
        self._views = column_views(schema, document.columns, document.locale)
        self.totals = Totals(document.totals, schema, self._views) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None

    @property
    def visible(self) -> list[ColumnView]:
        return [view for view in self._views if not view.is_hidden]

    def opening(self, title: str) -> str:
        """The table up to the first row."""
        headings = "".join(
            f'<th scope="col"{_sort_attributes(view)}>{escape(view.label)}</th>' for view in self.visible
        )
        return (
            f'<div class="table" role="region" tabindex="0" aria-label="{escape(title)}">\n'
            f'<table class="rows">\n<thead>\n<tr>{headings}</tr>\n</thead>\n<tbody>\n'
        )

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart:
            self._chart.add(batch)
        for rows in slices(batch):
            shown = [
                (view, column) for view, column in zip(self._views, rows.columns, strict=True) if not view.is_hidden
            ]
            texts = rows_html(*zip(*shown, strict=True))
            if self.totals:
                total_rows = self.totals.add(rows)
                for part in interleave(texts, total_rows, total_rows_html(total_rows, self.totals, self._views)):
                    self._out.write(part)
            else:
                write_values(self._out, texts)

    def ending(self, *, truncated: bool) -> str:
        """The table from the last row on, and the chart. Raises DesignMismatch."""
        group_totals, grand_total = "", ""
        if self.totals:
            total_rows = self.totals.finish(truncated=truncated)
            for row, depth in zip(
                total_rows_html(total_rows, self.totals, self._views), total_rows.depths, strict=True
            ):
                if depth:
                    group_totals += row
                else:
                    # In the table's foot, which sorting leaves alone.
                    grand_total += f"<tfoot>\n{row}</tfoot>\n"
        chart = figure.figure(self._chart, truncated=truncated) if self._chart else ""
        return f"{group_totals}</tbody>\n{grand_total}</table>\n</div>\n{chart}"


def _sort_attributes(view: ColumnView) -> str:
    """How the script sorts the column, and how it reads numbers that are not written as in programs.

    Intervals are sorted as texts, whose digits it compares as numbers.
    """
    kind, numerals = view.kind, view.numerals
    order = "moment" if kind in TEMPORAL else "duration" if kind is ColumnKind.DURATION else "text"
    if kind not in NUMBERS:
        return f' data-sort="{order}"'
    if not view.pattern and numerals.is_ascii and numerals.point == ".":
        return ' data-sort="number"'
    affixes = escape(json.dumps(view.affixes, ensure_ascii=False))
    return (
        f' data-sort="number" data-zero="{ord(numerals.digits[0])}" data-point="{escape(numerals.point)}" '
        f'data-affixes="{affixes}"'
    )
