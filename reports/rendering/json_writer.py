"""The json and ndjson formats. The rule for every type is in docs/formats.md."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.rendering.base import Document, Renderer, Writer
from reports.rendering.column_json import json_keys, json_objects
from reports.rendering.text_arrays import slices, value_bytes, write_values


class JsonWriter:
    """One array, with one object per line."""

    def __init__(self, out: BinaryIO, schema: pa.Schema) -> None:
        self._out = out
        self._keys = json_keys(schema)
        self._is_first = True
        out.write(b"[")

    def write(self, batch: pa.RecordBatch) -> None:
        for rows in slices(batch):
            objects = value_bytes(json_objects(self._keys, rows, before=",\n", after=""))
            # Each object has a comma before it, which the first object of the file must not have.
            self._out.write(objects[1:] if self._is_first else objects)
            self._is_first = False

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._out.write(b"\n]\n")


class NdjsonWriter:
    """One object per line."""

    def __init__(self, out: BinaryIO, schema: pa.Schema) -> None:
        self._out = out
        self._keys = json_keys(schema)

    def write(self, batch: pa.RecordBatch) -> None:
        for rows in slices(batch):
            write_values(self._out, json_objects(self._keys, rows, before="", after="\n"))

    def close(self, *, rows: int, truncated: str | None) -> None:
        """An ndjson file has no ending."""


class JsonRenderer(Renderer):
    format: ClassVar[str] = "json"
    media_type: ClassVar[str] = "application/json"
    extension: ClassVar[str] = "json"

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return JsonWriter(out, schema)


class NdjsonRenderer(Renderer):
    format: ClassVar[str] = "ndjson"
    media_type: ClassVar[str] = "application/x-ndjson"
    extension: ClassVar[str] = "ndjson"

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return NdjsonWriter(out, schema)
