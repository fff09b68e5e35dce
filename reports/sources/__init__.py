"""Data sources by kind, and the one way to read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import placeholders
from reports.sources.adbc.source import AdbcSource
from reports.sources.adbc.url import postgresql_url
from reports.sources.base import (
    CatalogRow,
    CatalogSource,
    Limits,
    QueryDescription,
    Rows,
    Snapshot,
    SnapshotSource,
    Source,
    SourceSpec,
)
from reports.sources.duckdb.database_file import DuckdbSource
from reports.sources.errors import undeclared_placeholders
from reports.sources.files.source import FilesSource
from reports.sources.lake.source import LakeSource
from reports.sources.normalization import normalize, normalized_schema
from reports.sources.placeholders import Context, pieces, single_statement
from reports.sources.postgresql import account_rights as postgresql_rights
from reports.sources.postgresql.source import PostgresqlSource
from reports.sources.rights import Excess
from reports.sources.sql.deferred import DeferredSqlSource
from reports.sources.sqlite.source import SqliteSource

__all__ = [
    "SOURCES",
    "catalog_columns",
    "checked_query",
    "describe",
    "end_orphaned_query",
    "excess_rights",
    "preload",
    "read",
    "snapshot",
]

_SQL = DeferredSqlSource()
#: A new kind of source is one class and one entry here.
SOURCES: dict[str, Source] = {
    source.kind: source
    for source in (SqliteSource(), FilesSource(), DuckdbSource(), PostgresqlSource(), _SQL, AdbcSource(), LakeSource())
}


def preload() -> None:
    """Load what forked children would load again, which takes longer than a small report."""
    placeholders.preload()
    _SQL.load()


def describe(spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> QueryDescription:
    """The columns of a query, without running it. Raises RunError."""
    query = checked_query(query, spec.dialect, values)
    if spec.rules:
        spec.rules.check(spec.location)
    spec = _as_read(spec)
    description = SOURCES[spec.kind].describe(spec, query, values, limits)
    return replace(description, schema=normalized_schema(description.schema))


@contextmanager
def read(
    spec: SourceSpec,
    query: str,
    values: Mapping[str, TypedValue],
    limits: Limits,
    *,
    source: Source | None = None,
    snapshot: Snapshot = None,
) -> Iterator[Rows]:
    """Run a query and stream its rows. Raises RunError when opening it or while batches are read.

    Column names are unique and all types are known to the formats. `source` comes from a SchemaWidened.
    """
    query = checked_query(query, spec.dialect, values)
    if spec.rules:
        spec.rules.check(spec.location)
    spec = _as_read(spec)
    source = source or SOURCES[spec.kind]
    if snapshot is not None and isinstance(source, SnapshotSource):
        opened = source.read(spec, query, values, limits, snapshot)
    else:
        opened = source.read(spec, query, values, limits)
    with opened as rows:
        schema = normalized_schema(rows.schema)
        yield Rows(schema, (normalize(batch, schema) for batch in rows.batches), rows.expected_rows)


@contextmanager
def snapshot(spec: SourceSpec, limits: Limits) -> Iterator[Snapshot]:
    """Open the data as they are now, for several reads; None if the engine can't do that. Raises RunError."""
    if spec.rules:
        spec.rules.check(spec.location)
    spec = _as_read(spec)
    source = SOURCES[spec.kind]
    with source.snapshot(spec, limits) if isinstance(source, SnapshotSource) else nullcontext() as opened:
        yield opened


def excess_rights(spec: SourceSpec, limits: Limits) -> list[Excess]:
    """What the account in the source's URL may do beyond reading, as far as its server tells. Raises RunError."""
    spec = _as_read(spec)
    if isinstance(source := SOURCES[spec.kind], AdbcSource):
        return source.excess_rights(spec)
    if spec.kind == PostgresqlSource.kind:
        with read(spec, postgresql_rights.QUERY, {}, limits) as rows:
            answers = [row for batch in rows.batches for row in batch.to_pylist()]
        return postgresql_rights.excesses(answers[0])
    return _SQL.excess_rights(spec, limits) if spec.kind == _SQL.kind else []


def catalog_columns(spec: SourceSpec, limits: Limits, most: int) -> list[CatalogRow] | None:
    """What the driver lists of the source's tables; None if a query has to ask. Raises RunError."""
    if spec.rules:
        spec.rules.check(spec.location)
    spec = _as_read(spec)
    source = SOURCES[spec.kind]
    return source.columns(spec, limits, most) if isinstance(source, CatalogSource) else None


def _as_read(spec: SourceSpec) -> SourceSpec:
    """The same source as the kind that reads it best. Rules have been checked before."""
    url = postgresql_url(spec.location) if spec.kind == AdbcSource.kind else None
    return replace(spec, kind=PostgresqlSource.kind, location=url, rules=None) if url else spec


def end_orphaned_query(spec: SourceSpec, temp_dir: Path) -> None:
    """End a query that a killed process left running on its server. `temp_dir` is that of its limits.

    Only needed for MySQL and MariaDB: PostgreSQL notices by itself (client_connection_check_interval), and the other
    engines ran inside the killed process.
    """
    if spec.kind == _SQL.kind:
        _SQL.end_orphaned_query(spec, temp_dir)


def checked_query(query: str, dialect: str, values: Mapping[str, object]) -> str:
    """The query's only statement. Raises QueryFailed for a second one, or a placeholder that is not in `values`."""
    query = single_statement(query, dialect)
    named = [piece for piece in pieces(query, dialect) if piece.name]
    undeclared = [piece.name for piece in named if piece.name and piece.name not in values]
    if undeclared:
        raise undeclared_placeholders(list(dict.fromkeys(undeclared)))
    for piece in named:
        value = values[piece.name or ""]
        is_list = isinstance(value, TypedValue) and isinstance(value.value, tuple)
        if is_list and piece.context is Context.IN_MIXED_LIST:
            raise QueryFailed(f"The list {piece.text} can only be used as in “x in {piece.text}”.")
    return query
