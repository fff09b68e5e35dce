"""The tables of a data source with their columns, as far as its account can read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from reports import sources
from reports.exceptions import QueryTimeout, RunError
from reports.sources.base import CatalogRow, Limits, SourceSpec
from reports.sources.deadline import Deadline
from reports.sources.files.source import table_names
from reports.sources.lake.source import lake_tables
from reports.sources.placeholders import identifier

#: Rows of a server's catalog, one for each column of a table, that are read.
_MAX_CATALOG_ROWS = 50_000
_SAMPLE_ROWS = 100
_SIMPLE_NAME = re.compile(r"[a-z_][a-z0-9_]*")
#: Queries for CatalogRows.
_CATALOGS = {
    "duckdb": """
        select case table_schema when 'main' then '' else table_schema end, table_name, column_name, data_type
        from information_schema.columns
        where table_catalog = current_database() and table_schema <> 'information_schema'""",
    "postgresql": """
        select case table_schema when current_schema() then '' else table_schema::text end, table_name::text,
            column_name::text, data_type::text
        from information_schema.columns where table_schema not in ('information_schema', 'pg_catalog')""",
    "mysql": """
        select case table_schema when database() then '' else table_schema end, table_name, column_name, column_type
        from information_schema.columns
        where table_schema not in ('information_schema', 'mysql', 'performance_schema', 'sys')""",
    "standard": """
        select table_schema, table_name, column_name, data_type
        from information_schema.columns where lower(table_schema) not in ('information_schema', 'sys')""",
}
_TOO_LONG = "Its columns could not be read in time."


@dataclass(frozen=True)
class Table:
    """A table as people see it, and as a query names it. `columns` are pairs of name and type, or `fault` says why
    there are none."""

    name: str
    reference: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    fault: str = ""


def searches_columns(kind: str) -> bool:
    """Whether a search in a source of this kind also finds tables by their columns, which a catalog lists.

    The columns of files, of lakes and of SQLite databases take longer to read.
    """
    return kind not in ("files", "lake", "sqlite")


def tables(spec: SourceSpec, limits: Limits, *, search: str, most: int) -> list[Table]:
    """Return the first tables whose name, or a column's name if those are searched, contains the text, by name.

    Raises RunError.
    """
    deadline, text = Deadline(limits.timeout_seconds), search.lower()
    if searches_columns(spec.kind):
        return list(islice((table for table in _listed(spec, limits) if _matches(table, text)), most))
    names = _NAMES[spec.kind](spec, limits)
    matching = [name for name in names if text in name.lower()][:most]
    return [_described(spec, limits, name, deadline) for name in matching]


def _sqlite_names(spec: SourceSpec, limits: Limits) -> list[str]:
    query = "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\'"
    return [name for (name,) in _rows(spec, limits, f"{query} order by 1")]


#: How to list tables where no catalog lists their columns.
_NAMES: dict[str, Callable[[SourceSpec, Limits], list[str]]] = {
    "files": lambda spec, limits: table_names(spec),
    "lake": lambda spec, limits: lake_tables(spec),
    "sqlite": _sqlite_names,
}


def _matches(table: Table, text: str) -> bool:
    return text in table.name.lower() or any(text in column.lower() for column, _ in table.columns)


def _listed(spec: SourceSpec, limits: Limits) -> Iterator[Table]:
    """The tables that a catalog lists."""
    listed = sources.catalog_columns(spec, limits, _MAX_CATALOG_ROWS)
    query = f"{_CATALOGS[spec.dialect]} order by 1, 2, ordinal_position" if listed is None else ""
    rows = _rows(spec, limits, query) if listed is None else iter(listed)
    for (schema, name), columns in groupby(rows, key=lambda row: (row[0], row[1])):
        parts = [part for part in (schema, name) if part]
        reference = ".".join(quoted(part, spec.dialect) for part in parts)
        yield Table(".".join(parts), reference, [(column, type) for _, _, column, type in columns])


def _rows(spec: SourceSpec, limits: Limits, query: str) -> Iterator[CatalogRow]:
    missing = _MAX_CATALOG_ROWS
    with sources.read(spec, query, {}, limits) as rows:
        for batch in rows.batches:
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield [value.decode() if isinstance(value, bytes) else str(value or "") for value in row]
            missing -= batch.num_rows
            if missing <= 0:
                return


def _described(spec: SourceSpec, limits: Limits, name: str, deadline: Deadline) -> Table:
    """The table with the types of its first rows."""
    reference = quoted(name, spec.dialect)
    sample = 0 if spec.kind == "lake" else _SAMPLE_ROWS
    query = f"select * from {identifier(name)} limit {sample}"  # noqa: S608 -- quoted
    try:
        deadline.check()
        with sources.read(spec, query, {}, limits) as rows:
            return Table(name, reference, [(column.name, str(column.type)) for column in rows.schema])
    except QueryTimeout:
        return Table(name, reference, fault=_TOO_LONG)
    except RunError as error:
        return Table(name, reference, fault=error.message)


def quoted(name: str, dialect: str) -> str:
    """The name as a query can use it: in quotes where it needs them."""
    if _SIMPLE_NAME.fullmatch(name):
        return name
    return f"`{name.replace('`', '``')}`" if dialect == "mysql" else identifier(name)
