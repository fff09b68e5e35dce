"""Lines of totals in the HTML table: rows of its body after each group, and its foot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from reports.rendering.html.cells import cell_texts
from reports.rendering.text_arrays import TEXT
from reports.rendering.totals.group_totals import TotalRows, Totals


def line_texts(lines: TotalRows, totals: Totals) -> list[str]:
    """A table row for each line. Its class tells it from the rows of the result, also to the script that sorts."""
    labels = cell_texts(pa.array(lines.labels, TEXT)).to_pylist()
    cells = {at: _cells(at, column, totals) for at, column in enumerate(lines.columns) if column is not None}
    rows = ("".join(_row(line, labels[line], depth, cells, totals)) for line, depth in enumerate(lines.depths))
    return [f'<tr class="total">{row}</tr>\n' for row in rows]


def _cells(at: int, column: pa.Array, totals: Totals) -> list[str]:
    """The totals of a column; what is no sum says what it is."""
    function = totals.functions()[at]
    title = "" if function == "sum" else f' title="{function}"'
    side = ' class="right"' if totals.is_number(at) else ""
    return [f"<td{title}{side}>{text}</td>" for text in cell_texts(column).to_pylist()]


def _row(line: int, label: str, depth: int, cells: Mapping[int, Sequence[str]], totals: Totals) -> Iterator[str]:
    """The cells of one row; the label has all the room up to the next total."""
    label_at, at = totals.label_column(depth), 0
    while at < totals.width:
        if at in cells:
            yield cells[at][line]
            at += 1
        elif at == label_at:
            end = next((column for column in range(at + 1, totals.width) if column in cells), totals.width)
            yield f'<th scope="row" colspan="{end - at}">{label}</th>'
            at = end
        else:
            yield "<td></td>"
            at += 1
