"""Django's SQLite backend, with a wait for the write lock in which nobody starves.

SQLite's own wait sleeps in growing steps of up to 100 ms, so that under load whoever has waited longest asks least
often: a few calls take ten times as long as the others. Here a transaction asks again every few milliseconds.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

#: Seconds between two attempts to begin, at least and at most.
_PAUSE = (0.002, 0.006)


class DatabaseWrapper(base.DatabaseWrapper):
    """`OPTIONS["timeout"]` is how long a transaction waits for its turn, in seconds, as before."""

    def _start_transaction_under_autocommit(self) -> None:
        give_up = time.monotonic() + self.settings_dict["OPTIONS"].get("timeout", 5)
        with self._without_sleeping():
            while not self._began(last=time.monotonic() > give_up):
                time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - not a secret

    def _began(self, *, last: bool) -> bool:
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc] # not in the stubs
        except OperationalError as error:
            if last or "locked" not in str(error):
                raise
            return False
        return True

    @contextmanager
    def _without_sleeping(self) -> Iterator[None]:
        timeout = int(self.settings_dict["OPTIONS"].get("timeout", 5) * 1000)
        self.connection.execute("pragma busy_timeout = 0")
        try:
            yield
        finally:
            self.connection.execute(f"pragma busy_timeout = {timeout}")
