"""HTML: one self-contained page with nothing in it that loads, and nothing that runs but its own sorting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from html import escape
from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.rendering.base import Document, Writer
from reports.rendering.charts.chart import Chart
from reports.rendering.html import figure
from reports.rendering.html.cells import cell_texts
from reports.rendering.html.page import HEAD, STYLE
from reports.rendering.html.sort_script import SCRIPT
from reports.rendering.html.totals import line_texts
from reports.rendering.kinds import NUMBERS, TEMPORAL, kind_of
from reports.rendering.text_arrays import join_rows, slices, write_values
from reports.rendering.totals.group_totals import Totals, interleave


class HtmlWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        self._out = out
        self._totals = Totals(document.totals, schema) if document.totals else None
        self._chart = Chart(document.chart, schema) if document.chart else None
        out.write(_opening(schema, document, self._totals).encode())

    def write(self, batch: pa.RecordBatch) -> None:
        if self._chart is not None:
            self._chart.add(batch)
        for piece in slices(batch):
            if self._totals is None:
                write_values(self._out, _rows(piece))
            else:
                self._write_with_totals(piece, self._totals)

    def close(self, *, rows: int, truncated: str | None) -> None:
        notice = f'<p class="truncated" role="alert">{escape(truncated)}</p>\n' if truncated else ""
        count = f"<p>{rows:,} {'row' if rows == 1 else 'rows'}</p>\n"
        chart = figure.figure(self._chart, truncated=bool(truncated)) if self._chart else ""
        ending = (
            f"{self._last_lines(bool(truncated))}</table>\n</div>\n{chart}<footer>\n{notice}{count}</footer>\n</main>\n"
        )
        self._out.write(f"{ending}<script>{SCRIPT}</script>\n</body>\n</html>\n".encode())

    def _write_with_totals(self, piece: pa.RecordBatch, totals: Totals) -> None:
        total_rows = totals.add(piece)
        for part in interleave(_rows(piece), total_rows, line_texts(total_rows, totals)):
            self._out.write(part)

    def _last_lines(self, truncated: bool) -> str:
        """The end of the table's body, and the total of everything as its foot."""
        if self._totals is None:
            return "</tbody>\n"
        total_rows = self._totals.finish(truncated=truncated)
        texts = line_texts(total_rows, self._totals)
        groups = "".join(text for text, depth in zip(texts, total_rows.depths, strict=True) if depth)
        grand = "".join(text for text, depth in zip(texts, total_rows.depths, strict=True) if not depth)
        return f"{groups}</tbody>\n" + (f"<tfoot>\n{grand}</tfoot>\n" if grand else "")


def _rows(piece: pa.RecordBatch) -> pa.Array:
    return join_rows([cell_texts(column) for column in piece.columns], "<tr><td>", "</td><td>", "</td></tr>\n")


def _opening(schema: pa.Schema, document: Document, totals: Totals | None) -> str:
    title = escape(document.title)
    description = f'<p class="description">{escape(document.description)}</p>\n' if document.description else ""
    heads = "".join(f'<th scope="col" data-sort="{_order(field)}">{escape(field.name)}</th>' for field in schema)
    style = STYLE + _alignment(schema) + (figure.STYLE if document.chart else "")
    return (
        f"{HEAD}<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<header>\n<h1>{title}</h1>\n{description}{_about(document, totals)}</header>\n"
        f'<div class="table" role="region" tabindex="0" aria-label="{title}">\n'
        f'<table class="rows">\n<thead>\n<tr>{heads}</tr>\n</thead>\n<tbody>\n'
    )


def _order(field: pa.Field) -> str:
    """By what the page sorts the column. A duration's text has its number inside, as texts are compared."""
    kind = kind_of(field.type)
    return "number" if kind in NUMBERS else "moment" if kind in TEMPORAL else "text"


def _about(document: Document, totals: Totals | None) -> str:
    moment = document.generated_at.astimezone(UTC)
    facts = [*document.parameters.items(), ("Generated", f"{moment:%Y-%m-%d %H:%M:%S} UTC")]
    facts.append(("Version", str(document.version)))
    if totals:
        facts.append(("Totals", totals.description()))
    lines = (f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>\n' for label, value in facts)
    return f'<table class="about">\n{"".join(lines)}</table>\n'


def _alignment(schema: pa.Schema) -> str:
    """Numbers to the right, dates on one line. By column: a class in every cell would double narrow tables."""
    kinds = [kind_of(field.type) for field in schema]
    right = "text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap"
    return _rule([kind in NUMBERS for kind in kinds], right) + _rule(
        [kind in TEMPORAL for kind in kinds], "white-space: nowrap"
    )


def _rule(columns: Sequence[bool], declarations: str) -> str:
    cells = ",".join(f".rows tr>:nth-child({index})" for index, chosen in enumerate(columns, 1) if chosen)
    return f"{cells} {{ {declarations} }}\n" if cells else ""


class HtmlRenderer:
    format: ClassVar[str] = "html"
    media_type: ClassVar[str] = "text/html; charset=utf-8"
    extension: ClassVar[str] = "html"
    #: Browsers lay out a table as a whole, and become unusable with more.
    max_rows: ClassVar[int | None] = 200_000
    streams: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return HtmlWriter(out, schema, document)
