"""DuckDB database files, opened read-only. Their views can't read other files or the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

import duckdb

from reports.exceptions import SourceUnavailable, SourceUnusable
from reports.sources.base import Limits, SourceSpec
from reports.sources.deadline import Deadline
from reports.sources.duckdb.engine import DuckdbEngine, Exposed, configuration, string_literal, translated_errors
from reports.sources.errors import run_error


class DuckdbSource(DuckdbEngine):
    """One database file. While a program has it open for writing, DuckDB lets nobody else read it."""

    kind: ClassVar[str] = "duckdb"

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        path = Path(spec.location)
        if not path.is_file():
            raise run_error(SourceUnusable, "The data source's file does not exist.", path)
        # The file is attached to a database in memory: connections to the same file within a process would share one
        # configuration, which the first of them locks.
        return duckdb.connect(config=configuration(limits))

    @contextmanager
    def snapshot(self, spec: SourceSpec, limits: Limits) -> Iterator[tuple[duckdb.DuckDBPyConnection, Exposed]]:
        """An open file, which no program can write to."""
        with ExitStack() as stack:
            deadline = Deadline(limits.timeout_seconds)
            with translated_errors(deadline, ""):
                opened = self._open_locked(stack, spec, "", limits, deadline)
            yield opened

    def expose(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str, limits: Limits) -> Exposed:
        try:
            connection.execute(f"attach {string_literal(spec.location)} as source (type duckdb, read_only)")
        except duckdb.Error as error:
            if "lock on file" in str(error):
                message = "Another program is writing to the data source's file."
                raise run_error(SourceUnavailable, message, error) from error
            message = "The data source's file is not a DuckDB database that this server can read, or is damaged."
            raise run_error(SourceUnusable, message, error) from error
        connection.execute("use source")
        return Exposed()
