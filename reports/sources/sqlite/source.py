"""SQLite files, opened read-only, which SQLite's own authorizer enforces.

SQLite types values, not columns. A column gets the type of the values read first. If a later value does not fit,
SchemaWidened restarts the query with a type that holds both, so that no value is ever converted to fit.

A date is bound as ISO text, a datetime as 'YYYY-MM-DD HH:MM:SS[.ffffff]' in UTC, a boolean as 0 or 1, and a number with
a fraction as an 8-byte double, SQLite's only type for it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from reports.exceptions import QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import errors
from reports.sources.base import Limits, QueryDescription, Rows, SchemaWidened, SourceSpec
from reports.sources.deadline import Deadline
from reports.sources.errors import run_error
from reports.sources.placeholders import Context, Piece, substitute
from reports.sources.row_chunks import PROBE_ROWS, Row, read_chunks
from reports.sources.sqlite.column_types import TypesSeen, schema_for, to_array, types_in

#: Virtual machine steps between two checks of the clock.
_STEPS_PER_CHECK = 20_000
#: A value may be as long as a quarter of the memory.
_ROWS_AT_ONCE = 8
#: Seconds to wait for a program that is writing to the file.
LOCK_WAIT_SECONDS = 5.0
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
#: json_each and full-text tables ask for these when they are opened. Neither can write: the file is opened mode=ro.
_ASKED_BY_VIRTUAL_TABLES = {(sqlite3.SQLITE_UPDATE, "sqlite_master"), (sqlite3.SQLITE_PRAGMA, "data_version")}
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}


class SqliteSource:
    """One SQLite database file. `seen` is what an earlier run of the same query learned about its columns."""

    kind: ClassVar[str] = "sqlite"

    def __init__(self, seen: tuple[TypesSeen, ...] = (), *, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> None:
        self.seen = seen
        self.lock_wait_seconds = lock_wait_seconds

    @contextmanager
    def read(
        self,
        spec: SourceSpec,
        query: str,
        values: Mapping[str, TypedValue],
        limits: Limits,
        snapshot: sqlite3.Connection | None = None,
    ) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values)
        with ExitStack() as stack:
            with _translated_errors(deadline):
                connection = snapshot or stack.enter_context(closing(self._open(spec.location, limits, deadline)))
                cursor = connection.execute(sql, bound)
                if cursor.description is None:
                    raise QueryFailed(errors.NOT_READ_ONLY)
                names = [column[0] for column in cursor.description]
                chunks = read_chunks(cursor.fetchmany, deadline, rows_at_once=_ROWS_AT_ONCE)
                first = next(chunks, [])
                seen = _add_types(self.seen or _nothing_seen(names), first)
                schema = schema_for(names, seen)
            # Outside of _translated_errors: an error while the file is written is not an error of the source.
            yield Rows(schema, self._batches(first, chunks, seen, schema, deadline))

    @contextmanager
    def snapshot(self, spec: SourceSpec, limits: Limits) -> Iterator[sqlite3.Connection]:
        """A transaction that reads the file as it is at its first query."""
        deadline = Deadline(limits.timeout_seconds)
        with ExitStack() as stack:
            with _translated_errors(deadline):
                opened = self._open(spec.location, limits, deadline, statements=("begin",))
                connection = stack.enter_context(closing(opened))
            yield connection

    def describe(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> QueryDescription:
        """The types are those of the first rows, if these come in time."""
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values)
        with _translated_errors(deadline), closing(self._open(spec.location, limits, deadline)) as connection:
            cursor = connection.execute(f"select * from ({sql}\n) limit 0", bound)  # noqa: S608 -- the author's own
            names = [column[0] for column in cursor.description]
            seen = _nothing_seen(names)
            expected_rows = None
            with suppress(QueryTimeout), _translated_errors(deadline):
                # One after the other: a hundred long values at once may not fit in memory.
                for row in islice(connection.execute(sql, bound), PROBE_ROWS):
                    deadline.check()
                    seen = _add_types(seen, [row])
                # SQLite's planner doesn't estimate rows: count them, as far as the time allows.
                count = f"select count(*) from ({sql}\n)"  # noqa: S608 -- the author's own
                expected_rows = int(connection.execute(count, bound).fetchone()[0])
        return QueryDescription(schema_for(names, seen), expected_rows, certain=False)

    def _open(
        self, location: str, limits: Limits, deadline: Deadline, statements: Sequence[str] = ()
    ) -> sqlite3.Connection:
        """`statements` run before only queries are allowed."""
        path = Path(location)
        if not path.is_file():
            raise run_error(SourceUnusable, "The data source's file does not exist.", path)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=self.lock_wait_seconds, isolation_level=None
        )
        for statement in ("pragma query_only = on", *statements):
            connection.execute(statement)
        # ATTACH could open any file that this process can read.
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(2**20, limits.memory_bytes // 4))
        connection.set_progress_handler(lambda: deadline.passed, _STEPS_PER_CHECK)
        connection.set_authorizer(_authorize)
        return connection

    def _batches(
        self,
        first: list[Row],
        following: Iterator[list[Row]],
        seen: tuple[TypesSeen, ...],
        schema: pa.Schema,
        deadline: Deadline,
    ) -> Iterator[pa.RecordBatch]:
        with _translated_errors(deadline):
            rows: list[Row] | None = first
            while rows:
                widened = _add_types(seen, rows)
                if schema_for(schema.names, widened) != schema:
                    raise SchemaWidened(SqliteSource(widened, lock_wait_seconds=self.lock_wait_seconds))
                columns = zip(*rows, strict=True)
                arrays = [to_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
                yield pa.record_batch(arrays, schema=schema)
                rows = next(following, None)


def _nothing_seen(names: list[str]) -> tuple[TypesSeen, ...]:
    return (frozenset(),) * len(names)


def _add_types(seen: tuple[TypesSeen, ...], rows: list[Row]) -> tuple[TypesSeen, ...]:
    if not rows:
        return seen
    return tuple(known | types_in(values) for known, values in zip(seen, zip(*rows, strict=True), strict=True))


def bind(query: str, values: Mapping[str, TypedValue]) -> tuple[str, dict[str, object]]:
    """The query with SQLite's placeholders, and their values. A list in `in` becomes one placeholder per value."""
    bound: dict[str, object] = {}

    def replace(piece: Piece) -> str:
        name = piece.name or ""
        value = values[name].value
        if not isinstance(value, tuple) or piece.context is Context.VALUE:
            bound[name] = _to_sqlite(value)
            return f"(:{name})" if piece.context is Context.IN else f":{name}"
        # `$` may be part of a placeholder in SQLite but never of a declared name.
        items = {f"{name}${index}": _to_sqlite(item) for index, item in enumerate(value)}
        bound.update(items)
        placeholders = ", ".join(f":{key}" for key in items)
        return f"({placeholders})" if piece.context is Context.IN else placeholders

    return substitute(query, "sqlite", replace), bound


def _to_sqlite(value: object) -> object:
    if isinstance(value, tuple):
        return json.dumps([_to_sqlite(item) for item in value], ensure_ascii=False)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


def _authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() not in _FORBIDDEN_FUNCTIONS
    else:
        allowed = action in _ALLOWED or (action, first) in _ASKED_BY_VIRTUAL_TABLES
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


# ---- errors

_SENTENCES = (
    ("no such table", errors.NO_SUCH_NAME),
    ("no such column", errors.NO_SUCH_NAME),
    ("no such function", errors.NO_SUCH_FUNCTION),
    ("wrong number of arguments", errors.NO_SUCH_FUNCTION),
    ("authoriz", errors.NOT_READ_ONLY),
    ("prohibited", errors.NOT_READ_ONLY),
    ("readonly", errors.NOT_READ_ONLY),
    ("may not be modified", errors.NOT_READ_ONLY),
    ("could not decode", "A text in this data source is not valid UTF-8. Select it with cast(… as blob)."),
    ("too big", errors.NO_MEMORY),
    ("out of memory", errors.NO_MEMORY),
    ("integer overflow", errors.BAD_VALUE),
    ("malformed json", errors.BAD_VALUE),
    ("syntax error", errors.BAD_SYNTAX),
    ("incomplete input", errors.BAD_SYNTAX),
    ("unrecognized token", errors.BAD_SYNTAX),
)


@contextmanager
def _translated_errors(deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, MemoryError) as error:
        raise _translate(error, deadline) from error


def _translate(error: Exception, deadline: Deadline) -> RunError:
    # The low byte is the primary result code (SQLite manual, "Result and Error Codes").
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT or (deadline.passed and code == sqlite3.SQLITE_BUSY):
        return run_error(QueryTimeout, None, error)
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_WRITE:
        # The file itself is never written: what the query sorts is larger than the limit of its temporary files.
        return run_error(QueryFailed, errors.NO_MEMORY, error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR):
        return run_error(SourceUnavailable, None, error)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return run_error(SourceUnusable, "The data source's file is not a SQLite database, or it is damaged.", error)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return run_error(SourceUnusable, "The server has no permission to open the data source's file.", error)
    if isinstance(error, MemoryError) or code in (sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_TOOBIG):
        return run_error(QueryFailed, errors.NO_MEMORY, error)
    return run_error(QueryFailed, errors.sentence_for(str(error), _SENTENCES), error)
