"""Folders of CSV, Parquet and JSON files, each a table named by its file, read by DuckDB in memory.

DuckDB may open the files that the query names and nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import duckdb

from reports.exceptions import SourceUnusable
from reports.sources.base import Limits, SchemaWidened, SourceSpec
from reports.sources.duckdb.engine import DuckdbEngine, configuration, is_wrong_guess, literal
from reports.sources.failures import failure
from reports.sources.placeholders import identifier

_READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".json": "read_json", ".ndjson": "read_json",
            ".jsonl": "read_json"}  # fmt: skip


class FilesSource(DuckdbEngine):
    """A folder of data files, or one. With `whole_sample`, column types come from whole files, not their beginning."""

    kind: ClassVar[str] = "files"
    damaged: ClassVar[str] = "A file of the data source is damaged, or not what its name says."

    def __init__(self, *, whole_sample: bool = False) -> None:
        self.whole_sample = whole_sample

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(config=configuration(limits))

    def admit(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str) -> list[str]:
        tables = _tables(Path(spec.location), query)
        for name, path in tables.items():
            reader = _READERS[_ending(path)]
            sampled = ", sample_size = -1" if self.whole_sample and reader != "read_parquet" else ""
            # A view takes no bound values: the name and the path are quoted the way DuckDB reads them.
            source = f"{reader}({literal(str(path))}{sampled})"
            view = f"create view {identifier(name)} as select * from {source}"  # noqa: S608
            try:
                connection.execute(view)
            except (duckdb.DataError, duckdb.ProgrammingError) as error:
                raise failure(SourceUnusable, self.damaged, error) from error
        return [str(path) for path in tables.values()]

    def look_at(self, error: Exception) -> None:
        # A column of numbers may have a text after the rows that DuckDB guessed its type from.
        if not self.whole_sample and is_wrong_guess(str(error)):
            raise SchemaWidened(FilesSource(whole_sample=True)) from error


def _tables(location: Path, query: str) -> dict[str, Path]:
    """Table name to file, of the files whose name occurs in the query: the others need not be opened, or be right."""
    asked = query.lower().replace('""', '"')
    tables: dict[str, Path] = {}
    for path in _files(location):
        name = _table_name(path)
        if not re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", asked):
            continue
        if name.lower() in map(str.lower, tables):
            raise failure(SourceUnusable, f"Two files of this data source make the same table, “{name}”.", path)
        tables[name] = path
    return tables


def _files(location: Path) -> list[Path]:
    try:
        found = [location] if location.is_file() else sorted(location.iterdir())
    except OSError as error:
        raise failure(SourceUnusable, "The data source's folder is not there, or may not be read.", error) from error
    root = location.resolve()
    # A link out of the folder would make any file of this computer a table.
    return [
        path
        for path in found
        if _ending(path) in _READERS
        and not path.name.startswith(".")
        and path.is_file()
        and path.resolve().is_relative_to(root)
    ]


def _ending(path: Path) -> str:
    return Path(_without_gz(path)).suffix.lower()


def _table_name(path: Path) -> str:
    return Path(_without_gz(path)).stem


def _without_gz(path: Path) -> str:
    return path.name[:-3] if path.name.lower().endswith(".gz") else path.name
