"""DuckDB as an engine for other people's SQL: it reads what it was opened for and nothing else, within limits.

No other path, no network, no extension, no setting: external access is off and the configuration is locked before the
query is seen.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import ClassVar

import duckdb
import pyarrow as pa

from reports.exceptions import OutOfSpace, QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import failures, row_estimates
from reports.sources.base import Described, Limits, Rows, SourceSpec
from reports.sources.duckdb import types
from reports.sources.failures import Deadline, failure
from reports.sources.placeholders import Piece, substitute

BATCH_ROWS = 10_000
_THREADS = 2
_AUTHORS_ERROR = re.compile(r"\berror\(\s*'((?:[^']|'')+)'\s*\)", re.IGNORECASE)
_TYPES = {"string": "varchar", "integer": "bigint", "number": "double", "boolean": "boolean", "date": "date",
          "datetime": "timestamptz"}  # fmt: skip


class DuckdbEngine:
    """What the kinds of source that DuckDB reads have in common. They say how to open, and what may be read."""

    kind: ClassVar[str]
    #: What it means that data is not as it should be.
    damaged: ClassVar[str]

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        raise NotImplementedError

    def admit(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str) -> list[str]:
        """Make ready what the query may read; the paths of files that DuckDB is still to open."""
        raise NotImplementedError

    def look_at(self, error: Exception) -> None:
        """Raise something of its own for an error of DuckDB, or nothing."""

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values)
        with ExitStack() as stack:
            with self._plain_errors(deadline, query):
                connection = self._locked(stack, spec, query, limits, deadline)
                only_select(connection, sql)
                expected = _expected(connection, sql, bound)
                reader = types.readable(connection, sql, bound).to_arrow_reader(BATCH_ROWS)
                stack.callback(reader.close)
            # Outside of _plain_errors: what goes wrong while a file is being written is not the source's failure.
            yield Rows(reader.schema, self._batches(reader, deadline, query), expected)

    def describe(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Described:
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values)
        with ExitStack() as stack, self._plain_errors(deadline, query):
            connection = self._locked(stack, spec, query, limits, deadline)
            only_select(connection, sql)
            nothing = f"select * from ({sql}\n) limit 0"  # noqa: S608 -- the author's own query, which is a select
            schema = types.readable(connection, nothing, bound).to_arrow_reader(1).schema
            return Described(schema, _expected(connection, sql, bound))

    def _locked(
        self, stack: ExitStack, spec: SourceSpec, query: str, limits: Limits, deadline: Deadline
    ) -> duckdb.DuckDBPyConnection:
        connection = stack.enter_context(closing(self.open(spec, limits)))
        stack.enter_context(_interrupting(connection, deadline))
        connection.execute("set TimeZone = 'UTC'")
        _lock(connection, self.admit(connection, spec, query))
        return connection

    def _batches(self, reader: pa.RecordBatchReader, deadline: Deadline, query: str) -> Iterator[pa.RecordBatch]:
        with self._plain_errors(deadline, query):
            for batch in reader:
                deadline.check()
                yield batch

    @contextmanager
    def _plain_errors(self, deadline: Deadline, query: str) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            self.look_at(error)
            raise _run_error(error, deadline, query, self.damaged) from error


def bind(query: str, values: Mapping[str, TypedValue]) -> tuple[str, dict[str, object]]:
    """The query with DuckDB's placeholders, typed so that NULL and an empty list have a type too, and their values."""
    # Numbered, because DuckDB takes $a and $A for one placeholder.
    numbers = {name: f"p{number}" for number, name in enumerate(values, start=1)}
    bound: dict[str, object] = {}

    def replace(piece: Piece) -> str:
        typed, number = values[piece.name or ""], numbers[piece.name or ""]
        bound[number] = list(typed.value) if isinstance(typed.value, tuple) else typed.value
        return _expression(piece.place, typed, f"${number}")

    return substitute(query, "duckdb", replace), bound


def _expression(place: str, typed: TypedValue, placeholder: str) -> str:
    many = isinstance(typed.value, tuple)
    # DuckDB binds a Decimal as a decimal of its own digits, which a cast would only make less exact.
    exact = typed.type == "number" and typed.value not in (None, ())
    expression = placeholder if exact else f"cast({placeholder} as {_TYPES[typed.type]}{'[]' if many else ''})"
    if many and place != "value":
        expression = f"select unnest({expression})"
    return f"({expression})" if place == "in" else expression


# ---- the connection


def configuration(limits: Limits) -> dict[str, str | bool | int | float | list[str]]:
    """What DuckDB is opened with, whatever it reads."""
    return {
        "threads": _THREADS,
        "memory_limit": f"{limits.memory_bytes}B",
        "temp_directory": str(limits.temp_dir),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "python_enable_replacements": "false",
    }


def _lock(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> None:
    allowed = ", ".join(map(literal, paths))
    connection.execute(f"set allowed_paths = [{allowed}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def only_select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """Refuses the rest by DuckDB's own parser: COPY could write to the very files that may be read."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryFailed(failures.NOT_READING)
    return statements[0]


def _expected(connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, object]) -> int | None:
    plan = connection.execute(f"explain (format json) {sql}", bound).fetchall()
    return row_estimates.of_duckdb(plan[0][1])


@contextmanager
def _interrupting(connection: duckdb.DuckDBPyConnection, deadline: Deadline) -> Iterator[None]:
    """Interrupts the running query when the time is up; again and again, as one between two steps has no effect."""
    done = threading.Event()

    def watch() -> None:
        pause = max(0.0, deadline.remaining)
        while not done.wait(pause):
            connection.interrupt()
            pause = 0.2

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# ---- errors

_NAMES = (
    ("table with name", failures.NO_SUCH_NAME),
    ("function with name", failures.NO_SUCH_FUNCTION),
    ("referenced column", failures.NO_SUCH_NAME),
    ("referenced table", failures.NO_SUCH_NAME),
    ("does not have a column", failures.NO_SUCH_NAME),
    ("no function matches", failures.NO_SUCH_FUNCTION),
    ("parser error", failures.BAD_SYNTAX),
    ("syntax error", failures.BAD_SYNTAX),
    ("conversion error", failures.BAD_VALUE),
    ("out of range error", failures.BAD_VALUE),
    ("permission error", "The query reads something outside of the data source's own files."),
    ("out of memory error", failures.NO_MEMORY),
)


def is_wrong_guess(text: str) -> bool:
    """Whether a value is not of the type that DuckDB guessed from the beginning of a file."""
    return "JSON transform error" in text or ("CSV Error" in text and "onver" in text)


def _run_error(error: Exception, deadline: Deadline, query: str, damaged: str) -> RunError:
    text = str(error)
    if "INTERRUPT Error" in text or deadline.passed:
        return failure(QueryTimeout, None, error)
    if "No space left" in text or "max_temp_directory_size" in text:
        return failure(OutOfSpace, None, error)
    if is_wrong_guess(text):
        return failure(QueryFailed, failures.BAD_VALUE, error)
    if "CSV Error" in text or "Malformed JSON" in text:
        return failure(SourceUnusable, damaged, error)
    if text.startswith("IO Error"):
        return failure(SourceUnavailable, "A file of the data source cannot be read at the moment.", error)
    return failure(QueryFailed, _authors_words(query, text) or failures.first_match(text, _NAMES), error)


def _authors_words(query: str, text: str) -> str | None:
    """The sentence of an error('…') in the query, if that is what stopped it: the author wrote it to be read."""
    written = (found.replace("''", "'") for found in _AUTHORS_ERROR.findall(query))
    return next((words for words in written if words in text), None)
