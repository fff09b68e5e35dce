"""CSV, JSON and NDJSON. The exact rule for every type is in docs/formats.md."""

from __future__ import annotations

import re
from typing import BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from common.csv_guard import FORMULA_BYTES, FORMULA_PATTERN, PREFIX
from reports.rendering.base import CsvOptions, Document, Writer
from reports.rendering.cells import EMPTY, holds_any, join, lines, pieces, text, value_bytes, write_values
from reports.rendering.jsontext import json_parts, json_string
from reports.rendering.kinds import Kind, kind_of
from reports.rendering.moments import TEXT

_NUMERIC = r"^-?([0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|Infinity|NaN)$"
_TEXT_KINDS = frozenset({Kind.TEXT, Kind.JSON, Kind.NESTED})


class CsvWriter:
    """RFC 4180 with a header. NULL is an empty field, an empty text is "", other fields are quoted when needed."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, options: CsvOptions) -> None:
        self._out = out
        self._options = options
        self._quote_if = f'{options.delimiter}"\r\n'
        self._needs_quotes = f"[{re.escape(self._quote_if)}]"
        # A line with nothing in it is skipped by most readers, and its row is lost.
        self._null = '""' if len(schema) == 1 else ""
        header = self._quoted(self._guarded(pa.array(schema.names, TEXT))).to_pylist()
        mark = "\ufeff" if options.byte_order_mark else ""
        out.write((mark + options.delimiter.join(header) + "\r\n").encode())

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            write_values(self._out, self._lines(piece))

    def close(self, *, rows: int, truncated: str | None) -> None:
        """Nothing ends a CSV file: whoever hands it out says that it was truncated."""

    def _lines(self, piece: pa.RecordBatch) -> pa.Array:
        return lines([self._field(column) for column in piece.columns], "", self._options.delimiter, "\r\n")

    def _field(self, column: pa.Array) -> pa.Array:
        texts = text(column)
        kind = kind_of(column.type)
        if kind in _TEXT_KINDS or (kind is Kind.NUMERIC_TEXT and not _all_numbers(texts)):
            texts = self._quoted(self._guarded(texts))
        # Nothing else needs quotes: no number and no moment has a character that a definition takes as delimiter.
        return pc.fill_null(texts, self._null) if texts.null_count else texts

    def _guarded(self, texts: pa.Array) -> pa.Array:
        if not self._options.formula_guard or not holds_any(texts, FORMULA_BYTES):
            return texts
        dangerous = pc.match_substring_regex(texts, FORMULA_PATTERN)
        return pc.if_else(dangerous, join(PREFIX, texts), texts) if pc.any(dangerous).as_py() else texts

    def _quoted(self, texts: pa.Array) -> pa.Array:
        needs = pc.equal(texts, EMPTY)
        if holds_any(texts, self._quote_if):
            needs = pc.or_(needs, pc.match_substring_regex(texts, self._needs_quotes))
        if not pc.any(needs).as_py():
            return texts
        return pc.if_else(needs, join('"', pc.replace_substring(texts, '"', '""'), '"'), texts)


def _all_numbers(texts: pa.Array) -> bool:
    """Whether what a driver calls numeric is: only then it needs neither guard nor quotes."""
    return pc.all(pc.match_substring_regex(texts, _NUMERIC)).as_py() in (True, None)


class NdjsonWriter:
    """One JSON object a line."""

    def __init__(self, out: BinaryIO, schema: pa.Schema) -> None:
        self._out = out
        self._keys = _keys(schema)

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            write_values(self._out, _objects(self._keys, piece, "{", "}\n"))

    def close(self, *, rows: int, truncated: str | None) -> None:
        """Nothing ends an NDJSON file: each line stands alone."""


def ndjson_texts(piece: pa.RecordBatch) -> pa.Array:
    """A JSON object for each row, with its line end."""
    return _objects(_keys(piece.schema), piece, "{", "}\n")


class JsonWriter:
    """One array of objects, an object a line."""

    def __init__(self, out: BinaryIO, schema: pa.Schema) -> None:
        self._out = out
        self._keys = _keys(schema)
        self._skip = 1
        out.write(b"[")

    def write(self, batch: pa.RecordBatch) -> None:
        for piece in pieces(batch):
            # Every object brings the comma before it, so the first one of the file is written without.
            self._out.write(value_bytes(_objects(self._keys, piece, ",\n{", "}"))[self._skip :])
            self._skip = 0

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._out.write(b"\n]\n")


def _keys(schema: pa.Schema) -> list[str]:
    return [json_string(name) + ":" for name in schema.names]


def _objects(keys: list[str], piece: pa.RecordBatch, opening: str, closing: str) -> pa.Array:
    parts: list[pa.Array | str] = []
    for key, column in zip(keys, piece.columns, strict=True):
        before, texts, after = json_parts(column)
        parts += [opening + key + before, texts]
        opening = after + ","
    return join(*parts, after + closing)


class CsvRenderer:
    format: ClassVar[str] = "csv"
    media_type: ClassVar[str] = "text/csv; charset=utf-8"
    extension: ClassVar[str] = "csv"
    max_rows: ClassVar[int | None] = None
    streams: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return CsvWriter(out, schema, document.csv)


class JsonRenderer:
    format: ClassVar[str] = "json"
    media_type: ClassVar[str] = "application/json"
    extension: ClassVar[str] = "json"
    max_rows: ClassVar[int | None] = None
    streams: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return JsonWriter(out, schema)


class NdjsonRenderer:
    format: ClassVar[str] = "ndjson"
    media_type: ClassVar[str] = "application/x-ndjson"
    extension: ClassVar[str] = "ndjson"
    max_rows: ClassVar[int | None] = None
    streams: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return NdjsonWriter(out, schema)
