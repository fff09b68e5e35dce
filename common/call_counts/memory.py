"""A table of counts in memory that the processes of a host share."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from common.call_counts.count import WINDOW_SECONDS, Count

#: Digest of the caller, number of the window, count.
_ENTRY = struct.Struct("16sQQ")
_ENTRIES = 16_384
#: How many entries are tried for a caller before the last of them is overwritten.
_TRIES = 128


class SharedMemory:
    """A hash table with open addressing. An entry of a past window is free, so nothing is ever deleted.

    Processes that are forked after it was created share it. A process that is killed leaves no lock: the kernel takes
    back its lock on the file. Such a lock doesn't exclude other threads of the same process, so there is one for them,
    too.
    """

    def __init__(self) -> None:
        # Never closed: closing any descriptor of the file would release this process's lock.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        # Not of the file: writing to a page of a file for which the disk has no room kills the process.
        self._table = mmap.mmap(-1, _ENTRIES * _ENTRY.size)
        self._threads = threading.Lock()
        os.register_at_fork(after_in_child=self._after_fork)

    def add_call(self, caller: str) -> Count:
        """Count a call. With more than about 10,000 callers in a window, a few counts start again from 0."""
        digest = hashlib.sha256(caller.encode()).digest()[:16]
        start = int.from_bytes(digest[:4], "big")
        with self._locked():
            # Read under the lock, so that no late call starts a past window again.
            now = int(time.time())
            window = now // WINDOW_SECONDS
            offset = self._find(digest, start, window)
            _, found_window, used = _ENTRY.unpack_from(self._table, offset)
            used = used + 1 if found_window == window else 1
            _ENTRY.pack_into(self._table, offset, digest, window, used)
        return Count(used, WINDOW_SECONDS - now % WINDOW_SECONDS)

    def clear(self) -> None:
        with self._locked():
            self._table[:] = bytes(len(self._table))

    def _find(self, digest: bytes, start: int, window: int) -> int:
        """The offset of the caller's entry, or of a free one for it."""
        for number in range(start, start + _TRIES):
            offset = number % _ENTRIES * _ENTRY.size
            found_digest, found_window, _ = _ENTRY.unpack_from(self._table, offset)
            if found_window != window or found_digest == digest:
                break
        return offset

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _after_fork(self) -> None:
        # A thread of the parent may have held it, which doesn't exist here.
        self._threads = threading.Lock()
