"""The pieces of a result that is split by a column: for each key a file of kept rows, one after the other in one file.

Rows come in any order, and there may be more than fit into memory. They are gathered until they are some megabytes,
and then each key's are added to a spool as a chunk. At the end, the chunks of each key are read again. Rows whose key
nobody asked for have no piece: they are counted.
"""

from __future__ import annotations

import hashlib
import io
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from reports.exceptions import DesignMismatch, FormatCannotHold
from reports.kept_rows.file import KeptRowsWriter, KeptSectionsWriter, stored, stored_type
from reports.rendering.base import Section, SectionsWriter, Writer
from reports.rendering.column_text import as_text
from reports.rendering.text_arrays import TEXT

#: The name of the file where those of the result have their formats; and of the spool, which a run deletes at its end.
NAME, SPOOL = "pieces", "spool"
#: Rows that are gathered before they are divided, and those of a piece that are in memory at the end, in bytes.
_GATHERED_BYTES, _BATCH_BYTES = 32 << 20, 8 << 20
_CODEC = "lz4"
#: Keys without a piece that are named, and characters of each.
_NAMED_KEYS, _MAX_CHARACTERS = 20, 200
_UNLIMITED = 2**62


@dataclass(frozen=True, kw_only=True)
class Split:
    """By the texts of which column a result is divided, and for which of them there is a piece, perhaps without rows.

    The texts are exact, as csv has them.
    """

    column: str
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Where the piece of a key is in the file of all pieces, in bytes; and its rows, which with sections are those of
    all of them."""

    key: str
    rows: int
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Rows without a piece: how many, and the first of their keys. None stands for NULL. `more`: there are others."""

    rows: int = 0
    keys: tuple[str | None, ...] = ()
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """All pieces of a result, in the order of the keys."""

    pieces: tuple[Piece, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)


class PiecesWriter(SectionsWriter):
    """Divides the rows of a result, or of each of its sections. The `spool` is of no use afterwards."""

    def __init__(self, out: BinaryIO, split: Split, spool: BinaryIO) -> None:
        self._out = out
        self._split = split
        self._spool = spool
        self._parts: list[tuple[Section | None, _Divider]] = []
        self.pieces = Pieces()

    def begin(self, section: Section | None, schema: pa.Schema) -> Writer:
        divider = _Divider(schema, self._split, self._spool)
        self._parts.append((section, divider))
        return divider

    def close(self, *, rows: int, truncated: str | None) -> None:
        written = tuple(self._write(number) for number in range(len(self._split.keys)))
        self.pieces = Pieces(pieces=written, left_out=_together([divider.left_out for _, divider in self._parts]))

    def _write(self, number: int) -> Piece:
        """Write the piece of a key: a file of kept rows, as `file.read_kept` reads it."""
        out = _PieceFile(self._out)
        [(first_section, first), *_] = self._parts
        if first_section is None:
            writer = KeptRowsWriter(out, first.schema, _UNLIMITED, _UNLIMITED, batch_bytes=_BATCH_BYTES)
            _fill(writer, first, number)
        else:
            sections = KeptSectionsWriter(out, _UNLIMITED, _UNLIMITED, batch_bytes=_BATCH_BYTES)
            for section, divider in self._parts:
                _fill(sections.begin(section, divider.schema), divider, number)  # type: ignore[arg-type]
            sections.close(rows=0, truncated=None)
        rows = sum(divider.rows[number] for _, divider in self._parts)
        key, digest = self._split.keys[number], out.digest.hexdigest()
        return Piece(key=key, rows=rows, offset=out.start, size=out.tell(), sha256=digest)


class _PieceFile(io.RawIOBase, BinaryIO):
    """A part of a file that is being written, with positions and a digest of its own."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.start = out.tell()
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._out.write(data)

    def tell(self) -> int:
        return self._out.tell() - self.start

    def writable(self) -> bool:
        return True


class _Divider(Writer):
    """Divides the rows of one query. `rows`: how many each key has, by its number."""

    def __init__(self, schema: pa.Schema, split: Split, spool: BinaryIO) -> None:
        self._at = _position(schema, split.column)
        self.schema = pa.schema([(each.name, stored_type(each.type)) for each in schema])
        self.rows = [0] * len(split.keys)
        self.left_out = LeftOut()
        self.truncated: str | None = None
        self._keys = pa.array(split.keys, TEXT)
        self._spool = spool
        #: Of each key, three numbers for each chunk: where it is, its bytes, and its bytes once unpacked.
        self._chunks = [array("Q") for _ in split.keys]
        self._gathered: list[pa.RecordBatch] = []
        self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._gathered.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= _GATHERED_BYTES:
            self._divide()

    def close(self, *, rows: int, truncated: str | None) -> None:
        self.truncated = truncated
        self._divide()

    def chunks(self, number: int) -> Iterator[pa.RecordBatch]:
        """Read the rows of a key again, in the order in which they came."""
        numbers = self._chunks[number]
        for start, size, unpacked in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
            self._spool.seek(start)
            data = pa.decompress(self._spool.read(size), unpacked, codec=_CODEC)
            yield pa.ipc.read_record_batch(data, self.schema)

    def _divide(self) -> None:
        """Add the rows that were gathered to the chunks of their keys."""
        if not self._gathered:
            return
        columns = [
            pa.chunked_array([stored(batch.column(at)) for batch in self._gathered], each.type).combine_chunks()
            for at, each in enumerate(self.schema)
        ]
        self._gathered, self._bytes = [], 0
        rows = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        texts = as_text(rows.column(self._at))
        numbers = pc.index_in(texts, value_set=self._keys)
        self._leave_out(texts.filter(pc.is_null(numbers)))
        # Stable, and without a number last: the rows of a key stay in their order.
        order = pc.array_sort_indices(numbers)
        ends = pc.run_end_encode(numbers.take(order))
        start = 0
        for number, end in zip(ends.values.to_pylist(), ends.run_ends.to_pylist(), strict=True):
            if number is not None:
                self._add(number, rows.take(order.slice(start, end - start)))
            start = end

    def _add(self, number: int, rows: pa.RecordBatch) -> None:
        data = rows.serialize()
        packed = pa.compress(data, codec=_CODEC, asbytes=True)
        start = self._spool.seek(0, io.SEEK_END)
        self._spool.write(packed)
        self._chunks[number].extend((start, len(packed), data.size))
        self.rows[number] += rows.num_rows

    def _leave_out(self, texts: pa.Array) -> None:
        if len(texts):
            unique = pc.unique(texts)[: _NAMED_KEYS + 1].to_pylist()
            # PostgreSQL stores no NUL.
            found = [text and text[:_MAX_CHARACTERS].replace("\0", "") for text in unique]
            self.left_out = _together([self.left_out, LeftOut(rows=len(texts), keys=tuple(found))])


def _fill(writer: Writer, divider: _Divider, number: int) -> None:
    try:
        for chunk in divider.chunks(number):
            writer.write(chunk)
        writer.close(rows=divider.rows[number], truncated=divider.truncated)
    finally:
        # Its rows would be lost without a word.
        if not writer.is_kept:  # type: ignore[attr-defined]
            raise FormatCannotHold("The result has a column of a type that can't be split. Convert it in the query.")


def _position(schema: pa.Schema, column: str) -> int:
    """Return which of the columns has this name. Raises DesignMismatch."""
    if sentence := column_error(schema.names, column):
        raise DesignMismatch(sentence)
    return int(schema.names.index(column))


def column_error(names: Sequence[str], column: str) -> str:
    """Return what is wrong with a column by which rows with these columns are to be split; "" if nothing is."""
    number = sum(name == column for name in names)
    if number == 1:
        return ""
    if number:
        return f"The query returns {number} columns named {column}, so the result can't be split by it."
    return f"The query returns no column {column} to split the result by. Its columns are {', '.join(names[:20])}."


def _together(parts: Sequence[LeftOut]) -> LeftOut:
    keys = tuple(dict.fromkeys(key for part in parts for key in part.keys))
    more = len(keys) > _NAMED_KEYS or any(part.more for part in parts)
    return LeftOut(rows=sum(part.rows for part in parts), keys=keys[:_NAMED_KEYS], more=more)
