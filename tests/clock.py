"""The clock of the counters' database, which a test stops and moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections


class DatabaseClock:
    """Replaces the database's own function of the time, for this connection."""

    def __init__(self, now: float) -> None:
        self._connection = connections[settings.COUNTERS_DATABASE]
        self._connection.ensure_connection()
        if self._connection.vendor == "postgresql":
            self._execute("create schema stopped_clock")
            self._execute(
                "create function stopped_clock.statement_timestamp() returns timestamptz language sql as "
                "$$ select to_timestamp(current_setting('stopped_clock.now')::float8) $$"
            )
            # Functions of the system come first, unless their schema is named.
            self._execute("set local search_path to stopped_clock, public, pg_catalog")
        else:
            self._connection.connection.create_function("unixepoch", 0, lambda: int(self.now))
        self.set(now)

    def set(self, now: float) -> None:
        self.now = now
        if self._connection.vendor == "postgresql":
            self._execute(f"set local stopped_clock.now to '{now}'")

    def move(self, seconds: float) -> None:
        self.set(self.now + seconds)

    def start(self) -> None:
        """Let the time pass again. PostgreSQL does so when the test's transaction ends."""
        if self._connection.vendor == "sqlite":
            self._connection.connection.create_function("unixepoch", 0, lambda: int(time.time()))

    def _execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def stopped_clock(now: float) -> Iterator[DatabaseClock]:
    """For tests whose transaction is rolled back."""
    clock = DatabaseClock(now)
    try:
        yield clock
    finally:
        clock.start()
