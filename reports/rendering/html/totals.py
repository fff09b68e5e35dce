"""Total rows in the HTML table: in its body below each group, and the grand total in its foot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from reports.rendering.columns.views import ColumnView
from reports.rendering.html.cells import cell_contents
from reports.rendering.text_arrays import TEXT
from reports.rendering.totals.group_totals import TotalRows, Totals


def total_rows_html(total_rows: TotalRows, totals: Totals, views: Sequence[ColumnView]) -> list[str]:
    """The `<tr>` of each total row. Its class distinguishes it from rows of the result, for the sort script too."""
    labels = cell_contents(pa.array(total_rows.labels, TEXT)).to_pylist()
    cells: dict[int, list[str]] = {}
    for column, (values, view) in enumerate(zip(total_rows.columns, views, strict=True)):
        if values is not None and not view.is_hidden:
            function = totals.functions()[column]
            # The style sheet shows the title. A sum needs no name.
            title = "" if function == "sum" else f' title="{function}"'
            alignment = ' class="right"' if totals.is_number(column) and not view.options.align else ""
            texts = cell_contents(view.total_texts(values, function)).to_pylist()
            cells[column] = [f"<td{title}{alignment}>{text}</td>" for text in texts]
    visible = [column for column, view in enumerate(views) if not view.is_hidden]
    rows = []
    for row, depth in enumerate(total_rows.depths):
        row_cells = "".join(_row_cells(row, labels[row], totals.label_column(depth), cells, visible))
        rows.append(f'<tr class="total">{row_cells}</tr>\n')
    return rows


def _row_cells(
    row: int, label: str, label_column: int | None, cells: Mapping[int, Sequence[str]], visible: Sequence[int]
) -> Iterator[str]:
    """The cells of one row. The label's cell spans the columns up to the next total."""
    at = 0
    while at < len(visible):
        column, end = visible[at], at + 1
        if column in cells:
            yield cells[column][row]
        elif column == label_column:
            end = next((other for other in range(end, len(visible)) if visible[other] in cells), len(visible))
            yield f'<th scope="row" colspan="{end - at}">{label}</th>'
        else:
            yield "<td></td>"
        at = end
