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

#: The first block is small: its client waits for the first byte. The others end at multiples of the larger number, as
#: parts of uploads do: a store may have to read and unpack all of a part for some bytes of it.
_FIRST_BYTES, _BLOCK_BYTES = 256 << 10, 4 << 20
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
            stop = max(self._position + len(buffer), _end_of_block(self._position))
            self._block = self.fetch(self._position, min(self.size, stop))
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
        self._ahead = self._fetch(start + _FIRST_BYTES)
        self.held_descriptors = held_descriptors

    def next_block(self) -> Future[memoryview] | None:
        """Return the next block, which may still be on its way, and have the one after it fetched; None at the end."""
        block = self._ahead
        self._ahead = self._fetch(_end_of_block(self._next)) if block else None
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

    def _fetch(self, until: int) -> Future[memoryview] | None:
        start, stop = self._next, min(until, self._stop)
        if start >= stop:
            return None
        self._next = stop
        return _threads().submit(self._file.fetch, start, stop)


def _end_of_block(position: int) -> int:
    return (position // _BLOCK_BYTES + 1) * _BLOCK_BYTES


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_FETCHING_THREADS, thread_name_prefix="object-store")
