"""Data sources by kind, and the one way to read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources.base import Described, Limits, Rows, Source, SourceSpec
from reports.sources.columns import leaving, leaving_schema
from reports.sources.duckdb.database_file import DuckdbSource
from reports.sources.failures import unknown_placeholders
from reports.sources.files import FilesSource
from reports.sources.placeholders import pieces, preload, single_statement
from reports.sources.postgresql.source import PostgresqlSource
from reports.sources.sql import session
from reports.sources.sql.source import SqlSource
from reports.sources.sqlite.source import SqliteSource

__all__ = ["SOURCES", "checked_query", "describe", "end_left_behind", "preload", "read"]

SOURCES: dict[str, Source] = {
    source.kind: source for source in (SqliteSource(), FilesSource(), DuckdbSource(), PostgresqlSource(), SqlSource())
}


def describe(spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Described:
    """The columns of one query, without running it. Raises RunErrors."""
    query = checked_query(query, spec.dialect, values)
    found = SOURCES[spec.kind].describe(spec, query, values, limits)
    return replace(found, schema=leaving_schema(found.schema))


@contextmanager
def read(
    spec: SourceSpec,
    query: str,
    values: Mapping[str, TypedValue],
    limits: Limits,
    *,
    source: Source | None = None,
) -> Iterator[Rows]:
    """Run one query and stream its rows. Raises RunErrors, at opening or while batches are read.

    `source` is the one that a SchemaWidened asked for. Column names are unique, types are what the formats know.
    """
    query = checked_query(query, spec.dialect, values)
    with (source or SOURCES[spec.kind]).read(spec, query, values, limits) as rows:
        schema = leaving_schema(rows.schema)
        yield Rows(schema, _leaving(rows.batches, schema), rows.expected)


def end_left_behind(spec: SourceSpec, folder: Path) -> None:
    """End what a killed process may have left running at its server; `folder` is the temp_dir that it had.

    PostgreSQL notices by itself (client_connection_check_interval), and the others run in the killed process.
    """
    if spec.kind == SqlSource.kind:
        session.end_left_behind(spec.location, folder)


def checked_query(query: str, dialect: str, names: Mapping[str, object]) -> str:
    """The query's one statement. Raises QueryFailed for a second one, or a placeholder that is not in `names`."""
    query = single_statement(query, dialect)
    found = [piece for piece in pieces(query, dialect) if piece.name]
    unknown = [piece.name for piece in found if piece.name and piece.name not in names]
    if unknown:
        raise unknown_placeholders(list(dict.fromkeys(unknown)))
    for piece in found:
        _check_list_stands_alone(piece.text, piece.place, names[piece.name or ""])
    return query


def _check_list_stands_alone(text: str, place: str, value: object) -> None:
    if place == "in mixed" and isinstance(value, TypedValue) and isinstance(value.value, tuple):
        raise QueryFailed(f"The list {text} has to stand alone, as in “x in {text}”.")


def _leaving(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield leaving(batch, schema)
