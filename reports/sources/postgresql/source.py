"""PostgreSQL, streamed by COPY through ADBC.

ADBC leaves the COPY path, and holds the whole result, when a query has bound values. So each value is bound once, to a
setting of the transaction (`select set_config('reportserver.p1', $1, true)`), and the query reads that setting, cast to
the declared type. The transaction is read-only; what the server may read is what the URL's role may read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import failures, row_estimates
from reports.sources.base import Described, Limits, Rows, SchemaWidened, SourceSpec
from reports.sources.failures import Deadline
from reports.sources.placeholders import Piece, substitute
from reports.sources.postgresql.errors import checked_url, connection_error, query_error
from reports.sources.postgresql.types import Decimals, decimal_schema, logical, readable, to_decimals, widened
from reports.sources.prefetch import Prefetcher

_BATCH_BYTES = 4 * 2**20
_USE_COPY = "adbc.postgresql.use_copy"
_TYPES = {"string": "text", "integer": "bigint", "number": "numeric", "boolean": "boolean", "date": "date",
          "datetime": "timestamptz"}  # fmt: skip
_DRIVER_ERRORS = (adbc.Error, pa.ArrowException, OSError)


class PostgresqlSource:
    """One database. `decimals` is what an earlier reading of the same query learned about its numeric columns."""

    kind: ClassVar[str] = "postgresql"

    def __init__(self, decimals: Decimals | None = None) -> None:
        self.decimals: Decimals = decimals or {}

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        sql, settings = bind(query, values)
        with _cursor(spec.location, limits) as cursor, ExitStack() as stack:
            with _plain_errors(deadline):
                _begin(cursor, settings, limits)
                described = _described(cursor, sql)
                expected = _expected(cursor, sql)
                cursor.execute(readable(sql, described))
                reader = cursor.fetch_record_batch()
                ahead = Prefetcher(reader)
                # In the reverse order: stopped, cancelled, and then waited for.
                stack.callback(ahead.join)
                stack.callback(_cancel_unless_over, cursor, ahead)
                stack.callback(ahead.stop)
                rows = self._rows(ahead, logical(described, reader.schema), deadline, expected)
            # Outside of _plain_errors: what goes wrong while a file is being written is not the source's failure.
            yield rows

    def describe(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Described:
        sql, settings = bind(query, values)
        with _cursor(spec.location, limits) as cursor, _plain_errors(Deadline(limits.timeout_seconds)):
            _begin(cursor, settings, limits)
            described = _described(cursor, sql)
            expected = _expected(cursor, sql)
            described = logical(described, cursor.adbc_execute_schema(readable(sql, described)))
            return Described(decimal_schema(described, widened(described, self.decimals, None)), expected)

    def _rows(self, ahead: Prefetcher, columns: pa.Schema, deadline: Deadline, expected: int | None) -> Rows:
        """The first batch is read before the schema is known: it shows how many digits a numeric column needs."""
        first = next(ahead, None)
        decimals = widened(columns, self.decimals, first)
        schema = decimal_schema(columns, decimals)
        return Rows(schema, _batches(first, ahead, columns, schema, decimals, deadline), expected)


def _batches(
    first: pa.RecordBatch | None,
    ahead: Prefetcher,
    columns: pa.Schema,
    schema: pa.Schema,
    decimals: Decimals,
    deadline: Deadline,
) -> Iterator[pa.RecordBatch]:
    batch = first
    with _plain_errors(deadline):
        while batch is not None:
            deadline.check()
            ready = to_decimals(batch, schema, decimals)
            if ready is None:
                raise SchemaWidened(PostgresqlSource(widened(columns, decimals, batch)))
            yield ready
            batch = next(ahead, None)


def bind(query: str, values: Mapping[str, TypedValue]) -> tuple[str, dict[str, str]]:
    """The query reading settings of the transaction, and those settings. NULL is written out: a setting has none."""
    numbers = {name: f"reportserver.p{number}" for number, name in enumerate(values, start=1)}
    settings: dict[str, str] = {}

    def replace(piece: Piece) -> str:
        typed, setting = values[piece.name or ""], numbers[piece.name or ""]
        if typed.value is not None:
            settings[setting] = _array(typed.value) if isinstance(typed.value, tuple) else _text(typed.value)
        return _expression(piece.place, typed, setting)

    return substitute(query, "postgresql", replace), settings


def _expression(place: str, typed: TypedValue, setting: str) -> str:
    many = isinstance(typed.value, tuple)
    read = "null" if typed.value is None else f"current_setting('{setting}')"
    # cast() and not ::, so that a cast that follows in the query applies to all of it.
    expression = f"cast({read} as {_TYPES[typed.type]}{'[]' if many else ''})"
    if many and place != "value":
        expression = f"select unnest({expression})"
    return f"({expression})" if place == "in" else expression


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _array(values: tuple[object, ...]) -> str:
    """PostgreSQL's own text form of an array: every element quoted, so that commas, braces and NULL are just text."""
    escaped = (_text(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{text}"' for text in escaped) + "}"


# ---- the connection


@contextmanager
def _cursor(url: str, limits: Limits) -> Iterator[Any]:
    checked = checked_url(url, limits.timeout_seconds)
    try:
        connection = dbapi.connect(checked, autocommit=False)
    except adbc.Error as error:
        raise connection_error(error, url) from error
    try:
        cursor = connection.cursor()
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
        try:
            yield cursor
        finally:
            with suppress(*_DRIVER_ERRORS):
                cursor.close()
    finally:
        with suppress(*_DRIVER_ERRORS):
            connection.rollback()
        with suppress(*_DRIVER_ERRORS):
            connection.close()


def _begin(cursor: Any, settings: Mapping[str, str], limits: Limits) -> None:
    """Make the transaction read-only and bounded, and put the values into it.

    Of the server's own settings only those that it has: client_connection_check_interval came with PostgreSQL 14.
    """
    cursor.execute("set transaction read only")
    milliseconds = str(max(1, limits.timeout_seconds) * 1000)
    bounds = {
        "statement_timeout": milliseconds,
        "lock_timeout": str(min(10_000, int(milliseconds))),
        "idle_in_transaction_session_timeout": milliseconds,
        "client_connection_check_interval": "2000",
        "application_name": "reportserver",
        "TimeZone": "UTC",
        "standard_conforming_strings": "on",
    }
    # All in one go: each look at pg_settings costs the server milliseconds, and nothing else happens meanwhile.
    cases = " ".join(f"when ${at} then ${at + 1}" for at in range(1, 2 * len(bounds), 2))
    names = ", ".join(f"${at}" for at in range(1, 2 * len(bounds), 2))
    cursor.execute(
        f"select set_config(name, case lower(name) {cases} end, true)"  # noqa: S608 -- only $1, $2 … are put in
        f" from pg_settings where lower(name) in ({names})",
        [text for name, value in bounds.items() for text in (name.lower(), value)],
    )
    cursor.fetchall()
    for name, value in settings.items():
        cursor.execute("select set_config($1, $2, true)", [name, value])
        cursor.fetchall()


def _cancel_unless_over(cursor: Any, ahead: Prefetcher) -> None:
    """Closing alone would first receive all the rows that nobody wants any more; cancelling connects once more."""
    if ahead.is_over:
        return
    with suppress(*_DRIVER_ERRORS):
        cursor.adbc_cancel()


def _described(cursor: Any, sql: str) -> pa.Schema:
    """The columns, without running anything. What has none is no query: COPY TO or COMMIT would be carried out."""
    schema = cursor.adbc_execute_schema(sql)
    if len(schema) == 0:
        raise QueryFailed(failures.NOT_READING)
    return schema


def _expected(cursor: Any, sql: str) -> int | None:
    """What the planner thinks; it knows the values, as it looks at the settings that hold them."""
    cursor.adbc_statement.set_options(**{_USE_COPY: "false"})
    cursor.execute(f"explain (format json) {sql}")
    plan = cursor.fetchone()
    cursor.adbc_statement.set_options(**{_USE_COPY: "true"})
    return row_estimates.of_postgresql(plan[0])


@contextmanager
def _plain_errors(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise query_error(error, deadline) from error
