"""SQLite files, opened read-only and kept so by SQLite's own authorizer.

SQLite types values, not columns. A column's type is that of the values met first; when a later value does not fit,
SchemaWidened asks for the file to be started again with a type that holds both, so no value is ever bent to fit.
A date is bound as ISO text, a datetime as 'YYYY-MM-DD HH:MM:SS[.ffffff]' in UTC, a boolean as 0 or 1, and a number
with a fraction as SQLite's only such type, the 8-byte float.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from reports.exceptions import QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import failures
from reports.sources.base import Described, Limits, Rows, SchemaWidened, SourceSpec
from reports.sources.failures import Deadline, failure
from reports.sources.placeholders import Piece, substitute
from reports.sources.row_chunks import PROBE_ROWS, Row, chunks
from reports.sources.sqlite.columns import Kind, column, kind_of, kinds_schema

_STEPS_BETWEEN_CLOCK_READS = 20_000
_LOCK_WAIT_SECONDS = 5.0
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
#: json_each and full-text tables ask for these when they are opened. Neither can write: the file is opened mode=ro.
_ASKED_BY_VIRTUAL_TABLES = {(sqlite3.SQLITE_UPDATE, "sqlite_master"), (sqlite3.SQLITE_PRAGMA, "data_version")}
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}


class SqliteSource:
    """One SQLite database file. `kinds` is what an earlier reading of the same query learned about its columns."""

    kind: ClassVar[str] = "sqlite"

    def __init__(self, kinds: tuple[Kind, ...] = ()) -> None:
        self.kinds = kinds

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values)
        with ExitStack() as stack:
            with _plain_errors(deadline):
                connection = stack.enter_context(closing(_open(spec.location, limits, deadline)))
                cursor = connection.execute(sql, bound)
                if cursor.description is None:
                    raise QueryFailed(failures.NOT_READING)
                rows = self._rows(cursor, [described[0] for described in cursor.description], deadline)
            # Outside of _plain_errors: what goes wrong while a file is being written is not the source's failure.
            yield rows

    def describe(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Described:
        """SQLite types values, not columns: the types are those of the first rows, if they come in time."""
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values)
        with _plain_errors(deadline), closing(_open(spec.location, limits, deadline)) as connection:
            cursor = connection.execute(f"select * from ({sql}\n) limit 0", bound)  # noqa: S608 -- the author's own
            names = [described[0] for described in cursor.description]
            kinds: tuple[Kind, ...] = (frozenset(),) * len(names)
            expected = None
            with suppress(QueryTimeout), _plain_errors(deadline):
                kinds = _widened(kinds, connection.execute(sql, bound).fetchmany(PROBE_ROWS))
                # SQLite's plan knows no numbers of rows: they are counted, as far as the time goes.
                counted = f"select count(*) from ({sql}\n)"  # noqa: S608 -- the author's own
                expected = int(connection.execute(counted, bound).fetchone()[0])
        return Described(kinds_schema(names, kinds), expected, certain=False)

    def _rows(self, cursor: sqlite3.Cursor, names: list[str], deadline: Deadline) -> Rows:
        batches = chunks(cursor.fetchmany, deadline)
        first = next(batches, [])
        nothing_known: tuple[Kind, ...] = (frozenset(),) * len(names)
        kinds = _widened(self.kinds or nothing_known, first)
        schema = kinds_schema(names, kinds)
        return Rows(schema, _batches(first, batches, kinds, schema, deadline))


def bind(query: str, values: Mapping[str, TypedValue]) -> tuple[str, dict[str, object]]:
    """The query with SQLite's own placeholders, and the values for them: a list in `in` takes one for each value."""
    bound: dict[str, object] = {}

    def replace(piece: Piece) -> str:
        name = piece.name or ""
        value = values[name].value
        if not isinstance(value, tuple) or piece.place == "value":
            bound[name] = _as_sqlite(value)
            return f"(:{name})" if piece.place == "in" else f":{name}"
        # `$` is part of a placeholder in SQLite and never part of a declared name.
        each = {f"{name}${i}": _as_sqlite(item) for i, item in enumerate(value)}
        bound.update(each)
        listed = ", ".join(f":{key}" for key in each)
        return f"({listed})" if piece.place == "in" else listed

    return substitute(query, "sqlite", replace), bound


def _as_sqlite(value: object) -> object:
    if isinstance(value, tuple):
        return json.dumps([_as_sqlite(item) for item in value], ensure_ascii=False)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


def _open(location: str, limits: Limits, deadline: Deadline) -> sqlite3.Connection:
    path = Path(location)
    if not path.is_file():
        raise failure(SourceUnusable, "The data source's file is not there.", path)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOCK_WAIT_SECONDS, isolation_level=None
    )
    connection.execute("pragma query_only = on")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(2**20, limits.memory_bytes // 4))
    connection.set_progress_handler(lambda: deadline.passed, _STEPS_BETWEEN_CLOCK_READS)
    connection.set_authorizer(_authorize)
    return connection


def _authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() not in _FORBIDDEN_FUNCTIONS
    else:
        allowed = action in _ALLOWED or (action, first) in _ASKED_BY_VIRTUAL_TABLES
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _batches(
    first: list[Row],
    more: Iterator[list[Row]],
    kinds: tuple[Kind, ...],
    schema: pa.Schema,
    deadline: Deadline,
) -> Iterator[pa.RecordBatch]:
    with _plain_errors(deadline):
        rows: list[Row] | None = first
        while rows:
            seen = _widened(kinds, rows)
            if kinds_schema(schema.names, seen) != schema:
                raise SchemaWidened(SqliteSource(seen))
            columns = zip(*rows, strict=True)
            arrays = [column(values, field.type) for values, field in zip(columns, schema, strict=True)]
            yield pa.record_batch(arrays, schema=schema)
            rows = next(more, None)


def _widened(kinds: tuple[Kind, ...], rows: list[Row]) -> tuple[Kind, ...]:
    if not rows:
        return kinds
    return tuple(known | kind_of(values) for known, values in zip(kinds, zip(*rows, strict=True), strict=True))


# ---- errors

_SENTENCES = (
    ("no such table", failures.NO_SUCH_NAME),
    ("no such column", failures.NO_SUCH_NAME),
    ("no such function", failures.NO_SUCH_FUNCTION),
    ("wrong number of arguments", failures.NO_SUCH_FUNCTION),
    ("authoriz", failures.NOT_READING),
    ("prohibited", failures.NOT_READING),
    ("readonly", failures.NOT_READING),
    ("may not be modified", failures.NOT_READING),
    ("could not decode", "A text in this data source is not valid UTF-8. Select it with cast(… as blob)."),
    ("too big", failures.NO_MEMORY),
    ("out of memory", failures.NO_MEMORY),
    ("integer overflow", failures.BAD_VALUE),
    ("malformed json", failures.BAD_VALUE),
    ("syntax error", failures.BAD_SYNTAX),
    ("incomplete input", failures.BAD_SYNTAX),
    ("unrecognized token", failures.BAD_SYNTAX),
)


@contextmanager
def _plain_errors(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, MemoryError) as error:
        raise _run_error(error, deadline) from error


def _run_error(error: Exception, deadline: Deadline) -> RunError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT or (deadline.passed and code == sqlite3.SQLITE_BUSY):
        return failure(QueryTimeout, None, error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR):
        return failure(SourceUnavailable, None, error)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return failure(SourceUnusable, "The data source's file is not a SQLite database, or it is damaged.", error)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return failure(SourceUnusable, "The server may not open the data source's file.", error)
    if isinstance(error, MemoryError) or code in (sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_TOOBIG):
        return failure(QueryFailed, failures.NO_MEMORY, error)
    return failure(QueryFailed, failures.first_match(str(error), _SENTENCES), error)
