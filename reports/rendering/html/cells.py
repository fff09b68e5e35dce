"""What the cells of the HTML table hold."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_text import display_text
from reports.rendering.kinds import Kind, kind_of
from reports.rendering.text_arrays import replace_characters

#: Browsers drop or refuse control characters; their pictures (U+2400 and on) are seen.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {
    chr(code): chr(0x2400 + code) for code in range(32) if code not in (9, 10, 13)
}
_FREE_TEXT = frozenset({Kind.TEXT, Kind.JSON, Kind.NESTED, Kind.NUMERIC_TEXT})
#: The style sheet draws a dash into it, so NULL is seen, and a copied table still has an empty cell.
_NULL = "<i></i>"


def cell_texts(column: pa.Array) -> pa.Array:
    """The content of the cells of a column, escaped."""
    texts = display_text(column)
    if kind_of(column.type) in _FREE_TEXT:
        texts = replace_characters(texts, _ESCAPES)
    return pc.fill_null(texts, _NULL)
