"""Byte ranges of a file (RFC 9110, section 14)."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from jobs.results.stores.remote_file import BlockStream, RemoteFile

_SINGLE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII | re.IGNORECASE)
#: A longer header can't be a single range of a real file, so it isn't parsed.
_MAX_HEADER_LENGTH = 100


@dataclass(frozen=True)
class ByteRange:
    """Bytes from `start` up to, but not including, `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class RangeUnsatisfiable(Exception):
    """The range contains no byte of the file: 416."""


def parse(header: str | None, size: int) -> ByteRange | None:
    """Return the requested range of a file of this size; None to send the whole file.

    The whole file is sent if there is no header, for other units, several ranges and bad syntax.
    Raise RangeUnsatisfiable if the range contains no byte.
    """
    match = _SINGLE.fullmatch(header.strip()) if header and len(header) < _MAX_HEADER_LENGTH else None
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        return None
    if not first:  # "-500": the last 500 bytes
        length = int(last)
        if length == 0 or size == 0:
            raise RangeUnsatisfiable
        return ByteRange(max(0, size - length), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeUnsatisfiable
    return ByteRange(int(first), min(int(last) + 1, size) if last else size)


def slice_of(file: BinaryIO, byte_range: ByteRange, held_descriptors: Sequence[int]) -> io.RawIOBase:
    """Return the body of a response that sends this range. `held_descriptors` are closed when all of it was sent."""
    if isinstance(file, RemoteFile):
        return BlockStream(file, byte_range.start, byte_range.stop, held_descriptors)
    return FileSlice(file, byte_range, held_descriptors)


class FileSlice(io.RawIOBase):
    """A range of an open file.

    Shares the file's descriptor, positioned at the start of the range, so that a web server can use sendfile(2).
    `held_descriptors` are closed with it. The web server, which sends after that, keeps duplicates of them open until
    the last byte was sent.
    """

    def __init__(self, file: BinaryIO, byte_range: ByteRange, held_descriptors: Sequence[int] = ()) -> None:
        self._file = file
        self.held_descriptors = held_descriptors
        self._remaining = byte_range.length
        os.lseek(file.fileno(), byte_range.start, os.SEEK_SET)

    def fileno(self) -> int:
        return self._file.fileno()

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek in the whole file, not in the range: socket.sendfile passes positions of the descriptor."""
        return os.lseek(self.fileno(), offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = os.read(self.fileno(), min(len(buffer), self._remaining))
        self._remaining -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            for descriptor in self.held_descriptors:
                os.close(descriptor)
        self._file.close()
        super().close()
