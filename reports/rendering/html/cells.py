"""The cells of the HTML table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from reports.rendering.column_kinds import TEMPORAL, ColumnKind, unwrapped
from reports.rendering.column_text import as_text
from reports.rendering.columns.highlights import STYLES
from reports.rendering.columns.views import ColumnView
from reports.rendering.text_arrays import TEXT, concat, join_rows, replace_characters

#: HTML can't contain control characters, so Unicode's pictures of them (from U+2400 on) take their place.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {
    chr(code): chr(0x2400 + code) for code in range(32) if code not in (9, 10, 13)
}
_FREE_TEXT = frozenset({ColumnKind.TEXT, ColumnKind.JSON, ColumnKind.NESTED, ColumnKind.NUMERIC_TEXT})
#: The style sheet draws a dash in this element. So NULL is visible, but the cell is empty in a copy of the table.
_NULL = "<i></i>"
#: The rest of a cell's start tag, by the number of its highlight; the last one is that of the others.
_STARTS = pa.array([*(f' class="{style}">' for style in STYLES), ">"], TEXT)


def cell_contents(texts: pa.Array, *, is_safe: bool = False) -> pa.Array:
    """The escaped content of each cell. `is_safe`: there are no characters to be escaped."""
    return pc.fill_null(texts if is_safe else replace_characters(texts, _ESCAPES), _NULL)


def rows_html(views: Sequence[ColumnView], columns: Sequence[pa.Array]) -> pa.Array:
    """The `<tr>` of each row."""
    contents = [_contents(view, column) for view, column in zip(views, columns, strict=True)]
    highlights = [view.highlighted(column) for view, column in zip(views, columns, strict=True)]
    if all(highlighted is None for highlighted in highlights):
        return join_rows(contents, "<tr><td>", "</td><td>", "</td></tr>\n")
    # The end of each cell's start tag belongs to the cell.
    cells = [
        concat(">" if highlighted is None else _STARTS.take(pc.fill_null(highlighted, len(STYLES))), content)
        for highlighted, content in zip(highlights, contents, strict=True)
    ]
    return join_rows(cells, "<tr><td", "</td><td", "</td></tr>\n")


def _contents(view: ColumnView, column: pa.Array) -> pa.Array:
    if view.pattern and view.kind in TEMPORAL:
        return _distinctly_or_all(column, lambda values: _times(view, values))
    is_safe = _ESCAPES.keys().isdisjoint(view.pattern + view.options.currency) if view.pattern else None
    return cell_contents(view.texts(column), is_safe=view.kind not in _FREE_TEXT if is_safe is None else is_safe)


def _times(view: ColumnView, column: pa.Array) -> pa.Array:
    """Dates and times with a format: the sort script reads the attribute."""
    texts = replace_characters(view.texts(column), _ESCAPES)
    return pc.fill_null(concat('<time datetime="', as_text(column), '">', texts, "</time>"), _NULL)


def _distinctly_or_all(column: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Days and hours repeat themselves."""
    values = unwrapped(column)
    if pt.is_timestamp(values.type):
        return convert(values)
    distinct = values.dictionary_encode()
    return pc.fill_null(convert(distinct.dictionary).take(distinct.indices), _NULL)
