"""Every database that SQLAlchemy speaks to, streamed by a cursor of the server; MySQL and MariaDB are known best.

SQLAlchemy opens the connection and knows its dialect; the query itself goes to the driver as it is, with the driver's
own placeholders. Column types are those of MySQL's own description, or of the values met: see sql_columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import ClassVar

import pyarrow as pa

from reports.exceptions import QueryFailed
from reports.parameters.values import TypedValue
from reports.sources import failures
from reports.sources.base import Described, Limits, Rows, SchemaWidened, SourceSpec
from reports.sources.failures import Deadline
from reports.sources.placeholders import Piece, comments, pieces, words
from reports.sources.row_chunks import Row, chunks
from reports.sources.sql.columns import Column, column
from reports.sources.sql.errors import plain_errors
from reports.sources.sql.session import Session, connected

_NO_LIST = "A list can be used as “in :names” only, with this kind of data source."
_OPENING = {"select", "with", "values", "table"}
_WRITING = {
    "into", "insert", "update", "delete", "merge", "create", "drop", "alter", "call", "exec", "execute", "grant",
    "revoke", "outfile", "dumpfile", "load_file", "openrowset", "opendatasource",
}  # fmt: skip


class SqlSource:
    """One database. `columns` is what an earlier reading of the same query learned about them."""

    kind: ClassVar[str] = "sql"

    def __init__(self, columns: tuple[Column, ...] = ()) -> None:
        self.columns = columns

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        check_select(query, spec.dialect)
        with connected(spec.location, deadline, limits.temp_dir) as session:
            with plain_errors(deadline):
                expected = self._run(session, spec, query, values)
                rows = self._rows(session, deadline, expected)
            # Outside of plain_errors: what goes wrong while a file is being written is not the source's failure.
            yield rows

    def describe(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Described:
        """Runs the query for no rows where the server can be told so; nothing is fetched anyway."""
        deadline = Deadline(limits.timeout_seconds)
        check_select(query, spec.dialect)
        with connected(spec.location, deadline, limits.temp_dir) as session, plain_errors(deadline):
            expected = self._run(session, spec, query, values, want_rows=False)
            columns = session.declared
            schema = pa.schema([(name, one.type) for name, one in zip(session.names, columns, strict=True)])
            return Described(schema, expected, certain=all(one.declared is not None for one in columns))

    def _run(
        self,
        session: Session,
        spec: SourceSpec,
        query: str,
        values: Mapping[str, TypedValue],
        *,
        want_rows: bool = True,
    ) -> int | None:
        """How many rows are expected."""
        sql, bound = bind(query, values, spec.dialect, session.paramstyle)
        expected = session.expected(sql, bound)
        if not want_rows:
            session.want_no_rows()
        session.execute(sql, bound)
        if not session.names:
            raise QueryFailed(failures.NOT_READING)
        return expected

    def _rows(self, session: Session, deadline: Deadline, expected: int | None) -> Rows:
        batches = chunks(session.fetch, deadline)
        first = next(batches, [])
        columns = _widened(self.columns or session.declared, first)
        schema = _schema(session.names, columns)
        return Rows(schema, _batches(first, batches, columns, schema, deadline), expected)


def check_select(query: str, dialect: str) -> None:
    """Raises QueryFailed for what is no query. Not the only guard, but for some databases the only one here."""
    found = words(query, dialect)
    runs_comments = dialect == "mysql" and any(text.startswith(("/*!", "/*M!")) for text in comments(query, dialect))
    if not found or found[0] not in _OPENING or _WRITING & set(found) or runs_comments:
        raise QueryFailed(failures.NOT_READING)


# ---- values


def bind(
    query: str, values: Mapping[str, TypedValue], dialect: str, style: str
) -> tuple[str, dict[str, object] | tuple[object, ...] | None]:
    """The query with the driver's own placeholders, and the values for them: a list takes one for each value."""
    found = pieces(query, dialect)
    if not any(piece.name for piece in found):
        return query, None
    maker = _Maker(values, style)
    sql = "".join(maker.placeholder(piece) if piece.name else maker.text(piece.text) for piece in found)
    return sql, maker.bound if maker.is_named else tuple(maker.bound.values())


class _Maker:
    """Puts placeholders of one of PEP 249's styles into a query."""

    def __init__(self, values: Mapping[str, TypedValue], style: str) -> None:
        self.values = values
        self.style = style
        self.is_named = style in ("named", "pyformat")
        self.bound: dict[str, object] = {}

    def text(self, text: str) -> str:
        return text.replace("%", "%%") if self.style in ("format", "pyformat") else text

    def placeholder(self, piece: Piece) -> str:
        value = self.values[piece.name or ""].value
        if not isinstance(value, tuple):
            one = self._one(value)
            return f"({one})" if piece.place == "in" else one
        if piece.place == "value":
            raise QueryFailed(_NO_LIST)
        # A list of nothing: neither `in` nor `not in` may be NULL for it.
        listed = ", ".join(map(self._one, value)) or "select null from (select 1 x) e where 1 = 0"
        return f"({listed})" if piece.place == "in" else listed

    def _one(self, value: object) -> str:
        number = len(self.bound) + 1
        name = f"p{number}"
        self.bound[name] = _plain(value)
        styles = {"qmark": "?", "format": "%s", "numeric": f":{number}", "numeric_dollar": f"${number}"}
        return styles.get(self.style) or (f"%({name})s" if self.style == "pyformat" else f":{name}")


def _plain(value: object) -> object:
    """A moment as its time in UTC, as most databases keep it; a number without an exponent, which would be a float."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return Decimal(format(value, "f")) if isinstance(value, Decimal) else value


# ---- rows


def _batches(
    first: list[Row], more: Iterator[list[Row]], columns: tuple[Column, ...], schema: pa.Schema, deadline: Deadline
) -> Iterator[pa.RecordBatch]:
    with plain_errors(deadline):
        rows: list[Row] | None = first
        while rows:
            seen = _widened(columns, rows)
            if _schema(schema.names, seen) != schema:
                raise SchemaWidened(SqlSource(seen))
            arrays = [
                column(list(found), field.type) for found, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            yield pa.record_batch(arrays, schema=schema)
            rows = next(more, None)


def _widened(columns: tuple[Column, ...], rows: list[Row]) -> tuple[Column, ...]:
    if not rows:
        return columns
    return tuple(known.with_values(values) for known, values in zip(columns, zip(*rows, strict=True), strict=True))


def _schema(names: list[str], columns: tuple[Column, ...]) -> pa.Schema:
    return pa.schema([pa.field(name, one.type) for name, one in zip(names, columns, strict=True)])
