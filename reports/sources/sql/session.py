"""A connection through SQLAlchemy; on MySQL and MariaDB made read-only and limited by the server's own means."""

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
from reports.sources.deadline import Deadline
from reports.sources.errors import run_error
from reports.sources.row_chunks import BATCH_ROWS, Row
from reports.sources.sql import mariadb, mysql
from reports.sources.sql.column_types import ColumnProfile
from reports.sources.sql.errors import connection_error, translated_errors

#: Databases with their own kind. SQLAlchemy would open any SQLite or DuckDB file.
_OTHER_KINDS = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite", "duckdb": "duckdb"}
#: The file in a run's folder that identifies its connection.
_IDENTITY_FILE = "connection.json"
_KILL_SECONDS = 2


class Session:
    """One connection, and the result of the last query that it ran."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS)
        self._result: CursorResult[Any] | None = None
        self.is_mysql = connection.dialect.name in mysql.DIALECTS
        self.names: list[str] = []
        #: What the server reports about the columns of the result.
        self.declared: tuple[ColumnProfile, ...] = ()

    @property
    def _is_mariadb(self) -> bool:
        return bool(getattr(self._connection.dialect, "is_mariadb", False))

    @property
    def paramstyle(self) -> str:
        """The driver's placeholder style (PEP 249)."""
        return str(getattr(self._connection.dialect.dbapi, "paramstyle", "qmark"))

    def apply_limits(self, deadline: Deadline) -> None:
        if self.is_mysql:
            for statement in mysql.session_settings(deadline, is_mariadb=self._is_mariadb):
                self._connection.exec_driver_sql(statement).close()

    def begin_snapshot(self) -> bool:
        """Let all following queries see the same data. False if that isn't known of this database."""
        if self.is_mysql:
            for statement in mysql.SNAPSHOT:
                self._connection.exec_driver_sql(statement).close()
        return self.is_mysql

    def record_identity(self, folder: Path) -> None:
        """Record the connection's identity, so that its query can be ended if this process is killed.

        Without the right to read it, or room to write it, such a query runs until the server's time limit.
        """
        if self.is_mysql:
            with suppress(SQLAlchemyError, OSError):
                identity = self._connection.exec_driver_sql(mysql.CONNECTION_IDENTITY).first()
                folder.mkdir(mode=0o700, exist_ok=True)
                (folder / _IDENTITY_FILE).write_text(json.dumps(list(identity) if identity else None))

    def expected_rows(self, sql: str, bound: Any) -> int | None:
        """The planner's estimate; None if the server has no plan, or refuses to show it, as for some views."""
        if not self.is_mysql:
            return None
        with suppress(SQLAlchemyError):
            explain = mysql.explain_statement(is_mariadb=self._is_mariadb)
            plan = self._connection_for(bound).exec_driver_sql(f"{explain} {sql}", bound or None)
            return row_estimates.from_mysql([dict(step) for step in plan.mappings()], sql)
        return None

    def grants(self) -> list[str]:
        """The statements that would give the account its rights; none on servers that have no such list."""
        if not self.is_mysql:
            return []
        return [str(grant) for (grant,) in self._connection.exec_driver_sql("show grants")]

    def skip_rows(self) -> None:
        """Let the query return its columns but no rows, where the server can do that."""
        if self.is_mysql:
            self._connection.exec_driver_sql("set session sql_select_limit = 0").close()

    def execute(self, sql: str, bound: Any) -> None:
        self._result = self._connection_for(bound).exec_driver_sql(sql, bound or None)
        self.names = list(self._result.keys()) if self._result.returns_rows else []
        types = mysql.declared_types(self._result.cursor) if self.is_mysql else []
        if len(types) != len(self.names):
            types = [None] * len(self.names)
        self.declared = tuple(map(ColumnProfile, types))

    def fetch(self, size: int) -> Sequence[Row]:
        return self._result.fetchmany(size) if self._result is not None else []

    def discard_rows(self) -> None:
        """Drop the remaining rows without receiving them."""
        if self.is_mysql and self._result is not None:
            mysql.discard_rows(self._result.cursor)

    def _connection_for(self, bound: Any) -> Connection:
        """Without values, the driver must not interpret a % in the query."""
        return self._connection if bound else self._connection.execution_options(no_parameters=True)


@contextmanager
def connect(location: str, deadline: Deadline, temp_dir: Path) -> Iterator[Session]:
    """A session within the deadline. Raises SourceUnusable or SourceUnavailable.

    `temp_dir` receives a file that identifies the connection, for `end_orphaned_query`.
    """
    with _connection(location, deadline) as connection:
        session = Session(connection)
        try:
            with translated_errors(deadline):
                session.apply_limits(deadline)
                session.record_identity(temp_dir)
            yield session
        finally:
            session.discard_rows()
            with suppress(SQLAlchemyError, OSError):
                # Without the rollback of a plain close, which would have to wait for the rest of the rows.
                connection.invalidate()


def end_orphaned_query(location: str, temp_dir: Path) -> None:
    """End a query that a killed process left running: its server would notice only when it sends the first row.

    Uses a connection of its own, for at most two seconds. If the server does not answer, its own time limit remains.
    """
    try:
        number, address = json.loads((temp_dir / _IDENTITY_FILE).read_text())
    except (OSError, ValueError, TypeError):
        return
    with suppress(SQLAlchemyError, OSError, RunError), _connection(location, Deadline(_KILL_SECONDS)) as connection:
        if connection.exec_driver_sql(mysql.FIND_CONNECTION, (number, address)).first() is not None:
            connection.exec_driver_sql(mysql.kill_statement(number)).close()


@contextmanager
def _connection(location: str, deadline: Deadline) -> Iterator[Connection]:
    url = checked_url(location)
    is_mysql = url.get_backend_name() in mysql.DIALECTS
    arguments = mysql.driver_timeouts(deadline) if is_mysql else {}
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
        if is_mysql:
            mariadb.use_extended_connections(engine)
        connection = engine.connect()
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise run_error(SourceUnusable, "The driver for this kind of database is not installed.", error) from error
    except (SQLAlchemyError, OSError) as error:
        raise connection_error(error, url) from error
    try:
        yield connection
    finally:
        with suppress(SQLAlchemyError, OSError):
            connection.close()


def checked_url(location: str) -> URL:
    """The URL, for MySQL with PyMySQL as its driver. Raises SourceUnusable."""
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):
        raise SourceUnusable("The data source's URL is not valid.") from None
    backend = url.get_backend_name()
    if backend in _OTHER_KINDS:
        raise SourceUnusable(f"The data source's URL belongs to a data source of kind {_OTHER_KINDS[backend]}.")
    return mysql.checked_url(url) if backend in mysql.DIALECTS else url
