"""Our SQLite backend for a file whose content is worthless after a crash: one that is damaged or gone is made anew.

Without syncs, a power cut leaves a file that SQLite calls malformed. It is checked whenever it is opened, which takes
milliseconds for so small a file, and it is opened again after every error, and when another process has replaced it.
The `init_command` in OPTIONS must create what is missing.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reportserver.databases.sqlite import base

log = logging.getLogger(__name__)
#: What opening a file of no use ends with. SQLITE_IOERR: it has fewer bytes than it should, for example. SQLITE_BUSY:
#: it was emptied, and connections from before keep it from becoming a database again.
_OF_NO_USE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY)


class DatabaseWrapper(base.DatabaseWrapper):
    #: Device and inode of the open file.
    _file: tuple[int, int] | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.is_in_memory_db():
            return super().get_new_connection(conn_params)
        with self._only_process_opening():
            if not Path(self._path).exists():
                self._delete()
            try:
                connection = self._open(conn_params)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF not in _OF_NO_USE:
                    raise
                log.warning("%s is of no use, and made anew: %s", self._path, error)
                self._delete()
                connection = self._open(conn_params)
            self._file = _identity(self._path)
        return connection

    def is_usable(self) -> bool:
        if self.is_in_memory_db():
            return True
        return not self.errors_occurred and self._file == _identity(self._path)

    @property
    def _path(self) -> str:
        return str(self.settings_dict["NAME"])

    def _open(self, conn_params: dict[str, Any]) -> Any:
        """Open the file. Raises sqlite3.DatabaseError, with SQLITE_CORRUPT if a page is damaged that isn't read yet."""
        connection = super().get_new_connection(conn_params)
        try:
            (state,) = connection.execute("pragma quick_check(1)").fetchone()
            if state != "ok":
                error = sqlite3.DatabaseError(state)
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
        except BaseException:
            connection.close()
            raise
        return connection

    def _delete(self) -> None:
        # The log, too: SQLite would apply one that it finds to a new database.
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    @contextmanager
    def _only_process_opening(self) -> Iterator[None]:
        """Keep two processes from replacing each other's new file."""
        # Not the file itself: closing it would release the locks that SQLite holds in this process.
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
