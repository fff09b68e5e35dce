"""Parquet files, which DuckDB reads by itself. Their types are in the file, so nothing is guessed.

Decimals of more than 38 digits, which DuckDB would read as doubles, are refused when a query uses them.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa

from common.api.numbers import DECIMAL_DIGITS
from reports.sources.deadline import Deadline
from reports.sources.duckdb.engine import BATCH_ROWS, string_literal
from reports.sources.files.faults import LONG_DECIMALS, file_fault, os_fault, reason_in
from reports.sources.placeholders import identifier

_MAGIC = b"PAR1"
_ENCRYPTED = b"PARE"
#: How DuckDB begins its own messages, for example `Invalid Input Error: `.
_KIND = re.compile(r"[A-Z][A-Za-z ]* Error: ")


def parquet_view(connection: duckdb.DuckDBPyConnection, path: Path, whole_file: bool) -> str:
    """SQL of the file's rows. Raises SourceUnusable if it isn't Parquet at all."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise os_fault(path, error) from error
    if magic == _ENCRYPTED:
        raise file_fault(path, "it is encrypted")
    if magic != _MAGIC:
        raise file_fault(path, "it is not a Parquet file, or is damaged")
    unreadable = {name: _error_for(path, name) for name in _long_decimals(connection, path)}
    replaced = ", ".join(f"{error} as {identifier(name)}" for name, error in unreadable.items())
    return f"select *{f' replace ({replaced})' if replaced else ''} from {_reader(path)}"  # noqa: S608


def _error_for(path: Path, column: str) -> str:
    """SQL that raises an error for a value that isn't NULL, so that a query of other columns succeeds."""
    message = string_literal(f'File "{path}": {LONG_DECIMALS.format(column)}')
    return f"case when {identifier(column)} is null then null::varchar else error({message}) end"


def _long_decimals(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The columns with decimals that DuckDB would read as doubles, also those that are nested."""
    schema = f"select name, num_children, precision from parquet_schema({string_literal(str(path))})"  # noqa: S608
    # The root comes first, and each element is followed by its children.
    _, *elements = connection.execute(schema).fetchall()
    columns, column, pending = [], "", 0
    for name, children, digits in elements:
        if not pending:
            column, pending = name, 1
        pending += (children or 0) - 1
        if (digits or 0) > DECIMAL_DIGITS:
            columns.append(column)
    return columns


def check_parquet(path: Path, text: str, deadline: Deadline) -> None:
    """Raise SourceUnusable if reading the whole file fails as this message of DuckDB says, which doesn't name it."""
    if path.suffix.lower() != ".parquet":
        return
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set enable_progress_bar = false")
            for _ in connection.sql(f"from {_reader(path)}").to_arrow_reader(BATCH_ROWS):
                deadline.check()
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        # A message without a kind comes from the reader of Parquet; one with a kind may be the query's.
        if str(error).splitlines()[0] in text or not _KIND.match(text):
            raise file_fault(path, reason_in(text), text) from error


def _reader(path: Path) -> str:
    return f"read_parquet({string_literal(str(path))})"
