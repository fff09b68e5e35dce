"""The file of kept rows: an Arrow IPC file beside the result, which holds every type exactly as the source gave it.

Measured with 100,000 rows of 8 columns: written in 0.1 s like Parquet, read in 0.03 s where Parquet takes 0.2 s, and
Parquet has no intervals, unions and long decimals.

With sections, there is such a file for each of them, one after the other, and then a table of contents as JSON, its
length and a mark.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.types as pt

from reports.rendering.base import Section, SectionsWriter, Writer
from reports.sources.base import Rows

#: The name of the file where those of the result have their formats.
NAME = "rows"
#: Rows of each batch of the file but the last: the position of a row says which batch it is in.
BATCH_ROWS = 8_192
#: The most bytes of rows that are kept, in memory. Reading them takes a small multiple of that.
MAX_BYTES = 64 << 20
#: The end of a file with sections. Arrow's own files end with ARROW1.
_MARK = b"SECTIONS"
_LENGTH = struct.Struct("<Q")
#: Each part starts at a multiple of this, as Arrow expects of memory.
_ALIGNMENT = 64


class KeptRowsWriter(Writer):
    """Keeps the rows of a run, as long as there are few enough.

    `batch_bytes`: batches end earlier if they are so large, and the position of a row no longer says in which it is.
    """

    def __init__(
        self,
        out: BinaryIO,
        schema: pa.Schema,
        max_rows: int,
        max_bytes: int = MAX_BYTES,
        batch_bytes: int | None = None,
    ) -> None:
        self.rows = self.bytes = 0
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._schema = pa.schema([(field.name, stored_type(field.type)) for field in schema])
        self._max_rows = max_rows
        #: Rows that don't fill a batch yet.
        self._batches: list[pa.RecordBatch] = []
        self._waiting = self._waiting_bytes = 0
        self._file: pa.RecordBatchFileWriter | None = None
        try:
            options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
            self._file = pa.ipc.new_file(out, self._schema, options=options)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            self._give_up()

    @property
    def is_kept(self) -> bool:
        return self._file is not None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._file is None:
            return
        self.rows += batch.num_rows
        self.bytes += batch.nbytes
        if self.rows > self._max_rows or self.bytes > self._max_bytes:
            self._give_up()
            return
        self._batches.append(batch)
        self._waiting += batch.num_rows
        self._waiting_bytes += batch.nbytes
        is_large = self._batch_bytes is not None and self._waiting_bytes >= self._batch_bytes
        if is_large or self._waiting >= BATCH_ROWS:
            self._flush(complete=is_large)

    def close(self, *, rows: int, truncated: str | None) -> None:
        if self._file is not None:
            self._flush(complete=True)
        if self._file is not None:
            self._file.close()

    def _flush(self, *, complete: bool) -> None:
        """Write the batches that are full, or all that is left."""
        try:
            columns = [
                pa.chunked_array([stored(batch.column(at)) for batch in self._batches], field.type).combine_chunks()
                for at, field in enumerate(self._schema)
            ]
            rows = pa.Table.from_arrays(columns, schema=self._schema).combine_chunks()
            end = self._waiting if complete else self._waiting - self._waiting % BATCH_ROWS
            for start in range(0, end, BATCH_ROWS):
                for batch in rows.slice(start, min(BATCH_ROWS, end - start)).to_batches():
                    self._file.write_batch(batch)  # type: ignore[union-attr]
            self._batches, self._waiting = rows.slice(end).to_batches(), self._waiting - end
            self._waiting_bytes = sum(batch.nbytes for batch in self._batches)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # A type that Arrow has, but can't store. The result itself doesn't depend on it.
            self._give_up()

    def _give_up(self) -> None:
        self._file, self._batches = None, []


def stored_type(data_type: pa.DataType) -> pa.DataType:
    """Return the type that a file of kept rows has for a column of this type."""
    # A file has one dictionary per column, and each batch of a source may bring its own.
    return data_type.value_type if pt.is_dictionary(data_type) else data_type


def stored(array: pa.Array) -> pa.Array:
    """Return the values in the `stored_type`."""
    return array.dictionary_decode() if pt.is_dictionary(array.type) else array


class _Part(NamedTuple):
    """Where the rows of a section are, and whether they are cut."""

    offset: int
    size: int
    is_cut: bool


class _PartFile(io.RawIOBase):
    """A part of a file that is being written, with positions of its own."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._start = out.tell()

    def write(self, data: Any) -> int:
        return self._out.write(data)

    def tell(self) -> int:
        return self._out.tell() - self._start

    def writable(self) -> bool:
        return True


class KeptSectionsWriter(SectionsWriter):
    """Keeps the rows of all sections, as long as they are few enough together."""

    def __init__(
        self, out: BinaryIO, max_rows: int, max_bytes: int = MAX_BYTES, batch_bytes: int | None = None
    ) -> None:
        self._out = out
        self._max_rows, self._max_bytes, self._batch_bytes = max_rows, max_bytes, batch_bytes
        self._sections: dict[str, _KeptSectionWriter] = {}

    @property
    def is_kept(self) -> bool:
        return all(section.is_kept for section in self._sections.values())

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        earlier = self._sections.values()
        self._out.write(b"\0" * (-self._out.tell() % _ALIGNMENT))
        writer = _KeptSectionWriter(
            self._out,
            schema,
            max_rows=self._max_rows - sum(each.rows for each in earlier),
            max_bytes=self._max_bytes - sum(each.bytes for each in earlier),
            batch_bytes=self._batch_bytes,
        )
        self._sections[section.name] = writer
        return writer

    def close(self, *, rows: int, truncated: str | None) -> None:
        contents = json.dumps({name: section.part for name, section in self._sections.items()}).encode()
        self._out.write(contents + _LENGTH.pack(len(contents)) + _MARK)


class _KeptSectionWriter(KeptRowsWriter):
    """Keeps the rows of one section. `part` is where they are, once it is closed."""

    def __init__(
        self, out: BinaryIO, schema: pa.Schema, max_rows: int, max_bytes: int, batch_bytes: int | None
    ) -> None:
        self._whole, self._start = out, out.tell()
        self.part = _Part(self._start, 0, False)
        super().__init__(_PartFile(out), schema, max_rows, max_bytes, batch_bytes)  # type: ignore[arg-type]

    def close(self, *, rows: int, truncated: str | None) -> None:
        super().close(rows=rows, truncated=truncated)
        self.part = _Part(self._start, self._whole.tell() - self._start, bool(truncated))


@contextmanager
def read_kept(path: Path, section: str | None = None) -> Iterator[Rows]:
    """Open the rows of a section, or of a report without sections, like the result of a query."""
    with pa.memory_map(str(path)) as data:
        part = _part(data, section)
        with open_part(data, section) as file:
            batches = (file.get_batch(at) for at in range(file.num_record_batches))
            yield Rows(file.schema, batches, None, may_be_cut=part is None or part.is_cut)


@contextmanager
def open_part(
    data: pa.MemoryMappedFile, section: str | None, options: pa.ipc.IpcReadOptions | None = None
) -> Iterator[pa.RecordBatchFileReader]:
    """Open the rows of a section, or of a report without sections."""
    part = _part(data, section)
    if part:
        data.seek(part.offset)
    source = pa.BufferReader(data.read_buffer(part.size)) if part else data
    with pa.ipc.open_file(source, options=options) as file:
        yield file


def _part(data: pa.MemoryMappedFile, section: str | None) -> _Part | None:
    """Return where the section is; None without one: the file has nothing else. Raises KeyError."""
    if section is None:
        return None
    end = data.size() - len(_MARK) - _LENGTH.size
    data.seek(end)
    (length,) = _LENGTH.unpack(data.read(_LENGTH.size))
    data.seek(end - length)
    return _Part(*json.loads(data.read(length))[section])
