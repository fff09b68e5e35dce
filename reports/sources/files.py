"""Folders of CSV, Parquet and JSON files, each a table named by its file, read by DuckDB in memory.

DuckDB may open the files that the query names and nothing else: no other path, no network, no extension, no setting.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from reports.exceptions import OutOfSpace, QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.parameters import TypedValue
from reports.sources import estimates, failures
from reports.sources.base import Limits, Rows, SchemaWidened, SourceSpec
from reports.sources.failures import Deadline, failure
from reports.sources.placeholders import Piece, substitute

BATCH_ROWS = 10_000
_THREADS = 2
_AUTHORS_ERROR = re.compile(r"\berror\(\s*'((?:[^']|'')+)'\s*\)", re.IGNORECASE)
_READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".json": "read_json", ".ndjson": "read_json",
            ".jsonl": "read_json"}  # fmt: skip
_TYPES = {"string": "varchar", "integer": "bigint", "number": "double", "boolean": "boolean", "date": "date",
          "datetime": "timestamptz"}  # fmt: skip


class FilesSource:
    """A folder of data files, or one. With `whole_sample`, column types come from whole files, not their beginning."""

    kind: ClassVar[str] = "files"

    def __init__(self, *, whole_sample: bool = False) -> None:
        self.whole_sample = whole_sample

    @contextmanager
    def read(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Iterator[Rows]:
        deadline = Deadline(limits.timeout_seconds)
        tables = _tables(Path(spec.location), query)
        sql, bound = bind(query, values)
        with ExitStack() as stack:
            with self._plain_errors(deadline, query):
                connection = stack.enter_context(closing(_engine(limits)))
                stack.enter_context(_interrupting(connection, deadline))
                self._open_tables(connection, tables)
                _lock(connection, tables)
                statement = _only_select(connection, sql)
                expected = _expected(connection, sql, bound)
                reader = connection.sql(statement, params=bound).to_arrow_reader(BATCH_ROWS)
                stack.callback(reader.close)
            # Outside of _plain_errors: what goes wrong while a file is being written is not the source's failure.
            yield Rows(reader.schema, self._batches(reader, deadline, query), expected)

    def _batches(self, reader: pa.RecordBatchReader, deadline: Deadline, query: str) -> Iterator[pa.RecordBatch]:
        with self._plain_errors(deadline, query):
            for batch in reader:
                deadline.check()
                yield batch

    def _open_tables(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Path]) -> None:
        for name, path in tables.items():
            reader = _READERS[_ending(path)]
            sampled = ", sample_size = -1" if self.whole_sample and reader != "read_parquet" else ""
            # A view takes no bound values: the name and the path are quoted the way DuckDB reads them.
            source = f"{reader}({_literal(str(path))}{sampled})"
            view = f"create view {_identifier(name)} as select * from {source}"  # noqa: S608
            try:
                connection.execute(view)
            except (duckdb.DataError, duckdb.ProgrammingError) as error:
                raise failure(SourceUnusable, _DAMAGED, error) from error

    @contextmanager
    def _plain_errors(self, deadline: Deadline, query: str) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            # A column of numbers may have a text after the rows that DuckDB guessed its type from.
            if not self.whole_sample and _is_wrong_guess(str(error)):
                raise SchemaWidened(FilesSource(whole_sample=True)) from error
            raise _run_error(error, deadline, query) from error


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


# ---- the folder


def _tables(location: Path, query: str) -> dict[str, Path]:
    """Table name to file, of the files whose name occurs in the query: the others need not be opened, or be right."""
    asked = query.lower().replace('""', '"')
    tables: dict[str, Path] = {}
    for path in _files(location):
        name = _table_name(path)
        if not re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", asked):
            continue
        if name.lower() in map(str.lower, tables):
            raise failure(SourceUnusable, f"Two files of this data source make the same table, “{name}”.", path)
        tables[name] = path
    return tables


def _files(location: Path) -> list[Path]:
    try:
        found = [location] if location.is_file() else sorted(location.iterdir())
    except OSError as error:
        raise failure(SourceUnusable, "The data source's folder is not there, or may not be read.", error) from error
    root = location.resolve()
    # A link out of the folder would make any file of this computer a table.
    return [
        path
        for path in found
        if _ending(path) in _READERS
        and not path.name.startswith(".")
        and path.is_file()
        and path.resolve().is_relative_to(root)
    ]


def _ending(path: Path) -> str:
    return Path(_without_gz(path)).suffix.lower()


def _table_name(path: Path) -> str:
    return Path(_without_gz(path)).stem


def _without_gz(path: Path) -> str:
    return path.name[:-3] if path.name.lower().endswith(".gz") else path.name


# ---- the engine


def _engine(limits: Limits) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            "threads": _THREADS,
            "memory_limit": f"{limits.memory_bytes}B",
            "temp_directory": str(limits.temp_dir),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_persistent_secrets": "false",
            "python_enable_replacements": "false",
        }
    )
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Path]) -> None:
    paths = ", ".join(_literal(str(path)) for path in tables.values())
    connection.execute(f"set allowed_paths = [{paths}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _only_select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """Refuses the rest by DuckDB's own parser: COPY could write to the very files that may be read."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryFailed(failures.NOT_READING)
    return statements[0]


def _expected(connection: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, object]) -> int | None:
    plan = connection.execute(f"explain (format json) {sql}", bound).fetchall()
    return estimates.of_duckdb(plan[0][1])


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


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# ---- errors

_DAMAGED = "A file of the data source is damaged, or not what its name says."

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


def _is_wrong_guess(text: str) -> bool:
    return "JSON transform error" in text or ("CSV Error" in text and "onver" in text)


def _run_error(error: Exception, deadline: Deadline, query: str) -> RunError:
    text = str(error)
    if "INTERRUPT Error" in text or deadline.passed:
        return failure(QueryTimeout, None, error)
    if "No space left" in text or "max_temp_directory_size" in text:
        return failure(OutOfSpace, None, error)
    if _is_wrong_guess(text):
        return failure(QueryFailed, failures.BAD_VALUE, error)
    if "CSV Error" in text or "Malformed JSON" in text:
        return failure(SourceUnusable, _DAMAGED, error)
    if text.startswith("IO Error"):
        return failure(SourceUnavailable, "A file of the data source cannot be read at the moment.", error)
    return failure(QueryFailed, _authors_words(query, text) or failures.first_match(text, _NAMES), error)


def _authors_words(query: str, text: str) -> str | None:
    """The sentence of an error('…') in the query, if that is what stopped it: the author wrote it to be read."""
    written = (found.replace("''", "'") for found in _AUTHORS_ERROR.findall(query))
    return next((words for words in written if words in text), None)
