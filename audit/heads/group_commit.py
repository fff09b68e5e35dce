"""Lets many threads share one write to the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable

Head = tuple[int, str]


class GroupCommit:
    """Writes heads one after the other. While one is written, others wait; then the last of them is written for all."""

    def __init__(self, write: Callable[[int, str], None]) -> None:
        self._write = write
        self._changed = threading.Condition()
        self._pending: Head = (0, "")
        self._is_writing = False
        #: The number of heads that were handed in, and how many of them were tried; the error of the last try.
        self._received = self._tried = 0
        self._error: Exception | None = None

    def keep(self, sequence: int, hash: str) -> None:
        """Return when this head, or one that covers it, is on the disk. Raises what prevents it."""
        with self._changed:
            self._received += 1
            own = self._received
            self._pending = max(self._pending, (sequence, hash))
            while self._tried < own:
                if self._is_writing:
                    self._changed.wait()
                else:
                    self._write_pending()
            if self._error:
                raise self._error

    def _write_pending(self) -> None:
        """Write what is pending, without the lock. Others hand in theirs meanwhile."""
        received, head = self._received, self._pending
        self._pending, self._is_writing, error = (0, ""), True, None
        self._changed.release()
        try:
            self._write(*head)
        except Exception as raised:  # noqa: BLE001 - raised in the threads that wait for it
            error = raised
        finally:
            self._changed.acquire()
            self._is_writing, self._tried, self._error = False, received, error
            self._changed.notify_all()
