"""All databases that SQLAlchemy supports, streamed by a server-side cursor. MySQL and MariaDB are supported best.

SQLAlchemy opens the connection and knows the dialect. The query goes to the driver unchanged, with the driver's own
placeholders. Column types are those that MySQL declares, or those of the values: see `column_types`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import ClassVar

import pyarrow as pa

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import errors
from reports.sources.base import Limits, QueryDescription, Rows, SchemaWidened, SourceSpec
from reports.sources.deadline import Deadline
from reports.sources.drivers.statement import Bound, bind, check_select
from reports.sources.rights import Excess
from reports.sources.row_chunks import Row, read_chunks
from reports.sources.sql import account_rights
from reports.sources.sql.column_types import ColumnProfile, to_array
from reports.sources.sql.errors import translated_errors
from reports.sources.sql.session import Session, connect, end_orphaned_query

__all__ = ["SqlSource", "end_orphaned_query", "excess_rights"]


class SqlSource:
    """One database. `columns` is what an earlier run of the same query learned about its columns."""

    kind: ClassVar[str] = "sql"

    def __init__(self, columns: tuple[ColumnProfile, ...] = ()) -> None:
        self.columns = columns

    @contextmanager
    def read(
        self,
        spec: SourceSpec,
        query: str,
        values: Mapping[str, TypedValue],
        limits: Limits,
        snapshot: Session | None = None,
    ) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        check_select(query, spec.dialect)
        with nullcontext(snapshot) if snapshot else connect(spec.location, deadline, limits.temp_dir) as session:
            with translated_errors(deadline):
                sql, bound = bind(query, values, spec.dialect, session.paramstyle)
                expected_rows = session.expected_rows(sql, bound)
                _execute(session, sql, bound)
                chunks = read_chunks(session.fetch, deadline)
                first = next(chunks, [])
                columns = _add_values(self.columns or session.declared, first)
                schema = _schema(session.names, columns)
            # Outside of translated_errors: an error while the file is written is not an error of the source.
            yield Rows(schema, _batches(first, chunks, columns, schema, deadline), expected_rows)

    @contextmanager
    def snapshot(self, spec: SourceSpec, limits: Limits) -> Iterator[Session | None]:
        """A transaction with a consistent snapshot, on MySQL and MariaDB."""
        deadline = Deadline(limits.timeout_seconds)
        with connect(spec.location, deadline, limits.temp_dir) as session:
            with translated_errors(deadline):
                has_snapshot = session.begin_snapshot()
            yield session if has_snapshot else None

    def describe(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> QueryDescription:
        """Run the query for no rows where the server supports that; in any case no row is fetched."""
        deadline = Deadline(limits.timeout_seconds)
        check_select(query, spec.dialect)
        with connect(spec.location, deadline, limits.temp_dir) as session, translated_errors(deadline):
            sql, bound = bind(query, values, spec.dialect, session.paramstyle)
            expected_rows = session.expected_rows(sql, bound)
            session.skip_rows()
            _execute(session, sql, bound)
            schema = _schema(session.names, session.declared)
            certain = all(column.declared is not None for column in session.declared)
            return QueryDescription(schema, expected_rows, certain=certain)


def excess_rights(spec: SourceSpec, limits: Limits) -> list[Excess]:
    """What the account may do beyond reading, as far as its grants tell."""
    deadline = Deadline(limits.timeout_seconds)
    with connect(spec.location, deadline, limits.temp_dir) as session, translated_errors(deadline):
        return account_rights.excesses(session.grants())


def _execute(session: Session, sql: str, bound: Bound) -> None:
    session.execute(sql, bound)
    if not session.names:
        raise QueryFailed(errors.NOT_READ_ONLY)


# ---- rows


def _batches(
    first: list[Row],
    following: Iterator[list[Row]],
    columns: tuple[ColumnProfile, ...],
    schema: pa.Schema,
    deadline: Deadline,
) -> Iterator[pa.RecordBatch]:
    with translated_errors(deadline):
        rows: list[Row] | None = first
        while rows:
            widened = _add_values(columns, rows)
            if _schema(schema.names, widened) != schema:
                raise SchemaWidened(SqlSource(widened))
            values_by_column = zip(*rows, strict=True)
            arrays = [
                to_array(list(values), field.type) for values, field in zip(values_by_column, schema, strict=True)
            ]
            yield pa.record_batch(arrays, schema=schema)
            rows = next(following, None)


def _add_values(columns: tuple[ColumnProfile, ...], rows: list[Row]) -> tuple[ColumnProfile, ...]:
    if not rows:
        return columns
    values_by_column = zip(*rows, strict=True)
    return tuple(column.with_values(values) for column, values in zip(columns, values_by_column, strict=True))


def _schema(names: list[str], columns: tuple[ColumnProfile, ...]) -> pa.Schema:
    return pa.schema([pa.field(name, column.type) for name, column in zip(names, columns, strict=True)])
