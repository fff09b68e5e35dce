"""Parquet files, which DuckDB reads by itself. Their types are in the file, so nothing is guessed."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa

from reports.sources.deadline import Deadline
from reports.sources.duckdb.engine import BATCH_ROWS, string_literal
from reports.sources.files.faults import file_fault, os_fault, reason_in

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
    return f"from {_reader(path)}"


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
