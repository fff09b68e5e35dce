"""The csv format: RFC 4180, with a guard against formulas. The rule for every type is in docs/formats.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from common.csv_guard import FORMULA_BYTES, FORMULA_PATTERN, HARMLESS_PATTERN, PREFIX
from reports.rendering.base import CsvOptions, Document, Renderer, Writer
from reports.rendering.column_kinds import ColumnKind, kind_of
from reports.rendering.column_text import as_text
from reports.rendering.columns.views import column_views
from reports.rendering.text_arrays import EMPTY, TEXT, concat, contained_characters, join_rows, slices, write_values

_NUMBER = r"^-?([0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|Infinity|NaN)$"
#: Empty bytes are "", too.
_TEXT_KINDS = frozenset({ColumnKind.TEXT, ColumnKind.JSON, ColumnKind.NESTED, ColumnKind.BINARY})


class CsvWriter:
    """A header and one line per row. NULL is an empty field and an empty text is "". Other fields have quotes only
    if they need them."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, options: CsvOptions, header: Sequence[str]) -> None:
        self._out = out
        self._options = options
        self._special_characters = f'{options.delimiter}"\r\n'
        self._special_pattern = f"[{re.escape(self._special_characters)}]"
        # In a file with one column, a NULL would be an empty line. Most readers skip those, and the row would be lost.
        self._null = '""' if len(schema) == 1 else ""
        headings = self._quoted(self._guarded(pa.array(header, TEXT))).to_pylist()
        byte_order_mark = "\ufeff" if options.byte_order_mark else ""
        out.write((byte_order_mark + options.delimiter.join(headings) + "\r\n").encode())

    def write(self, batch: pa.RecordBatch) -> None:
        for rows in slices(batch):
            fields = [self._fields(column) for column in rows.columns]
            write_values(self._out, join_rows(fields, "", self._options.delimiter, "\r\n"))

    def close(self, *, rows: int, truncated: str | None) -> None:
        """A csv file has no ending. It can't say that it was truncated; the job does."""

    def _fields(self, column: pa.Array) -> pa.Array:
        texts = as_text(column)
        kind = kind_of(column.type)
        # The other kinds never contain a quote, a line end or a character that definitions allow as the delimiter.
        is_text = kind in _TEXT_KINDS
        if kind is ColumnKind.NUMERIC_TEXT:
            # Only if all of them are what their driver calls them, they are safe without guard and quotes.
            is_text = not pc.all(pc.match_substring_regex(texts, _NUMBER), min_count=0).as_py()
        if is_text:
            texts = self._quoted(self._guarded(texts))
        return pc.fill_null(texts, self._null) if texts.null_count else texts

    def _guarded(self, texts: pa.Array) -> pa.Array:
        if not self._options.formula_guard or not contained_characters(texts, FORMULA_BYTES):
            return texts
        dangerous = pc.match_substring_regex(texts, FORMULA_PATTERN)
        if not pc.any(dangerous).as_py():
            return texts
        dangerous = pc.and_not(dangerous, pc.match_substring_regex(texts, HARMLESS_PATTERN))
        return pc.if_else(dangerous, concat(PREFIX, texts), texts)

    def _quoted(self, texts: pa.Array) -> pa.Array:
        needs_quotes = pc.equal(texts, EMPTY)
        if contained_characters(texts, self._special_characters):
            needs_quotes = pc.or_(needs_quotes, pc.match_substring_regex(texts, self._special_pattern))
        if not pc.any(needs_quotes).as_py():
            return texts
        return pc.if_else(needs_quotes, concat('"', pc.replace_substring(texts, '"', '""'), '"'), texts)


class CsvRenderer(Renderer):
    format: ClassVar[str] = "csv"
    media_type: ClassVar[str] = "text/csv; charset=utf-8"
    extension: ClassVar[str] = "csv"

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        header = schema.names
        if document.csv.header == "labels":
            header = [view.label for view in column_views(schema, document.columns, document.locale)]
        return CsvWriter(out, schema, document.csv, header)
