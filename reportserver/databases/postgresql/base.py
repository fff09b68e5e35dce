"""Django's PostgreSQL backend, with connections that do not wait for ever.

The kernel gives up a peer that acknowledges nothing (tcp_user_timeout). It does not when something between, a pooler or
a balancer, takes every packet and answers none: then a statement would never return, nor what runs it.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from django.db.backends.postgresql import base

#: Seconds between two looks at the clock.
_INTERVAL = 0.1


class PatientConnection(psycopg.Connection[Any]):
    """A connection on which no statement takes longer than `patience` seconds, if that is given."""

    patience: float | None = None

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        if self.patience is not None:
            gen = self._bounded(gen, time.monotonic() + self.patience)
        return super().wait(gen, interval, timeout)

    def _bounded(self, gen: Generator[Any, Any, Any], end: float) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > end:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"The database server has not answered for {self.patience:g} s.")
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value


class _Psycopg:
    """psycopg as Django uses it, but for the kind of connection."""

    connect = staticmethod(PatientConnection.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    """`PATIENCE_SECONDS` of the database's settings is how long a statement may take; without it, for ever."""

    Database = _Psycopg()  # type: ignore[assignment] # as good as the module

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.patience = self.settings_dict.get("PATIENCE_SECONDS")
        return connection
