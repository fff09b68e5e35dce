"""What a table of a lake is to Arrow: files, each with what is known of all its rows, so that filters skip files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from common.api.numbers import DECIMAL_DIGITS
from reports.exceptions import SourceUnusable
from reports.sources.lake.filesystem import LakeFiles

#: Old programs write timestamps as INT96, which are nanoseconds otherwise, and so end in 2262.
FORMAT = ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(coerce_int96_timestamp_unit="us"))
#: Files that are read at once, and batches that wait: memory must not grow with the table.
_FILES_AT_ONCE, _BATCHES_AHEAD = 1, 2
_LONG_DECIMALS = "The column “{}” of a table has decimals of more than 38 digits, which can't be read exactly."


@dataclass(frozen=True)
class DataFile:
    """A Parquet file. `known` holds for all of its rows, such as the values of its partition."""

    path: str
    size: int
    known: pc.Expression | None = None


@dataclass(frozen=True)
class LakeTable:
    """The files of a table, and its columns."""

    schema: pa.Schema
    files: Sequence[DataFile] = field(default_factory=list)

    def dataset(self, files: LakeFiles) -> LakeDataset:
        """Return what DuckDB reads. Raises SourceUnusable for a column that it would round."""
        for column in self.schema:
            if pa.types.is_decimal256(column.type) or getattr(column.type, "precision", 0) > DECIMAL_DIGITS:
                raise SourceUnusable(_LONG_DECIMALS.format(column.name))
        files.sizes.update({file.path: file.size for file in self.files})
        filesystem = files.filesystem()
        fragments = [
            FORMAT.make_fragment(file.path, filesystem, partition_expression=file.known) for file in self.files
        ]
        return LakeDataset(fragments, self.schema, FORMAT, filesystem)


class LakeDataset(ds.FileSystemDataset):  # type: ignore[misc]
    """A dataset that DuckDB scans with the columns and filters of the query, one file after another."""

    def scanner(self, **options: Any) -> ds.Scanner:
        return super().scanner(fragment_readahead=_FILES_AT_ONCE, batch_readahead=_BATCHES_AHEAD, **options)


def equals(column: str, value: pa.Scalar) -> pc.Expression:
    """All rows have this value, which may be NULL."""
    return ds.field(column) == value if value.is_valid else ds.field(column).is_null()


def conjunction(expressions: Sequence[pc.Expression]) -> pc.Expression | None:
    """All of them; None without any."""
    joined = None
    for expression in expressions:
        joined = expression if joined is None else joined & expression
    return joined
