"""Results as Arrow tables and pandas data frames. pyarrow and pandas are optional."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import time
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from reportserver_client.errors import MissingPackageError
from reportserver_client.models import Column

if TYPE_CHECKING:
    import pandas
    import pyarrow

_MICROSECOND_DIGITS = 6


def arrow() -> ModuleType:
    """pyarrow. Raises MissingPackageError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("Install pyarrow: pip install 'reportserver-client[arrow]'") from error
    return pyarrow  # type: ignore[no-any-return]


def read_parquet(file: BinaryIO) -> pyarrow.Table:
    return arrow().parquet.read_table(file)


def to_pandas(table: pyarrow.Table) -> pandas.DataFrame:
    try:
        return table.to_pandas()
    except ImportError as error:
        raise MissingPackageError("Install pandas: pip install 'reportserver-client[pandas]'") from error


def from_rows(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> pyarrow.Table:
    """A table of kept rows. What JSON doesn't hold exactly, such as durations, becomes text."""
    by_column = list(zip(*rows)) or [()] * len(columns)
    arrays = [_array(column.type, values) for column, values in zip(columns, by_column)]
    return arrow().Table.from_arrays(arrays, names=[column.name for column in columns])


def _array(kind: str, values: Sequence[Any]) -> pyarrow.Array:
    pa = arrow()
    types = {"integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
    try:
        if kind in types:
            return pa.array(values, types[kind])
        if kind in ("date", "timestamp"):
            return pa.array(values, pa.string()).cast(pa.date32() if kind == "date" else _timestamp(values))
        if kind == "time":
            return pa.array([value and time.fromisoformat(value) for value in values], pa.time64("us"))
        if kind == "binary":
            return pa.array([None if value is None else base64.b64decode(value) for value in values], pa.binary())
        if kind in ("decimal", "nested", "null"):
            return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pass  # such as an integer beyond 64 bits, or a year beyond 9999
    return pa.array([_text(value) for value in values], pa.string())


def _timestamp(values: Sequence[Any]) -> Any:
    some = next((value for value in values if value is not None), "")
    unit = "ns" if len(some.partition(".")[2].rstrip("Z")) > _MICROSECOND_DIGITS else "us"
    return arrow().timestamp(unit, "UTC" if some.endswith("Z") else None)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, (list, dict, bool)) else str(value)
