"""A digest of what a result says, whatever its format: equal for the same columns and the same rows in any order."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from reports.rendering.base import Section, SectionsWriter
from reports.rendering.column_json import json_keys, json_objects
from reports.rendering.text_arrays import slices

_MODULUS = 2**256


class ContentDigest:
    """Reads the rows like a writer of a format."""

    def __init__(self, schema: pa.Schema) -> None:
        self._keys = json_keys(schema)
        self._columns = "\n".join(f"{field.name}\0{field.type}" for field in schema)
        self._rows = 0
        #: A sum doesn't depend on the order, and unlike an exclusive or it counts rows that are equal.
        self._sum = 0

    def write(self, batch: pa.RecordBatch) -> None:
        for rows in slices(batch):
            for row in json_objects(self._keys, rows, before="", after="").to_pylist():
                self._sum += int.from_bytes(hashlib.sha256(row.encode()).digest(), "big")
            self._rows += rows.num_rows
        self._sum %= _MODULUS

    def close(self, *, rows: int, truncated: str | None) -> None:
        """There is nothing to end."""

    def hexdigest(self) -> str:
        return hashlib.sha256(f"{self._rows}\n{self._sum:x}\n{self._columns}".encode()).hexdigest()


class SectionsDigest(SectionsWriter):
    """Of a result with sections: what each of them says, and their names."""

    def __init__(self) -> None:
        self._digests: dict[str, ContentDigest] = {}

    def begin(self, section: Section, schema: pa.Schema) -> ContentDigest:
        self._digests[section.name] = ContentDigest(schema)
        return self._digests[section.name]

    def close(self, *, rows: int, truncated: str | None) -> None:
        """There is nothing to end."""

    def hexdigest(self) -> str:
        lines = [f"{name} {digest.hexdigest()}\n" for name, digest in self._digests.items()]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
