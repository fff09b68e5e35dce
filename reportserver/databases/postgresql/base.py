"""Django's PostgreSQL backend, with a limit on how long a statement waits for the server's response.

The kernel closes a connection whose other side acknowledges nothing (tcp_user_timeout). That doesn't help if a pooler
or load balancer in between accepts every packet but never answers: the statement would wait forever.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import InterfaceError, OperationalError

from reportserver.databases.errors import CommitUnconfirmed

#: Seconds between two checks of the time.
_INTERVAL = 0.1


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when a statement takes longer than `response_timeout` seconds; None: no limit."""

    response_timeout: float | None = None

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        if self.response_timeout is not None:
            gen = self._bounded(gen, time.monotonic() + self.response_timeout)
        return super().wait(gen, interval, timeout)

    def _bounded(self, gen: Generator[Any, Any, Any], deadline: float) -> Generator[Any, Any, Any]:
        """psycopg's generator of a statement, which is sent nothing each time `_INTERVAL` passes without a response."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"The database server has not answered for {self.response_timeout:g} s."
                    )
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value


class _Psycopg:
    """The module psycopg as Django uses it, with our class of connections."""

    connect = staticmethod(BoundedConnection.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes `RESPONSE_TIMEOUT_SECONDS` in the database's settings. Without it, a statement may take forever."""

    Database = _Psycopg()  # type: ignore[assignment] # as good as the module

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.response_timeout = self.settings_dict.get("RESPONSE_TIMEOUT_SECONDS")
        return connection

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc] # not in the stubs
        except (OperationalError, InterfaceError) as error:
            # With the connection intact, the server refused the commit.
            if self.connection is not None and not self.connection.closed:
                raise
            raise CommitUnconfirmed(*error.args) from error
