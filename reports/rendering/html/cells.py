"""The cells of the HTML table."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import ColumnKind, kind_of
from reports.rendering.column_text import display_text
from reports.rendering.text_arrays import replace_characters

#: HTML can't contain control characters, so Unicode's pictures of them (from U+2400 on) take their place.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {
    chr(code): chr(0x2400 + code) for code in range(32) if code not in (9, 10, 13)
}
_FREE_TEXT = frozenset({ColumnKind.TEXT, ColumnKind.JSON, ColumnKind.NESTED, ColumnKind.NUMERIC_TEXT})
#: The style sheet draws a dash in this element. So NULL is visible, but the cell is empty in a copy of the table.
_NULL = "<i></i>"


def cell_contents(column: pa.Array) -> pa.Array:
    """The escaped content of each cell of a column."""
    texts = display_text(column)
    if kind_of(column.type) in _FREE_TEXT:
        texts = replace_characters(texts, _ESCAPES)
    return pc.fill_null(texts, _NULL)
