"""PostgreSQL, streamed by COPY through ADBC.

With bound values, ADBC leaves the COPY path and holds the whole result in memory. So each value is bound once, to a
setting of the transaction (`select set_config('reportserver.p1', $1, true)`), and the query reads that setting, cast to
the declared type. The transaction is read-only; the server reads what the role in the URL may read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, ClassVar

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import errors, row_estimates
from reports.sources.base import Limits, QueryDescription, Rows, SchemaWidened, SourceSpec
from reports.sources.deadline import Deadline
from reports.sources.placeholders import Context, Piece, substitute
from reports.sources.postgresql.column_types import (
    NumericTypes,
    convert_numeric,
    logical_schema,
    numeric_types_for,
    schema_with,
)
from reports.sources.postgresql.errors import checked_url, connection_error, query_error
from reports.sources.postgresql.infinite_dates import with_infinities
from reports.sources.postgresql.selection import checked_columns, other_arrays, selection
from reports.sources.prefetch import Prefetcher

_BATCH_BYTES = 4 * 2**20
_MAX_LOCK_WAIT_SECONDS = 10
_USE_COPY = "adbc.postgresql.use_copy"
_TYPES = {
    "string": "text",
    "integer": "bigint",
    "number": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
}
_DRIVER_ERRORS = (adbc.Error, pa.ArrowException, OSError)


class PostgresqlSource:
    """One database.

    An earlier run of the same query learned the `numeric_types`, and the numbers of the columns that only the server's
    text can hold.
    """

    kind: ClassVar[str] = "postgresql"

    def __init__(self, numeric_types: NumericTypes | None = None, as_text: Collection[int] = ()) -> None:
        self.numeric_types: NumericTypes = numeric_types or {}
        self.as_text = frozenset(as_text)

    @contextmanager
    def read(
        self,
        spec: SourceSpec,
        query: str,
        values: Mapping[str, TypedValue],
        limits: Limits,
        snapshot: dbapi.Connection | None = None,
    ) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        sql, settings = bind(query, values)
        with ExitStack() as stack:
            connection = snapshot or stack.enter_context(_connection(spec.location, limits))
            cursor = stack.enter_context(_cursor(connection))
            with _translated_errors(deadline):
                if not snapshot:
                    _begin(cursor, limits)
                _bind_settings(cursor, settings)
                original_schema = _query_schema(cursor, sql)
                expected_rows = _expected_rows(cursor, sql)
                cursor.execute(selection(sql, original_schema, self.as_text))
                reader = cursor.fetch_record_batch()
                batches = Prefetcher(reader)
                # Run in reverse order: stop, cancel the query, then wait for the thread.
                stack.callback(batches.join)
                stack.callback(_cancel_unless_exhausted, cursor, batches)
                stack.callback(batches.stop)
                arriving_schema = logical_schema(original_schema, reader.schema)
                # The first batch shows how many digits the numeric columns need.
                first = next(batches, None)
                numeric_types = numeric_types_for(arriving_schema, self.numeric_types, first)
                checked = checked_columns(original_schema, self.as_text)
                all_batches = chain([first] if first is not None else [], batches)
                converted = self._converted(all_batches, arriving_schema, numeric_types, checked, deadline)
            # Outside of _translated_errors: an error while the file is written is not an error of the source.
            yield Rows(schema_with(numeric_types, arriving_schema), converted, expected_rows)

    @contextmanager
    def snapshot(self, spec: SourceSpec, limits: Limits) -> Iterator[dbapi.Connection]:
        """A transaction that reads the database as it is at its first query."""
        with _connection(spec.location, limits) as connection:
            with _cursor(connection) as cursor, _translated_errors(Deadline(limits.timeout_seconds)):
                _begin(cursor, limits, "isolation level repeatable read, read only")
            yield connection

    def describe(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> QueryDescription:
        sql, settings = bind(query, values)
        with (
            _connection(spec.location, limits) as connection,
            _cursor(connection) as cursor,
            _translated_errors(Deadline(limits.timeout_seconds)),
        ):
            _begin(cursor, limits)
            _bind_settings(cursor, settings)
            original_schema = _query_schema(cursor, sql)
            expected_rows = _expected_rows(cursor, sql)
            arriving_schema = cursor.adbc_execute_schema(selection(sql, original_schema, self.as_text))
            schema = logical_schema(original_schema, arriving_schema)
            numeric_types = numeric_types_for(schema, self.numeric_types, None)
            return QueryDescription(schema_with(numeric_types, schema), expected_rows)

    def _converted(
        self,
        batches: Iterator[pa.RecordBatch],
        arriving_schema: pa.Schema,
        numeric_types: NumericTypes,
        checked: list[int],
        deadline: Deadline,
    ) -> Iterator[pa.RecordBatch]:
        """The batches in their final types. Raises SchemaWidened for a value that does not fit its column's type."""
        schema = schema_with(numeric_types, arriving_schema)
        with _translated_errors(deadline):
            for batch in batches:
                deadline.check()
                columns = [with_infinities(column) for column in batch.columns[: len(schema)]]
                as_text = other_arrays(batch, checked) | {
                    number for number, column in enumerate(columns) if column is None
                }
                if as_text:
                    raise SchemaWidened(PostgresqlSource(numeric_types, self.as_text | as_text))
                converted = convert_numeric(columns, schema, numeric_types)
                if converted is None:
                    wider_types = numeric_types_for(arriving_schema, numeric_types, batch)
                    raise SchemaWidened(PostgresqlSource(wider_types, self.as_text))
                yield converted


def bind(query: str, values: Mapping[str, TypedValue]) -> tuple[str, dict[str, str]]:
    """The query, reading settings of the transaction, and these settings. No setting can be NULL: it is written out."""
    names = {name: f"reportserver.p{number}" for number, name in enumerate(values, start=1)}
    settings: dict[str, str] = {}

    def replace(piece: Piece) -> str:
        typed, setting = values[piece.name or ""], names[piece.name or ""]
        is_list = isinstance(typed.value, tuple)
        value = "null"
        if typed.value is not None:
            settings[setting] = _array(typed.value) if isinstance(typed.value, tuple) else _text(typed.value)
            value = f"current_setting('{setting}')"
        # cast() and not ::, so that a cast that follows in the query applies to all of it.
        expression = f"cast({value} as {_TYPES[typed.type]}{'[]' if is_list else ''})"
        if is_list and piece.context is not Context.VALUE:
            expression = f"select unnest({expression})"
        return f"({expression})" if piece.context is Context.IN else expression

    return substitute(query, "postgresql", replace), settings


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _array(values: tuple[object, ...]) -> str:
    """An array literal (PostgreSQL manual, 8.15.2). All elements are quoted: a comma, brace or NULL is just text."""
    escaped = (_text(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{text}"' for text in escaped) + "}"


# ---- the connection


@contextmanager
def _connection(url: str, limits: Limits) -> Iterator[dbapi.Connection]:
    url_with_timeouts = checked_url(url, limits.timeout_seconds)
    try:
        connection = dbapi.connect(url_with_timeouts, autocommit=False)
    except adbc.Error as error:
        raise connection_error(error, url) from error
    try:
        yield connection
    finally:
        with suppress(*_DRIVER_ERRORS):
            connection.rollback()
        with suppress(*_DRIVER_ERRORS):
            connection.close()


@contextmanager
def _cursor(connection: dbapi.Connection) -> Iterator[Any]:
    cursor = connection.cursor()
    cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
    try:
        yield cursor
    finally:
        with suppress(*_DRIVER_ERRORS):
            cursor.close()


def _begin(cursor: Any, limits: Limits, mode: str = "read only") -> None:
    """Make the transaction read-only and bounded.

    Server settings are only set if the server has them: client_connection_check_interval came with PostgreSQL 14.
    """
    cursor.execute(f"set transaction {mode}")
    milliseconds = max(1, limits.timeout_seconds) * 1000
    bounds = {
        "statement_timeout": str(milliseconds),
        "lock_timeout": str(min(_MAX_LOCK_WAIT_SECONDS * 1000, milliseconds)),
        "idle_in_transaction_session_timeout": str(milliseconds),
        "client_connection_check_interval": "2000",
        "application_name": "reportserver",
        "TimeZone": "UTC",
        "standard_conforming_strings": "on",
    }
    # One statement for all: each query of pg_settings costs the server milliseconds.
    numbers = range(1, 2 * len(bounds), 2)
    cases = " ".join(f"when ${number} then ${number + 1}" for number in numbers)
    names = ", ".join(f"${number}" for number in numbers)
    cursor.execute(
        f"select set_config(name, case lower(name) {cases} end, true)"  # noqa: S608 -- only $1, $2 … are inserted
        f" from pg_settings where lower(name) in ({names})",
        [text for name, value in bounds.items() for text in (name.lower(), value)],
    )
    cursor.fetchall()


def _bind_settings(cursor: Any, settings: Mapping[str, str]) -> None:
    """Bind the values to settings of the transaction."""
    for name, value in settings.items():
        cursor.execute("select set_config($1, $2, true)", [name, value])
        cursor.fetchall()


def _cancel_unless_exhausted(cursor: Any, batches: Prefetcher) -> None:
    """Cancel the query over a second connection: closing alone would first receive all remaining rows."""
    if not batches.is_exhausted:
        with suppress(*_DRIVER_ERRORS):
            cursor.adbc_cancel()


def _query_schema(cursor: Any, sql: str) -> pa.Schema:
    """The columns, without running the query. A statement without columns, such as COPY TO or COMMIT, is refused."""
    schema = cursor.adbc_execute_schema(sql)
    if len(schema) == 0:
        raise QueryFailed(errors.NOT_READ_ONLY)
    return schema


def _expected_rows(cursor: Any, sql: str) -> int | None:
    """The planner's estimate. The planner reads the settings, so it knows the values."""
    cursor.adbc_statement.set_options(**{_USE_COPY: "false"})
    cursor.execute(f"explain (format json) {sql}")
    plan = cursor.fetchone()
    cursor.adbc_statement.set_options(**{_USE_COPY: "true"})
    return row_estimates.from_postgresql(plan[0])


@contextmanager
def _translated_errors(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise query_error(error, deadline) from error
