"""DuckDB as a sandbox for queries: it reads what it was opened for and nothing else, within limits.

External access is off and the configuration is locked before DuckDB sees the query, so the query reaches no other path,
no network, no extension and no setting (DuckDB manual, "Securing DuckDB").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import ClassVar

import duckdb
import pyarrow as pa

from reports.exceptions import OutOfSpace, QueryFailed, QueryTimeout, SourceUnavailable
from reports.parameters.values import TypedValue
from reports.sources import errors, row_estimates
from reports.sources.base import Limits, QueryDescription, Rows, SourceSpec
from reports.sources.deadline import Deadline, interrupting
from reports.sources.duckdb.column_types import cast_to_text, marked, schema_with_json
from reports.sources.errors import run_error
from reports.sources.placeholders import Context, Piece, substitute

BATCH_ROWS = 10_000
_THREADS = 2
#: A call of DuckDB's function error('…') in the query.
_ERROR_CALL = re.compile(r"\berror\(\s*'((?:[^']|'')+)'\s*\)", re.IGNORECASE)
_TYPES = {
    "string": "varchar",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
}


class Exposed:
    """What a query may read: by default, only what the connection has attached."""

    #: Files that DuckDB has yet to open.
    paths: Sequence[str] = ()

    def error_for(self, error: Exception) -> Exception | None:
        """What to raise instead of this error of DuckDB if it comes from the data; None if the query is to blame."""
        return None

    def check_complete(self, deadline: Deadline) -> None:
        """Raise RunError if the rows that have been read can't be all that there are. Called after the last one."""


class DuckdbEngine:
    """Base of the sources that DuckDB reads. They say how to open it, and what the query may read."""

    kind: ClassVar[str]
    #: See `bind`.
    items_at_most: ClassVar[int] = 0

    def open(self, spec: SourceSpec, limits: Limits) -> duckdb.DuckDBPyConnection:
        raise NotImplementedError

    def expose(self, connection: duckdb.DuckDBPyConnection, spec: SourceSpec, query: str, limits: Limits) -> Exposed:
        """Make available what the query may read."""
        raise NotImplementedError

    @contextmanager
    def read(
        self,
        spec: SourceSpec,
        query: str,
        values: Mapping[str, TypedValue],
        limits: Limits,
        snapshot: tuple[duckdb.DuckDBPyConnection, Exposed] | None = None,
    ) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values, items_at_most=self.items_at_most)
        with ExitStack() as stack:
            with translated_errors(deadline, query):
                opened = snapshot or self._open_locked(stack, spec, query, limits, deadline)
                connection, exposed = opened
            with translated_errors(deadline, query, exposed):
                check_select(connection, sql)
                expected_rows = _expected_rows(connection, sql, bound)
                relation = cast_to_text(connection, sql, bound)
                reader = relation.to_arrow_reader(BATCH_ROWS)
                stack.callback(reader.close)
                schema = schema_with_json(relation, reader.schema)
            # Outside of translated_errors: an error while the file is written is not an error of the source.
            yield Rows(schema, _batches(reader, schema, deadline, query, exposed), expected_rows)

    def describe(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> QueryDescription:
        deadline = Deadline(limits.timeout_seconds)
        sql, bound = bind(query, values, items_at_most=self.items_at_most)
        no_rows = f"select * from ({sql}\n) limit 0"  # noqa: S608 -- the author's own query, known to be a select
        with ExitStack() as stack:
            with translated_errors(deadline, query):
                connection, exposed = self._open_locked(stack, spec, query, limits, deadline)
            with translated_errors(deadline, query, exposed):
                check_select(connection, sql)
                relation = cast_to_text(connection, no_rows, bound)
                schema = schema_with_json(relation, relation.to_arrow_reader(1).schema)
                return QueryDescription(schema, _expected_rows(connection, sql, bound))

    def _open_locked(
        self, stack: ExitStack, spec: SourceSpec, query: str, limits: Limits, deadline: Deadline
    ) -> tuple[duckdb.DuckDBPyConnection, Exposed]:
        """A connection that can read what it exposes and nothing else, and is interrupted at the deadline."""
        connection = stack.enter_context(closing(self.open(spec, limits)))
        stack.enter_context(interrupting(connection.interrupt, deadline))
        connection.execute("set TimeZone = 'UTC'")
        # After two seconds DuckDB would print a progress bar to standard output.
        connection.execute("set enable_progress_bar = false")
        exposed = self.expose(connection, spec, query, limits)
        connection.execute(f"set allowed_paths = [{', '.join(map(string_literal, exposed.paths))}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        return connection, exposed


def bind(query: str, values: Mapping[str, TypedValue], *, items_at_most: int = 0) -> tuple[str, dict[str, object]]:
    """The query with DuckDB's placeholders, and their values. Casts give NULL and empty lists a type too.

    After `in`, a list of up to `items_at_most` values becomes one placeholder for each, which filters files, too.
    """
    # Numbered, because DuckDB takes $a and $A for the same placeholder.
    keys = {name: f"p{number}" for number, name in enumerate(values, start=1)}
    bound: dict[str, object] = {}

    def replace(piece: Piece) -> str:
        typed, key = values[piece.name or ""], keys[piece.name or ""]
        is_list = isinstance(typed.value, tuple)
        if (
            isinstance(typed.value, tuple)
            and piece.context is not Context.VALUE
            and 0 < len(typed.value) <= items_at_most
        ):
            items = {f"{key}_{number}": item for number, item in enumerate(typed.value)}
            bound.update(items)
            sql = ", ".join(
                f"${name}" if typed.type == "number" else f"cast(${name} as {_TYPES[typed.type]})" for name in items
            )
            return f"({sql})" if piece.context is Context.IN else sql
        bound[key] = list(typed.value) if isinstance(typed.value, tuple) else typed.value
        # DuckDB binds a Decimal with its own digits. A cast would make it less exact.
        if typed.type == "number" and typed.value not in (None, ()):
            expression = f"${key}"
        else:
            expression = f"cast(${key} as {_TYPES[typed.type]}{'[]' if is_list else ''})"
        if is_list and piece.context is not Context.VALUE:
            expression = f"select unnest({expression})"
        return f"({expression})" if piece.context is Context.IN else expression

    return substitute(query, "duckdb", replace), bound


# ---- reading


def _batches(
    reader: pa.RecordBatchReader, schema: pa.Schema, deadline: Deadline, query: str, exposed: Exposed
) -> Iterator[pa.RecordBatch]:
    with translated_errors(deadline, query, exposed):
        for batch in reader:
            deadline.check()
            yield marked(batch, schema)
    exposed.check_complete(deadline)


@contextmanager
def translated_errors(deadline: Deadline, query: str, exposed: Exposed | None = None) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise _translate(error, deadline, query, exposed or Exposed()) from error


# ---- the connection


def configuration(limits: Limits) -> dict[str, str | bool | int | float | list[str]]:
    """DuckDB's settings, the same for everything it reads."""
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


def check_select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """Raises QueryFailed unless DuckDB's parser sees one select: COPY could overwrite the very files it may read."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryFailed(errors.NOT_READ_ONLY)
    return statements[0]


def _expected_rows(connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, object]) -> int | None:
    plan = connection.execute(f"explain (format json) {sql}", bound).fetchall()
    return row_estimates.from_duckdb(plan[0][1])


def string_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# ---- errors

_SENTENCES = (
    ("table with name", errors.NO_SUCH_NAME),
    ("function with name", errors.NO_SUCH_FUNCTION),
    ("referenced column", errors.NO_SUCH_NAME),
    ("referenced table", errors.NO_SUCH_NAME),
    ("does not have a column", errors.NO_SUCH_NAME),
    ("no function matches", errors.NO_SUCH_FUNCTION),
    ("parser error", errors.BAD_SYNTAX),
    ("syntax error", errors.BAD_SYNTAX),
    ("conversion error", errors.BAD_VALUE),
    ("out of range error", errors.BAD_VALUE),
    ("permission error", "The query reads something outside the data source's files."),
    ("out of memory error", errors.NO_MEMORY),
)


def _translate(error: Exception, deadline: Deadline, query: str, exposed: Exposed) -> Exception:
    text = str(error)
    if "INTERRUPT Error" in text or deadline.passed:
        return run_error(QueryTimeout, None, error)
    if "No space left" in text or "max_temp_directory_size" in text:
        return run_error(OutOfSpace, None, error)
    if explained := exposed.error_for(error):
        return explained
    if text.startswith("IO Error"):
        return run_error(SourceUnavailable, "A file of the data source can't be read at the moment.", error)
    # An error('…') in the query, if that stopped it: the author wrote it for people to read.
    messages = (message.replace("''", "'") for message in _ERROR_CALL.findall(query))
    authors_message = next((message for message in messages if message in text), None)
    return run_error(QueryFailed, authors_message or errors.sentence_for(text, _SENTENCES), error)
