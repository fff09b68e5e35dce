"""Folders of CSV, Parquet and JSON files: each file is a table, read by DuckDB in memory.

DuckDB may open the files that the query names and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import duckdb

from reports.exceptions import SourceUnusable
from reports.sources.base import Limits, SchemaWidened, SourceSpec
from reports.sources.duckdb.engine import DuckdbEngine, configuration, is_wrong_guess, string_literal
from reports.sources.errors import run_error
from reports.sources.files.tables import suffix, tables_in
from reports.sources.placeholders import identifier

_READERS = {
    ".csv": "read_csv",
    ".parquet": "read_parquet",
    ".json": "read_json",
    ".ndjson": "read_json",
    ".jsonl": "read_json",
}


class FilesSource(DuckdbEngine):
    """A folder of data files, or a single file.

    DuckDB guesses column types from the beginning of a file; with `sample_whole_files`, from all of it.
    """

    kind: ClassVar[str] = "files"
    damaged_message: ClassVar[str] = "A file of the data source is damaged, or its name has the wrong extension."

    def __init__(self, *, sample_whole_files: bool = False) -> None:
        self.sample_whole_files = sample_whole_files

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(config=configuration(limits))

    def expose(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str) -> list[str]:
        tables = tables_in(Path(spec.location), query, _READERS)
        for name, path in tables.items():
            reader = _READERS[suffix(path)]
            sample = ", sample_size = -1" if self.sample_whole_files and reader != "read_parquet" else ""
            # A view can't have bound values, so name and path are quoted as DuckDB reads them.
            source = f"{reader}({string_literal(str(path))}{sample})"
            try:
                connection.execute(f"create view {identifier(name)} as select * from {source}")  # noqa: S608
            except (duckdb.DataError, duckdb.ProgrammingError) as error:
                raise run_error(SourceUnusable, self.damaged_message, error) from error
        return [str(path) for path in tables.values()]

    def raise_if_recoverable(self, error: Exception) -> None:
        # For example, a column of numbers has a text after the rows that DuckDB looked at.
        if not self.sample_whole_files and is_wrong_guess(str(error)):
            raise SchemaWidened(FilesSource(sample_whole_files=True)) from error
