"""A file that can be taken away from those who still hold it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO


@contextmanager
def detachable(out: BinaryIO) -> Iterator[BinaryIO]:
    """The file, which is detached at the end."""
    file = _DetachableFile(out)
    try:
        yield file
    finally:
        file.detach()


class _DetachableFile(io.RawIOBase, BinaryIO):
    """The file, until it is detached. Then nothing reaches it any more.

    pyarrow and zipfile write the end of a file that nobody closed when they are garbage-collected. That may be after
    the run has started the file again.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file

    def detach(self) -> None:
        self._file = None

    def write(self, data: Any) -> int:
        return self._file.write(data) if self._file else len(memoryview(data).cast("B"))

    def tell(self) -> int:
        return self._file.tell() if self._file else 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence) if self._file else 0

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(-1 if size is None else size) if self._file else b""

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size) if self._file else 0

    def flush(self) -> None:
        if self._file:
            self._file.flush()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
