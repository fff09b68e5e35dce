"""The json and ndjson formats. The rule for every type is in docs/formats.md."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.rendering.base import Document, Renderer, Section, SectionsWriter, Writer
from reports.rendering.column_json import json_keys, json_objects, json_string
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


class JsonSectionsWriter(SectionsWriter):
    """An object with the array of each section, by name."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._before = "{"

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        self._out.write(f"{self._before}{json_string(section.name)}: ".encode())
        self._before = ", "
        return JsonWriter(self._out, schema)

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._out.write(b"}\n")


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
    has_sections: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return JsonWriter(out, schema)

    def open_sections(self, out: BinaryIO, document: Document) -> SectionsWriter:
        return JsonSectionsWriter(out)


class NdjsonRenderer(Renderer):
    format: ClassVar[str] = "ndjson"
    media_type: ClassVar[str] = "application/x-ndjson"
    extension: ClassVar[str] = "ndjson"

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return NdjsonWriter(out, schema)
