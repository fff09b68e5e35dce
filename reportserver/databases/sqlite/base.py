"""Django's SQLite backend, with transactions that hold the write lock as briefly as possible.

* SQLite waits for the lock by sleeping in growing steps of up to 100 ms. Under load, the connection that has waited
  longest tries least often, so a few calls take ten times as long as the others. Here, one thread per process tries
  each millisecond.
* With `synchronous = FULL`, a transaction holds the lock while it waits for the disk, which is about half of the time
  it holds it. Here it commits to the log, releases the lock, and then waits for the disk, together with all others
  that have committed meanwhile.
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

from reportserver.databases.errors import CommitUnconfirmed
from reportserver.databases.sqlite.schema import DatabaseSchemaEditor

#: Seconds between two attempts to take the lock: the range of a random pause.
_PAUSE = (0.0005, 0.0015)

#: By database file: held by the thread of this process that tries to take the write lock.
_trying: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
# A process forked while a thread holds such a lock doesn't have that thread, so nobody would ever release it.
os.register_at_fork(after_in_child=_trying.clear)


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes two OPTIONS that differ from Django's:

    * `sync_after_commit`: True if a transaction waits for the disk after it has released the lock, not before. When a
      commit returns, it survives a power cut. Others may see it earlier; but since the log is written in order, what
      they commit can't survive without it. For databases in WAL mode with `synchronous = FULL`, which stays in force
      for statements outside of transactions (https://sqlite.org/wal.html).
    * `timeout`: seconds that a transaction waits for the lock, as in Django.
    """

    SchemaEditorClass = DatabaseSchemaEditor
    #: File descriptor of the write-ahead log, once it was needed.
    _log: int | None = None

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        self._sync_after_commit = params.pop("sync_after_commit", False)
        self._timeout = float(params.get("timeout", 5))
        return params

    def _start_transaction_under_autocommit(self) -> None:
        deadline = time.monotonic() + self._timeout
        with self._only_thread_trying(deadline), self._without_busy_timeout():
            self._set_synchronous(full=False)
            try:
                while not self._try_to_begin(last=time.monotonic() > deadline):
                    time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - not a secret
            except BaseException:
                self._set_synchronous(full=True)
                raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc] # not in the stubs
        if not self._sync_after_commit or self.connection is None:
            return
        try:
            if self._log is None:
                self._log = self._open_log()
            if self._log is not None:
                os.fdatasync(self._log)
        except OSError as error:
            raise CommitUnconfirmed(f"The log of the database can't be written to the disk: {error}") from error
        self._set_synchronous(full=True)

    def _open_log(self) -> int | None:
        """Open the write-ahead log, which is beside the file that a symbolic link leads to; None in memory.

        Raise FileNotFoundError if somebody deleted it: SQLite creates it before the first transaction.
        """
        path = next(path for _, name, path in self.connection.execute("pragma database_list") if name == "main")
        return os.open(f"{path}-wal", os.O_RDONLY) if path else None

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc] # not in the stubs
        if self.connection is not None:
            self._set_synchronous(full=True)

    def _close(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None
        super()._close()  # type: ignore[misc] # not in the stubs

    def _set_synchronous(self, *, full: bool) -> None:
        if self._sync_after_commit:
            self.connection.execute(f"pragma synchronous = {'full' if full else 'normal'}")

    def _try_to_begin(self, *, last: bool) -> bool:
        """False if the database is locked; in the last attempt, raises OperationalError instead."""
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc] # not in the stubs
        except OperationalError as error:
            if last or "locked" not in str(error):
                raise
            return False
        return True

    @contextmanager
    def _only_thread_trying(self, deadline: float) -> Iterator[None]:
        """Let the process's other threads sleep until they are woken, instead of all trying every millisecond."""
        lock = _trying[str(self.settings_dict["NAME"])]
        if not lock.acquire(timeout=max(0, deadline - time.monotonic())):
            raise OperationalError("database is locked")
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _without_busy_timeout(self) -> Iterator[None]:
        self.connection.execute("pragma busy_timeout = 0")
        try:
            yield
        finally:
            self.connection.execute(f"pragma busy_timeout = {int(self._timeout * 1000)}")
