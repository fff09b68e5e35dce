"""DuckDB database files, opened read-only. Views in them that read other files or the network do not."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import duckdb

from reports.exceptions import SourceUnavailable, SourceUnusable
from reports.sources.base import Limits, SourceSpec
from reports.sources.duckdb.engine import DuckdbEngine, configuration, literal
from reports.sources.failures import failure


class DuckdbSource(DuckdbEngine):
    """One database file. While a program has it open for writing, DuckDB lets nobody else read it."""

    kind: ClassVar[str] = "duckdb"
    damaged: ClassVar[str] = "The data source's file is not a DuckDB database that this server can read, or is damaged."

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        path = Path(spec.location)
        if not path.is_file():
            raise failure(SourceUnusable, "The data source's file is not there.", path)
        # Attached, and not opened itself: two openings of a file in one process would share one locked configuration.
        return duckdb.connect(config=configuration(limits))

    def admit(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str) -> list[str]:
        try:
            connection.execute(f"attach {literal(spec.location)} as source (type duckdb, read_only)")
        except duckdb.Error as error:
            if "lock on file" in str(error):
                message = "Another program is writing to the data source's file."
                raise failure(SourceUnavailable, message, error) from error
            raise failure(SourceUnusable, self.damaged, error) from error
        connection.execute("use source")
        return []
