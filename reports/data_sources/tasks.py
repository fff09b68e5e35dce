"""What a data source is asked in a child: its tables and columns. Uses neither Django nor the server's database."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from reports.exceptions import RunError
from reports.sources import catalog
from reports.sources.base import Limits, SourceSpec

TABLES_SECONDS = 5
MAX_TABLES = 50
_MAX_COLUMNS = 500
_MAX_NAME = 200
_SOURCE_BYTES = 256 << 20


@dataclass(frozen=True)
class TableColumn:
    """A column of a table; `type` as the source names it."""

    name: str
    type: str


@dataclass(frozen=True)
class SourceTable:
    """A table. `reference` is how a query names it; `fault` says why no columns are known."""

    name: str
    reference: str
    columns: list[TableColumn]
    #: Columns beyond those that are returned.
    more_columns: int = 0
    fault: str = ""


@dataclass(frozen=True)
class SourceTables:
    """The first tables. `more`: others match. `driver_message` is what the source's driver said about `fault`."""

    tables: list[SourceTable] = field(default_factory=list)
    more: bool = False
    fault: str = ""
    driver_message: str = ""


def list_tables(spec: SourceSpec, search: str) -> SourceTables:
    """Return the tables that contain the text in their name or, on servers and in DuckDB, in that of a column."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            limits = Limits(timeout_seconds=TABLES_SECONDS, memory_bytes=_SOURCE_BYTES, temp_dir=Path(folder))
            found = catalog.tables(spec, limits, search=search, most=MAX_TABLES + 1)
    except RunError as error:
        return SourceTables(fault=error.message, driver_message=str(error.details.get("driver", "")))
    return SourceTables([_shown(table) for table in found[:MAX_TABLES]], more=len(found) > MAX_TABLES)


def _shown(table: catalog.Table) -> SourceTable:
    columns = [TableColumn(name[:_MAX_NAME], type[:_MAX_NAME]) for name, type in table.columns[:_MAX_COLUMNS]]
    more = max(0, len(table.columns) - _MAX_COLUMNS)
    return SourceTable(table.name, table.reference, columns, more, table.fault)
