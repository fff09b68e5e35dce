"""All databases that have an ADBC driver: the driver returns Arrow batches, which are passed on unchanged.

Drivers are packages that the operator installs. Values are bound as Arrow arrays of one row. PostgreSQL's driver is
left to the kind `postgresql`, which streams also when values are bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from itertools import islice
from typing import Any, ClassVar

import adbc_driver_manager as adbc
import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_manager import dbapi

from common.api.numbers import DECIMAL_DIGITS
from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import errors
from reports.sources.adbc.errors import DRIVER_ERRORS, connection_error, translated_errors
from reports.sources.adbc.url import AdbcUrl
from reports.sources.base import CatalogRow, Limits, QueryDescription, Rows, SourceSpec
from reports.sources.deadline import Deadline, interrupting
from reports.sources.drivers.statement import bind, check_select
from reports.sources.rights import Excess

_READ_ONLY = {"adbc.connection.readonly": "true"}
_INFORMATION_SCHEMA = "information_schema"
#: A double of this size or more may be an integer that SQLite's driver has rounded.
_MAX_EXACT_IN_DOUBLE = 2.0**53
_MAX_INTEGER = 2.0**63
_ROUNDED = "Column “{}” has integers that this driver rounds, as there are fractions. Use a data source of kind sqlite."


class AdbcSource:
    """One database."""

    kind: ClassVar[str] = "adbc"

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        deadline, url = Deadline(limits.timeout_seconds), AdbcUrl.of(spec.location)
        check_select(query, url.dialect)
        with ExitStack() as stack:
            cursor = stack.enter_context(_cursor(url, deadline))
            with translated_errors(deadline, url):
                reader = _run(cursor, *_bind(query, values, url))
                stack.callback(_close, cursor, reader)
            # Outside of translated_errors: an error while the file is written is not an error of the source.
            yield Rows(reader.schema, _batches(reader, deadline, url))

    def describe(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> QueryDescription:
        """The types are the driver's, if it knows them before it runs the query, or else those of its first rows."""
        deadline, url = Deadline(limits.timeout_seconds), AdbcUrl.of(spec.location)
        check_select(query, url.dialect)
        sql, bound = _bind(query, values, url)
        with _cursor(url, deadline) as cursor, translated_errors(deadline, url):
            if not bound:
                with suppress(adbc.NotSupportedError):
                    return QueryDescription(cursor.adbc_execute_schema(sql))
            reader = _run(cursor, sql, bound)
            _close(cursor, reader)
            return QueryDescription(reader.schema, certain=url.driver != "sqlite")

    def columns(self, spec: SourceSpec, limits: Limits, most: int) -> list[CatalogRow]:
        """Return the columns of the current catalog, as the driver lists them."""
        deadline, url = Deadline(limits.timeout_seconds), AdbcUrl.of(spec.location)
        with _connection(url) as connection, translated_errors(deadline, url):
            catalog, own = _current(connection, "catalog"), _current(connection, "db_schema")
            reader = connection.adbc_get_objects(depth="columns", catalog_filter=catalog)
            entries = (entry for batch in reader for entry in batch.to_pylist())
            return list(islice(_catalog_rows(entries, own), most))

    def excess_rights(self, spec: SourceSpec) -> list[Excess]:
        """Return a warning unless the driver can't write with this connection."""
        url = AdbcUrl.of(spec.location)
        with _connection(url) as connection:
            return [] if url.is_read_only or _make_read_only(connection) else [Excess.UNKNOWN]


# ---- the connection


@contextmanager
def _connection(url: AdbcUrl) -> Iterator[dbapi.Connection]:
    try:
        connection = dbapi.connect(
            _driver(url.driver), db_kwargs=url.of_database, conn_kwargs=url.of_connection, autocommit=True
        )
    except DRIVER_ERRORS as error:
        raise connection_error(error, url) from error
    try:
        yield connection
    finally:
        with suppress(*DRIVER_ERRORS):
            connection.close()


def _driver(name: str) -> str:
    """The library of an installed package; a name that the driver manager looks up where there is none."""
    try:
        package = import_module(f"adbc_driver_{name}")
    except ModuleNotFoundError:
        return name
    path = getattr(package, "driver_path", None) or package._driver_path
    return str(path())


@contextmanager
def _cursor(url: AdbcUrl, deadline: Deadline) -> Iterator[Any]:
    """A cursor that can only read, as far as the driver knows how to, and whose query is cancelled at the deadline."""
    with _connection(url) as connection:
        _make_read_only(connection)
        cursor = connection.cursor()
        try:
            with interrupting(lambda: _cancel(cursor), deadline):
                yield cursor
        finally:
            with suppress(*DRIVER_ERRORS):
                cursor.close()


def _make_read_only(connection: dbapi.Connection) -> bool:
    """False if the driver doesn't know the option."""
    try:
        connection.adbc_connection.set_options(**_READ_ONLY)
    except DRIVER_ERRORS:
        return False
    return True


def _cancel(cursor: Any) -> None:
    with suppress(*DRIVER_ERRORS):
        cursor.adbc_cancel()


def _close(cursor: Any, reader: pa.RecordBatchReader) -> None:
    """Drop the remaining rows. Without the cancellation, some drivers would receive them all first."""
    _cancel(cursor)
    with suppress(*DRIVER_ERRORS):
        reader.close()


# ---- the query


def _bind(query: str, values: Mapping[str, TypedValue], url: AdbcUrl) -> tuple[str, list[object]]:
    sql, bound = bind(query, values, url.dialect, "qmark")
    if url.driver == "sqlite":
        # As the kind sqlite binds it. The driver would write a T for the space.
        return sql, [value.isoformat(sep=" ") if isinstance(value, datetime) else value for value in bound or ()]
    return sql, list(bound or ())


def _run(cursor: Any, sql: str, bound: list[object]) -> pa.RecordBatchReader:
    if not bound:
        cursor.execute(sql)
    else:
        try:
            cursor.execute(sql, _parameters(bound))
        except adbc.NotSupportedError:
            cursor.execute(sql, _parameters([_without_decimal(value) for value in bound]))
    reader = cursor.fetch_record_batch()
    if len(reader.schema) == 0:
        raise QueryFailed(errors.NOT_READ_ONLY)
    return reader


def _parameters(values: Sequence[object]) -> pa.RecordBatch:
    return pa.record_batch([_array(value) for value in values], names=[f"p{number}" for number in range(len(values))])


def _array(value: object) -> pa.Array:
    if not isinstance(value, Decimal):
        return pa.array([value])
    if value == value.to_integral_value() and abs(value) < 2**63:
        return pa.array([int(value)], pa.int64())
    scale = max(0, -int(value.as_tuple().exponent))
    is_too_long = max(value.adjusted() + 1, 0) + scale > DECIMAL_DIGITS
    return pa.array(
        [format(value, "f")] if is_too_long else [value],
        pa.string() if is_too_long else pa.decimal128(DECIMAL_DIGITS, scale),
    )


def _without_decimal(value: object) -> object:
    """For drivers that bind no decimals: a double if it is written with the same digits, else text."""
    if not isinstance(value, Decimal) or isinstance(_array(value), pa.Int64Array):
        return value
    return float(value) if Decimal(repr(float(value))) == value else format(value, "f")


def _batches(reader: pa.RecordBatchReader, deadline: Deadline, url: AdbcUrl) -> Iterator[pa.RecordBatch]:
    with translated_errors(deadline, url):
        for batch in reader:
            deadline.check()
            if url.driver == "sqlite":
                _check_not_rounded(batch)
            yield batch
    # A query that was interrupted may look like one that has ended.
    deadline.check()


def _check_not_rounded(batch: pa.RecordBatch) -> None:
    for column, field in zip(batch.columns, batch.schema, strict=True):
        if pa.types.is_floating(field.type):
            sizes = pc.abs(column)
            rounded = pc.and_(pc.greater_equal(sizes, _MAX_EXACT_IN_DOUBLE), pc.less(sizes, _MAX_INTEGER))
            if pc.any(rounded).as_py():
                raise QueryFailed(_ROUNDED.format(field.name))


# ---- the catalog


def _current(connection: dbapi.Connection, name: str) -> str | None:
    """The current catalog or schema; None if the driver doesn't tell."""
    try:
        return str(getattr(connection, f"adbc_current_{name}")) or None
    except DRIVER_ERRORS:
        return None


def _catalog_rows(catalogs: Iterator[dict[str, Any]], own_schema: str | None) -> Iterator[CatalogRow]:
    for catalog in catalogs:
        for schema in catalog["catalog_db_schemas"] or ():
            name = schema["db_schema_name"] or ""
            if name.lower() == _INFORMATION_SCHEMA:
                continue
            shown = "" if name == own_schema else name
            for table in sorted(schema["db_schema_tables"] or (), key=lambda table: str(table["table_name"])):
                for column in table["table_columns"] or ():
                    yield shown, table["table_name"], column["column_name"], column["xdbc_type_name"] or ""
