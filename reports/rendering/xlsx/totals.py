"""Lines of totals in a sheet: rows of their own, below the rows of their group, which Excel can fold."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from reports.rendering.text_arrays import TEXT
from reports.rendering.totals.group_totals import TotalRows, Totals
from reports.rendering.xlsx import parts as parts
from reports.rendering.xlsx.cells import CellMaker, inline_text

#: Characters that a sum may be longer than the values of its column: Excel shows ### for a number without room.
SUM_WIDTH = 5.0
#: Levels of rows that can be folded, as many as Excel has.
_MAX_OUTLINE = 7


def line_rows(lines: TotalRows, numbers: Sequence[int], totals: Totals, letters: Sequence[str]) -> list[str]:
    """The XML of each line, which becomes the row of that number."""
    addresses, maker = pa.array(numbers, pa.int64()).cast(TEXT), CellMaker(totals=True)
    made = [
        [""] * len(lines) if column is None else maker.cells(column, letter, addresses).to_pylist()
        for column, letter in zip(lines.columns, letters, strict=True)
    ]
    rows = []
    for line, (number, depth) in enumerate(zip(numbers, lines.depths, strict=True)):
        cells = [cells[line] or _empty(letter, number) for cells, letter in zip(made, letters, strict=True)]
        if (at := totals.label_column(depth)) is not None:
            cells[at] = _label(letters[at], number, lines.labels[line])
        rows.append(f'<row r="{number}"{outline(depth - 1)}>{"".join(cells)}</row>\n')
    return rows


def _label(letters: str, number: int, label: str) -> str:
    return f'<c r="{letters}{number}" s="{parts.TEXT + parts.TOTALS}"{inline_text(label)}</c>'


def _empty(letters: str, number: int) -> str:
    return f'<c r="{letters}{number}" s="{parts.TOTALS}"/>'


def outline(level: int) -> str:
    """The attribute of a row that folds at that level; none at level 0."""
    return f' outlineLevel="{min(level, _MAX_OUTLINE)}"' if level > 0 else ""


def numbered(first: int, rows: int, lines: TotalRows) -> tuple[list[int], list[int]]:
    """The row numbers of so many rows of a piece, and of the lines between them."""
    of_rows: list[int] = []
    of_lines: list[int] = []
    for before in lines.before:
        of_rows.extend(range(first + len(of_lines) + len(of_rows), first + len(of_lines) + before))
        of_lines.append(first + len(of_lines) + before)
    of_rows.extend(range(first + len(of_lines) + len(of_rows), first + len(of_lines) + rows))
    return of_rows, of_lines
