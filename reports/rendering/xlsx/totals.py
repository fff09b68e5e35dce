"""Total rows in a sheet: below the rows of their group, which Excel can fold."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from reports.rendering.text_arrays import TEXT
from reports.rendering.totals.group_totals import TotalRows, Totals
from reports.rendering.xlsx.cells import CellBuilder, ColumnStyles, inline_text
from reports.rendering.xlsx.styles import TOTAL, Style

#: A sum may be this many characters longer than the values of its column. Excel shows ### for a number without room.
SUM_EXTRA_WIDTH = 5.0
#: Excel folds at most this many levels of rows.
_MAX_OUTLINE_LEVEL = 7


def total_rows_xml(
    total_rows: TotalRows,
    row_numbers: Sequence[int],
    totals: Totals,
    letters: Sequence[str],
    styles: Sequence[ColumnStyles],
) -> list[str]:
    """The `<row>` of each total row, with these row numbers. `letters` names the columns."""
    addresses, builder = pa.array(row_numbers, pa.int64()).cast(TEXT), CellBuilder(totals=True)
    functions = totals.functions()
    columns = [
        # The number of values has no format.
        builder.cells(values, name, addresses, None if functions[at] == "count" else styles[at]).to_pylist()
        if values is not None
        else None
        for at, (values, name) in enumerate(zip(total_rows.columns, letters, strict=True))
    ]
    rows = []
    for row, (number, depth) in enumerate(zip(row_numbers, total_rows.depths, strict=True)):
        cells = []
        for column, column_letters in zip(columns, letters, strict=True):
            cell = column[row] if column else ""
            cells.append(cell or f'<c r="{column_letters}{number}" s="{TOTAL}"/>')
        if (label_column := totals.label_column(depth)) is not None:
            address, label = f"{letters[label_column]}{number}", inline_text(total_rows.labels[row])
            cells[label_column] = f'<c r="{address}" s="{Style.TEXT + TOTAL}"{label}</c>'
        rows.append(f'<row r="{number}"{outline(depth - 1)}>{"".join(cells)}</row>\n')
    return rows


def outline(level: int) -> str:
    """The attribute of a row that folds at this level. Rows at level 0 don't fold."""
    return f' outlineLevel="{min(level, _MAX_OUTLINE_LEVEL)}"' if level > 0 else ""


def row_numbers(first: int, rows: int, total_rows: TotalRows) -> tuple[list[int], list[int]]:
    """The sheet's row numbers of this many rows from `first` on, and of the total rows between them."""
    of_rows: list[int] = []
    of_total_rows: list[int] = []
    for before in [*total_rows.before, rows]:
        next_row = first + len(of_total_rows) + len(of_rows)
        end = first + len(of_total_rows) + before
        of_rows.extend(range(next_row, end))
        of_total_rows.append(end)
    # The last number is that of the row after all of them.
    return of_rows, of_total_rows[:-1]
