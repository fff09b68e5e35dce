"""HTML: one self-contained page with nothing in it that loads, and nothing that runs but its own sorting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from html import escape
from typing import BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.base import Document, Writer
from reports.rendering.cells import lines, pieces, read_text, replace, write_values
from reports.rendering.html_page import HEAD, STYLE
from reports.rendering.html_sort import SCRIPT
from reports.rendering.kinds import NUMBERS, Kind, kind_of

#: Browsers drop or refuse control characters; their pictures (U+2400 and on) are seen.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {
    chr(code): chr(0x2400 + code) for code in range(32) if code not in (9, 10, 13)
}
_FREE_TEXT = frozenset({Kind.TEXT, Kind.JSON, Kind.NESTED, Kind.NUMERIC_TEXT})
_MOMENTS = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP})
#: The style sheet draws a dash into it, so NULL is seen, and a copied table still has an empty cell.
_NULL = "<i></i>"


class HtmlWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        self._out = out
        out.write(_opening(schema, document).encode())

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            write_values(self._out, _rows(piece))

    def close(self, *, rows: int, truncated: str | None) -> None:
        notice = f'<p class="truncated" role="alert">{escape(truncated)}</p>\n' if truncated else ""
        count = f"<p>{rows:,} {'row' if rows == 1 else 'rows'}</p>\n"
        ending = f"</tbody>\n</table>\n</div>\n<footer>\n{notice}{count}</footer>\n</main>\n"
        self._out.write(f"{ending}<script>{SCRIPT}</script>\n</body>\n</html>\n".encode())


def _rows(piece: pa.RecordBatch) -> pa.Array:
    return lines([_cell(column) for column in piece.columns], "<tr><td>", "</td><td>", "</td></tr>\n")


def _cell(column: pa.Array) -> pa.Array:
    texts = read_text(column)
    if kind_of(column.type) in _FREE_TEXT:
        texts = replace(texts, _ESCAPES)
    return pc.fill_null(texts, _NULL)


def _opening(schema: pa.Schema, document: Document) -> str:
    title = escape(document.title)
    description = f'<p class="description">{escape(document.description)}</p>\n' if document.description else ""
    heads = "".join(f'<th scope="col" data-sort="{_order(field)}">{escape(field.name)}</th>' for field in schema)
    return (
        f"{HEAD}<title>{title}</title>\n<style>\n{STYLE}{_alignment(schema)}</style>\n</head>\n<body>\n<main>\n"
        f"<header>\n<h1>{title}</h1>\n{description}{_about(document)}</header>\n"
        f'<div class="table" role="region" tabindex="0" aria-label="{title}">\n'
        f'<table class="rows">\n<thead>\n<tr>{heads}</tr>\n</thead>\n<tbody>\n'
    )


def _order(field: pa.Field) -> str:
    """By what the page sorts the column. A duration's text has its number inside, as texts are compared."""
    kind = kind_of(field.type)
    return "number" if kind in NUMBERS else "moment" if kind in _MOMENTS else "text"


def _about(document: Document) -> str:
    moment = document.generated_at.astimezone(UTC)
    facts = [*document.parameters.items(), ("Generated", f"{moment:%Y-%m-%d %H:%M:%S} UTC")]
    facts.append(("Version", str(document.version)))
    lines = (f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>\n' for label, value in facts)
    return f'<table class="about">\n{"".join(lines)}</table>\n'


def _alignment(schema: pa.Schema) -> str:
    """Numbers to the right, dates on one line. By column: a class in every cell would double narrow tables."""
    kinds = [kind_of(field.type) for field in schema]
    right = "text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap"
    return _rule([kind in NUMBERS for kind in kinds], right) + _rule(
        [kind in _MOMENTS for kind in kinds], "white-space: nowrap"
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
