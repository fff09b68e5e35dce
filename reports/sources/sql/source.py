"""All databases that SQLAlchemy supports, streamed by a server-side cursor. MySQL and MariaDB are supported best.

SQLAlchemy opens the connection and knows the dialect. The query goes to the driver unchanged, with the driver's own
placeholders. Column types are those that MySQL declares, or those of the values: see `column_types`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

import pyarrow as pa

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import errors
from reports.sources.base import Limits, QueryDescription, Rows, SchemaWidened, SourceSpec
from reports.sources.deadline import Deadline
from reports.sources.placeholders import Context, Piece, called_names, comments, pieces, words
from reports.sources.rights import Excess
from reports.sources.row_chunks import Row, read_chunks
from reports.sources.sql import account_rights
from reports.sources.sql.column_types import ColumnProfile, to_array
from reports.sources.sql.errors import translated_errors
from reports.sources.sql.session import Session, connect, end_orphaned_query

_FIRST_WORDS = {"select", "with", "values", "table"}
_WRITING_WORDS = {
    "into", "insert", "update", "delete", "merge", "create", "drop", "alter", "call", "exec", "execute", "grant",
    "revoke", "outfile", "dumpfile",
}  # fmt: skip
#: Functions that read files, or call other servers, which no read-only transaction prevents.
_FORBIDDEN_FUNCTIONS = {
    "load_file", "openrowset", "opendatasource", "openquery", "sys_eval", "sys_exec", "httpuritype",
}  # fmt: skip
#: A list without values: a subquery without rows, so that neither `in` nor `not in` is NULL.
_EMPTY_LIST = "select null from (select 1 x) e where 1 = 0"

__all__ = ["SqlSource", "end_orphaned_query", "excess_rights"]

Bound = dict[str, object] | tuple[object, ...] | None


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


def check_select(query: str, dialect: str) -> None:
    """Raises QueryFailed for anything but a query. On databases without a read-only session it is the only guard."""
    found = words(query, dialect)
    used = set(found)
    writes = used & _WRITING_WORDS
    calls = (used | called_names(query, dialect)) & _FORBIDDEN_FUNCTIONS
    runs_comments = dialect == "mysql" and any(text.startswith(("/*!", "/*M!")) for text in comments(query, dialect))
    if not found or found[0] not in _FIRST_WORDS or writes or calls or runs_comments:
        raise QueryFailed(errors.NOT_READ_ONLY)


def _execute(session: Session, sql: str, bound: Bound) -> None:
    session.execute(sql, bound)
    if not session.names:
        raise QueryFailed(errors.NOT_READ_ONLY)


# ---- values


def bind(query: str, values: Mapping[str, TypedValue], dialect: str, style: str) -> tuple[str, Bound]:
    """The query with placeholders in the driver's style (PEP 249), and their values: one for each item of a list."""
    query_pieces = pieces(query, dialect)
    if not any(piece.name for piece in query_pieces):
        return query, None
    escapes_percent = style in ("format", "pyformat")
    bound: dict[str, object] = {}
    sql = []
    for piece in query_pieces:
        if piece.name:
            sql.append(_placeholders(piece, values[piece.name].value, style, bound))
        else:
            sql.append(piece.text.replace("%", "%%") if escapes_percent else piece.text)
    return "".join(sql), bound if style in ("named", "pyformat") else tuple(bound.values())


def _placeholders(piece: Piece, value: object, style: str, bound: dict[str, object]) -> str:
    """The placeholders for one value, which is added to `bound`."""

    def placeholder(item: object) -> str:
        number = len(bound) + 1
        name = f"p{number}"
        bound[name] = _to_driver(item)
        styles = {
            "qmark": "?",
            "format": "%s",
            "numeric": f":{number}",
            "numeric_dollar": f"${number}",
            "pyformat": f"%({name})s",
        }
        return styles.get(style, f":{name}")

    if not isinstance(value, tuple):
        sql = placeholder(value)
    elif piece.context is Context.VALUE:
        raise QueryFailed("With this kind of data source, a list can only be used as “in :names”.")
    else:
        sql = ", ".join(map(placeholder, value)) or _EMPTY_LIST
    return f"({sql})" if piece.context is Context.IN else sql


def _to_driver(value: object) -> object:
    """A datetime in UTC without a zone, as most databases store it; a number without an exponent, or it is a double."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return Decimal(format(value, "f")) if isinstance(value, Decimal) else value


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
