"""The parquet format: zstd, statistics, row groups of a bounded size."""

from __future__ import annotations

from typing import BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from common.api.numbers import DECIMAL_DIGITS
from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Renderer, Writer
from reports.rendering.column_kinds import ColumnKind, kind_of, unwrapped
from reports.rendering.column_text import as_text
from reports.rendering.infinity import infinite_value

#: A row group stays in memory until it has this many rows or bytes.
GROUP_ROWS = 131_072
GROUP_BYTES = 32 << 20


class ParquetWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema) -> None:
        types = [_portable(pa.nulls(0, field.type)).type for field in schema]
        self._schema = pa.schema(list(zip(schema.names, types, strict=True)))
        self._file = pq.ParquetWriter(out, self._schema, compression="zstd", write_statistics=True)
        #: The next row group, and its size.
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        for start in range(0, batch.num_rows, GROUP_ROWS):
            rows = batch.slice(start, GROUP_ROWS)
            columns = [self._column(column, field) for column, field in zip(rows.columns, self._schema, strict=True)]
            self._batches.append(pa.record_batch(columns, schema=self._schema))
            self._rows += rows.num_rows
            self._bytes += self._batches[-1].nbytes
            if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
                self._write_group()

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._write_group()
        self._file.close()

    def _column(self, column: pa.Array, field: pa.Field) -> pa.Array:
        """Raises FormatCannotHold for an infinite date: programs would read it as one of the year 5881580 or 294247."""
        portable = _portable(column).cast(field.type)
        if infinite := infinite_value(portable):
            raise FormatCannotHold(
                f"The column “{field.name}” contains the date {infinite}, which Parquet can't store. "
                f"Choose another format, or cast the column to text in the query.",
                alternative="csv",
            )
        return portable

    def _write_group(self) -> None:
        if not self._batches:
            return
        try:
            self._file.write_table(pa.Table.from_batches(self._batches), row_group_size=GROUP_ROWS)
        except pa.ArrowInvalid as error:
            message = "Parquet can't store a value of this result, most likely a date millions of years away."
            raise FormatCannotHold(message, alternative="csv") from error
        self._batches, self._rows, self._bytes = [], 0, 0


def _portable(array: pa.Array) -> pa.Array:
    """The column in a type that Parquet has and that other programs read."""
    kind = kind_of(array.type)
    if kind in (ColumnKind.INTERVAL, ColumnKind.NULL):
        return as_text(array).cast(pa.string())
    if kind is ColumnKind.UUID:
        return array
    array = unwrapped(array)
    if kind is ColumnKind.DECIMAL:
        digits, scale = array.type.precision, array.type.scale
        # Parquet has no negative scale.
        if scale < 0:
            digits, scale = digits - scale, 0
        # DuckDB, Spark and most other programs read longer decimals as floats, or not at all.
        if digits > DECIMAL_DIGITS:
            return as_text(array)
        return array if scale == array.type.scale else array.cast(pa.decimal128(digits, 0))
    if kind is ColumnKind.NESTED and not _is_storable(array.type):
        return as_text(array)
    return array


def _is_storable(data_type: pa.DataType) -> bool:
    """Whether Parquet has this nested type. pyarrow only says so when it is asked to write it."""
    try:
        pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([("probe", data_type)])).close()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return False
    return True


class ParquetRenderer(Renderer):
    format: ClassVar[str] = "parquet"
    media_type: ClassVar[str] = "application/vnd.apache.parquet"
    extension: ClassVar[str] = "parquet"

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return ParquetWriter(out, schema)
