"""Parquet: zstd, statistics, row groups of bounded size."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Writer
from reports.rendering.cells import text
from reports.rendering.kinds import Kind, kind_of, plain

#: A row group is held in memory until it is full, by rows or by bytes.
GROUP_ROWS = 131_072
GROUP_BYTES = 32 << 20

_AS_TEXT = frozenset({Kind.INTERVAL, Kind.NULL})
#: DuckDB, Spark and most others read decimals of more digits as floats, or not at all.
_DECIMAL_DIGITS = 38


class ParquetWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema) -> None:
        columns = [_stored(pa.array([], field.type)).type for field in schema]
        self._schema = pa.schema(list(zip(schema.names, columns, strict=True)))
        self._file = pq.ParquetWriter(out, self._schema, compression="zstd", write_statistics=True)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        for start in range(0, batch.num_rows, GROUP_ROWS):
            self._add(batch.slice(start, GROUP_ROWS))

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._flush()
        self._file.close()

    def _add(self, batch: pa.RecordBatch) -> None:
        columns = [_stored(column).cast(field.type) for column, field in zip(batch.columns, self._schema, strict=True)]
        self._waiting.append(pa.record_batch(columns, schema=self._schema))
        self._rows += batch.num_rows
        self._bytes += self._waiting[-1].nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting)
            try:
                self._file.write_table(table, row_group_size=GROUP_ROWS)
            except pa.ArrowInvalid as error:
                message = "Parquet has no place for a value of this result, mostly a date millions of years away."
                raise FormatCannotHold(message, alternative="csv") from error
        self._waiting, self._rows, self._bytes = [], 0, 0


def _stored(array: pa.Array) -> pa.Array:
    """The column as other programs read it from Parquet."""
    kind = kind_of(array.type)
    if kind in _AS_TEXT:
        return text(array).cast(pa.string())
    if kind is Kind.UUID:
        return array
    array = plain(array)
    if kind is Kind.NESTED:
        return _stored_nested(array)
    return _stored_decimal(array) if kind is Kind.DECIMAL else array


def _stored_decimal(array: pa.Array) -> pa.Array:
    """Parquet has no negative scale, and more digits than others read are kept as text."""
    digits, scale = array.type.precision, array.type.scale
    if scale < 0:
        digits, scale = digits - scale, 0
    if digits > _DECIMAL_DIGITS:
        return text(array)
    return array if scale == array.type.scale else array.cast(pa.decimal128(digits, 0))


def _stored_nested(array: pa.Array) -> pa.Array:
    """Lists, structs and maps stay what they are; what Parquet has no place for becomes JSON text."""
    try:
        pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([("probe", array.type)])).close()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return text(array)
    return array


class ParquetRenderer:
    format: ClassVar[str] = "parquet"
    media_type: ClassVar[str] = "application/vnd.apache.parquet"
    extension: ClassVar[str] = "parquet"
    max_rows: ClassVar[int | None] = None
    streams: ClassVar[bool] = True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return ParquetWriter(out, schema)
