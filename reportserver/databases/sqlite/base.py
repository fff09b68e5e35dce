"""Django's SQLite backend, with transactions that hold the write lock as briefly as can be.

SQLite's own wait for the lock sleeps in growing steps of up to 100 ms, so that under load whoever has waited longest
asks least often: a few calls take ten times as long as the others. Here one thread of a process at a time asks, every
millisecond. And with `synchronous = FULL` a transaction waits for the disk while it holds the lock, which is about half
of the time that it holds it. Here it commits to the log, lets the next one begin, and waits for the disk then, together
with others that committed meanwhile.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

#: Seconds between two attempts to begin, at least and at most.
_PAUSE = (0.0005, 0.0015)

#: Of each database file: held by the thread of this process that asks for the write lock.
_asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
# A process that was forked while a thread asked has no such thread.
os.register_at_fork(after_in_child=_asking.clear)


class DatabaseWrapper(base.DatabaseWrapper):
    """Besides Django's, `OPTIONS` has `sync_after_commit`: whether a transaction waits for the disk after it gave the
    lock back, instead of before. A commit has returned only when it survives a power cut; others may see it earlier,
    and as the log is written in order, what they commit upon it can't survive without it. For databases in WAL mode
    with `synchronous = FULL`, which stays so for statements outside of transactions (https://sqlite.org/wal.html).

    `timeout` is how long a transaction waits for its turn, in seconds, as before.
    """

    _log: int | None = None

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        self._sync_after_commit = params.pop("sync_after_commit", False)
        self._timeout = float(params.get("timeout", 5))
        return params

    def _start_transaction_under_autocommit(self) -> None:
        give_up = time.monotonic() + self._timeout
        with self._alone(give_up), self._without_sleeping():
            self._sync_on_commit(False)
            try:
                while not self._began(last=time.monotonic() > give_up):
                    time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - not a secret
            except BaseException:
                self._sync_on_commit(True)
                raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc] # not in the stubs
        if self._sync_after_commit and self.connection is not None:
            self._sync()
            self._sync_on_commit(True)

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc] # not in the stubs
        if self.connection is not None:
            self._sync_on_commit(True)

    def _close(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None
        super()._close()  # type: ignore[misc] # not in the stubs

    def _sync(self) -> None:
        try:
            if self._log is None:
                self._log = os.open(f"{self.settings_dict['NAME']}-wal", os.O_RDONLY)
            os.fdatasync(self._log)
        except FileNotFoundError:  # nothing was ever written
            return
        except OSError as error:
            raise OperationalError(f"The log of the database can't be written to the disk: {error}") from error

    def _sync_on_commit(self, wanted: bool) -> None:
        if self._sync_after_commit:
            self.connection.execute(f"pragma synchronous = {'full' if wanted else 'normal'}")

    def _began(self, *, last: bool) -> bool:
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc] # not in the stubs
        except OperationalError as error:
            if last or "locked" not in str(error):
                raise
            return False
        return True

    @contextmanager
    def _alone(self, give_up: float) -> Iterator[None]:
        """The others of this process wait for a lock that wakes them, not by asking again and again."""
        lock = _asking[str(self.settings_dict["NAME"])]
        if not lock.acquire(timeout=max(0, give_up - time.monotonic())):
            raise OperationalError("database is locked")
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _without_sleeping(self) -> Iterator[None]:
        self.connection.execute("pragma busy_timeout = 0")
        try:
            yield
        finally:
            self.connection.execute(f"pragma busy_timeout = {int(self._timeout * 1000)}")
