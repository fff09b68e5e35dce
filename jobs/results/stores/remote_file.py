"""An object of an object store as a file. It is read in blocks, each by a request of its own.

So nothing is held while a client doesn't read, a store that restarts meanwhile does no harm, and memory doesn't grow
with the file. Each request names the ETag: all blocks are of the object that was opened.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from jobs.results.stores.client import SHORT, client, store_errors

#: The first block is small: its client waits for the first byte.
_FIRST_BYTES, _BLOCK_BYTES = 256 << 10, 2 << 20
#: Requests for blocks at once in each process, for all downloads together.
_FETCHING_THREADS = 8


class RemoteFile(io.RawIOBase):
    """An object, open for reading. Reading raises ResultMissing if it was changed or deleted, or StorageUnavailable."""

    def __init__(self, url: str, name: str, *, size: int, etag: str | None) -> None:
        self._url = url
        self._name = name
        self._etag = etag
        self._position = 0
        #: The bytes after the position that were fetched already.
        self._block = memoryview(b"")
        self.size = size

    def fetch(self, start: int, stop: int) -> memoryview:
        """Return the bytes from `start` up to, but not including, `stop`."""
        import obstore

        with store_errors():
            options = {"range": (start, stop), "if_match": self._etag}
            return memoryview(obstore.get(client(self._url, SHORT), self._name, options=options).bytes())  # type: ignore[arg-type]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        self._block = memoryview(b"")
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._block and self._position < self.size:
            length = max(len(buffer), _BLOCK_BYTES)
            self._block = self.fetch(self._position, min(self.size, self._position + length))
        taken = self._block[: len(buffer)]
        buffer[: len(taken)] = taken
        self._block = self._block[len(taken) :]
        self._position += len(taken)
        return len(taken)


class BlockStream(io.RawIOBase):
    """A range of a remote file, block by block. While one is sent, the next one is fetched.

    `held_descriptors` are closed with it. A web server that sends after that keeps duplicates of them open.
    """

    def __init__(self, file: RemoteFile, start: int, stop: int, held_descriptors: Sequence[int] = ()) -> None:
        self._file = file
        self._next = start
        self._stop = stop
        self._length = _FIRST_BYTES
        self._ahead = self._fetch()
        self.held_descriptors = held_descriptors

    def next_block(self) -> Future[memoryview] | None:
        """Return the next block, which may still be on its way, and have the one after it fetched; None at the end."""
        block, self._ahead = self._ahead, self._fetch() if self._ahead else None
        return block

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next block, whatever its size: for web servers that don't know of blocks."""
        block = self.next_block()
        return bytes(block.result()) if block else b""

    def close(self) -> None:
        if not self.closed:
            for descriptor in self.held_descriptors:
                os.close(descriptor)
        super().close()

    def _fetch(self) -> Future[memoryview] | None:
        start, stop = self._next, min(self._next + self._length, self._stop)
        if start >= stop:
            return None
        self._next, self._length = stop, _BLOCK_BYTES
        return _threads().submit(self._file.fetch, start, stop)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_FETCHING_THREADS, thread_name_prefix="object-store")
