"""Folders of CSV, Parquet and JSON files: each file is a table, read by DuckDB in memory.

DuckDB may open the files that the query names and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import duckdb

from reports.sources.base import Limits, SourceSpec
from reports.sources.duckdb.engine import DuckdbEngine, Exposed, configuration
from reports.sources.files.csv import csv_view
from reports.sources.files.json import json_view
from reports.sources.files.open_files import OpenFiles
from reports.sources.files.parquet import parquet_view
from reports.sources.files.tables import data_files, suffix, table_name, tables_in
from reports.sources.placeholders import identifier

#: SQL of a file's rows, given whether types must fit the whole file or the beginning of it is enough.
View = Callable[[duckdb.DuckDBPyConnection, Path, bool], str]
_VIEWS: dict[str, View] = {
    ".csv": csv_view,
    ".parquet": parquet_view,
    ".json": json_view,
    ".ndjson": json_view,
    ".jsonl": json_view,
}


class FilesSource(DuckdbEngine):
    """A folder of data files, or a single file.

    The types of texts come from the beginning of a file; with `whole_files`, from all of it.
    """

    kind: ClassVar[str] = "files"

    def __init__(self, *, whole_files: bool = False) -> None:
        self.whole_files = whole_files

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(config=configuration(limits))

    def expose(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str, limits: Limits) -> Exposed:
        tables = tables_in(_files(spec), query)
        wider = None if self.whole_files else FilesSource(whole_files=True)
        if spec.rules:
            # A file of an allowed folder may still be a link.
            spec.rules.check(*tables.values())
        files = OpenFiles(list(tables.values()), wider)
        for name, path in tables.items():
            with files.translated_errors():
                rows = _VIEWS[suffix(path)](connection, path, self.whole_files)
                # A view can't have bound values, so name and path are quoted as DuckDB reads them.
                connection.execute(f"create view {identifier(name)} as {rows}")
        return files


def table_names(spec: SourceSpec) -> list[str]:
    """Return the names of the tables, each once. Raises SourceUnusable."""
    if spec.rules:
        spec.rules.check(spec.location)
    return sorted({table_name(path) for path in _files(spec)}, key=str.lower)


def _files(spec: SourceSpec) -> list[Path]:
    if spec.files is not None:
        return [Path(path) for path in spec.files]
    return data_files(Path(spec.location), _VIEWS)
