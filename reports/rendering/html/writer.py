"""The html format: one self-contained page that loads nothing, and in which nothing runs but its own sort script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.rendering.base import Document, Renderer, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.column_kinds import NUMBERS, TEMPORAL, ColumnKind
from reports.rendering.columns.views import ColumnView, column_views
from reports.rendering.html import figure
from reports.rendering.html.cells import rows_html
from reports.rendering.html.page import HEAD, HIGHLIGHTS, STYLE, column_rules
from reports.rendering.html.sort_script import SCRIPT
from reports.rendering.html.totals import total_rows_html
from reports.rendering.text_arrays import slices, write_values
from reports.rendering.totals.group_totals import Totals, interleave


class HtmlWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        self._out = out
        self._views = column_views(schema, document.columns, document.locale)
        self._totals = Totals(document.totals, schema, self._views) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None
        out.write(_opening(_visible(self._views), document, self._totals).encode())

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart:
            self._chart.add(batch)
        for rows in slices(batch):
            shown = [
                (view, column) for view, column in zip(self._views, rows.columns, strict=True) if not view.is_hidden
            ]
            texts = rows_html(*zip(*shown, strict=True))
            if self._totals:
                total_rows = self._totals.add(rows)
                for part in interleave(texts, total_rows, total_rows_html(total_rows, self._totals, self._views)):
                    self._out.write(part)
            else:
                write_values(self._out, texts)

    def close(self, *, rows: int, truncated: str | None) -> None:
        group_totals, grand_total = "", ""
        if self._totals:
            total_rows = self._totals.finish(truncated=bool(truncated))
            for row, depth in zip(
                total_rows_html(total_rows, self._totals, self._views), total_rows.depths, strict=True
            ):
                if depth:
                    group_totals += row
                else:
                    # In the table's foot, which sorting leaves alone.
                    grand_total += f"<tfoot>\n{row}</tfoot>\n"
        chart = figure.figure(self._chart, truncated=bool(truncated)) if self._chart else ""
        notice = f'<p class="truncated" role="alert">{escape(truncated)}</p>\n' if truncated else ""
        count = f"<p>{rows:,} {'row' if rows == 1 else 'rows'}</p>\n"
        self._out.write(
            f"{group_totals}</tbody>\n{grand_total}</table>\n</div>\n{chart}"
            f"<footer>\n{notice}{count}</footer>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n".encode()
        )


def _visible(views: Sequence[ColumnView]) -> list[ColumnView]:
    return [view for view in views if not view.is_hidden]


def _opening(views: Sequence[ColumnView], document: Document, totals: Totals | None) -> str:
    """The page up to the first row."""
    title = escape(document.title)
    description = f'<p class="description">{escape(document.description)}</p>\n' if document.description else ""
    details = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(text)}</td></tr>\n'
        for label, text in document.details(totals.description() if totals else "")
    )
    headings = "".join(f'<th scope="col"{_sort_attributes(view)}>{escape(view.label)}</th>' for view in views)
    highlights = HIGHLIGHTS if any(view.options.highlight for view in views) else ""
    style = STYLE + column_rules(views) + highlights + (figure.STYLE if document.chart else "")
    return (
        f"{HEAD}<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>{title}</h1>\n{description}<table class="about">\n{details}</table>\n</header>\n'
        f'<div class="table" role="region" tabindex="0" aria-label="{title}">\n'
        f'<table class="rows">\n<thead>\n<tr>{headings}</tr>\n</thead>\n<tbody>\n'
    )


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


class HtmlRenderer(Renderer):
    format: ClassVar[str] = "html"
    media_type: ClassVar[str] = "text/html; charset=utf-8"
    extension: ClassVar[str] = "html"
    #: Browsers lay out a table as a whole. With more rows they become unusable.
    max_rows: ClassVar[int | None] = 200_000

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return HtmlWriter(out, schema, document)
