"""A connection through SQLAlchemy, made read-only and bounded by the database's own means where they are known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, CursorResult, NullPool, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from reports.exceptions import RunError, SourceUnusable
from reports.sources import row_estimates
from reports.sources.failures import Deadline, failure
from reports.sources.row_chunks import BATCH_ROWS, Row
from reports.sources.sql import mysql
from reports.sources.sql.columns import Column
from reports.sources.sql.errors import connection_error, plain_errors

#: A kind of its own does these better, or they would open any file.
_OTHER_KINDS = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite", "duckdb": "duckdb"}
#: Where a session's connection is noted, in the folder of its run.
_NOTE = "connection.json"
_END_SECONDS = 2


class Session:
    """One connection, and the result of the one query that it runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS)
        self._result: CursorResult[Any] | None = None
        self.is_mysql = connection.dialect.name in mysql.DIALECTS
        self.names: list[str] = []
        #: What the server says about the columns, as far as this program understands it.
        self.declared: tuple[Column, ...] = ()

    @property
    def _is_mariadb(self) -> bool:
        return bool(getattr(self._connection.dialect, "is_mariadb", False))

    @property
    def paramstyle(self) -> str:
        """How the driver writes placeholders, in the words of PEP 249."""
        return str(getattr(self._connection.dialect.dbapi, "paramstyle", "qmark"))

    def bound_by(self, deadline: Deadline) -> None:
        if self.is_mysql:
            for statement in mysql.bounds(deadline, is_mariadb=self._is_mariadb):
                self._connection.exec_driver_sql(statement).close()

    def note_in(self, folder: Path) -> None:
        """Without the right to know it, or room to note it, a killed query lasts until the server's own time limit."""
        if self.is_mysql:
            with suppress(SQLAlchemyError, OSError):
                found = self._connection.exec_driver_sql(mysql.IDENTITY).first()
                folder.mkdir(mode=0o700, exist_ok=True)
                (folder / _NOTE).write_text(json.dumps(list(found) if found else None))

    def expected(self, sql: str, bound: Any) -> int | None:
        """How many rows the planner expects; None where it can't be asked, or may not be, as for some views."""
        if not self.is_mysql:
            return None
        with suppress(SQLAlchemyError):
            plan = self._plain(bound).exec_driver_sql(
                f"{mysql.explain(is_mariadb=self._is_mariadb)} {sql}", bound or None
            )
            return row_estimates.of_mysql([dict(step) for step in plan.mappings()], sql)
        return None

    def want_no_rows(self) -> None:
        if self.is_mysql:
            self._connection.exec_driver_sql("set session sql_select_limit = 0").close()

    def execute(self, sql: str, bound: Any) -> None:
        self._result = self._plain(bound).exec_driver_sql(sql, bound or None)
        self.names = list(self._result.keys()) if self._result.returns_rows else []
        self.declared = self._declared()

    def _plain(self, bound: Any) -> Connection:
        """Without values the driver has to leave a % in the query alone."""
        return self._connection if bound else self._connection.execution_options(no_parameters=True)

    def fetch(self, size: int) -> Sequence[Row]:
        return self._result.fetchmany(size) if self._result is not None else []

    def _declared(self) -> tuple[Column, ...]:
        cursor = self._result.cursor if self._result is not None else None
        types = mysql.declared(cursor) if self.is_mysql else []
        return tuple(map(Column, types)) if len(types) == len(self.names) else tuple(Column() for _ in self.names)

    def abandon(self) -> None:
        """Let go of rows that nobody wants any more, without receiving them."""
        if self.is_mysql and self._result is not None:
            mysql.abandon(self._result.cursor)


@contextmanager
def connected(location: str, deadline: Deadline, folder: Path) -> Iterator[Session]:
    """A session under the deadline. Raises SourceUnusable and SourceUnavailable.

    The folder gets a note of the connection, for `end_left_behind`.
    """
    with _connection(location, deadline) as connection:
        session = Session(connection)
        try:
            with plain_errors(deadline):
                session.bound_by(deadline)
                session.note_in(folder)
            yield session
        finally:
            session.abandon()
            with suppress(SQLAlchemyError, OSError):
                connection.invalidate()


def end_left_behind(location: str, folder: Path) -> None:
    """End what a killed process left running at its server, which would notice at its next word to it only.

    By a connection of its own, within seconds; a server that does not answer is left to its own time limit.
    """
    try:
        number, address = json.loads((folder / _NOTE).read_text())
    except (OSError, ValueError, TypeError):
        return
    with suppress(SQLAlchemyError, OSError, RunError), _connection(location, Deadline(_END_SECONDS)) as connection:
        query, values, statement = mysql.end(number, address)
        if connection.exec_driver_sql(query, values).first() is not None:
            connection.exec_driver_sql(statement).close()


@contextmanager
def _connection(location: str, deadline: Deadline) -> Iterator[Connection]:
    url = checked_url(location)
    arguments = mysql.arguments(deadline) if url.get_backend_name() in mysql.DIALECTS else {}
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
        connection = engine.connect()
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise failure(SourceUnusable, "The driver for this kind of database is not installed.", error) from error
    except (SQLAlchemyError, OSError) as error:
        raise connection_error(error, url) from error
    try:
        yield connection
    finally:
        with suppress(SQLAlchemyError, OSError):
            connection.close()


def checked_url(location: str) -> URL:
    """The URL with a driver that is there. Raises SourceUnusable."""
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):
        raise SourceUnusable("The data source's URL cannot be read.") from None
    other = _OTHER_KINDS.get(url.get_backend_name())
    if other:
        raise SourceUnusable(f"The data source's URL belongs to a data source of kind {other}.")
    return mysql.checked_url(url) if url.get_backend_name() in mysql.DIALECTS else url
