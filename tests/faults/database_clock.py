"""The database's clock, which a test sets ahead or back.

PostgreSQL finds a function of the test's schema before its own. On SQLite, the server's processes replace the function
in each of their connections.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

_FILE = "clock-step"
_POSTGRESQL = """
create schema faults_clock;
create table faults_clock.step (seconds float8 not null);
insert into faults_clock.step values (0);
create function faults_clock.statement_timestamp() returns timestamptz stable language sql as $$
    select pg_catalog.statement_timestamp() + make_interval(secs => (select seconds from faults_clock.step))
$$;
alter role postgres set search_path = public, faults_clock, pg_catalog;
"""


def prepare_postgresql(connection: psycopg.Connection[Any]) -> None:
    """Give the connections that are opened from now on a clock that can be set."""
    connection.execute(_POSTGRESQL)


def install(connection: Any, **kwargs: object) -> None:
    """Give a new connection to SQLite a clock that can be set."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("strftime", 2, _strftime)


def set_sqlite(folder: Path, seconds: float) -> None:
    """Set the clock of the database in this data folder this many seconds ahead of the true time."""
    draft = folder / f"{_FILE}.part"
    draft.write_text(str(seconds))
    draft.rename(folder / _FILE)


def _strftime(template: str, time: str) -> str:
    if time != "now":
        raise ValueError("Only the current time is supported.")
    try:
        seconds = float((Path(settings.DATA_DIR) / _FILE).read_text())
    except FileNotFoundError:
        seconds = 0
    now = datetime.now(UTC) + timedelta(seconds=seconds)
    return now.strftime(template.replace("%f", f"%S.{now.microsecond // 1000:03}"))
