"""Byte ranges of a file (RFC 9110, section 14)."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from typing import BinaryIO

_SINGLE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


class RangeUnsatisfiable(Exception):
    """No byte of the file is in the range: 416."""


def parse(header: str | None, size: int) -> ByteRange | None:
    """The range that is asked for; None to send the whole file, as for other units, several ranges or bad syntax."""
    match = _SINGLE.fullmatch(header.strip()) if header and len(header) < 100 else None
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        return None
    if not first:
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeUnsatisfiable
    return ByteRange(int(first), min(int(last) + 1, size) if last else size)


def _suffix(length: int, size: int) -> ByteRange:
    if length == 0 or size == 0:
        raise RangeUnsatisfiable
    return ByteRange(max(0, size - length), size)


class FileSlice(io.RawIOBase):
    """A part of an open file. It has the file's descriptor, at the part's start, so that a server may use sendfile."""

    def __init__(self, file: BinaryIO, part: ByteRange) -> None:
        self._file = file
        self._left = part.length
        os.lseek(file.fileno(), part.start, os.SEEK_SET)

    def fileno(self) -> int:
        return self._file.fileno()

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As the descriptor counts: socket.sendfile seeks to where it begins and to where it ended."""
        return os.lseek(self.fileno(), offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = os.read(self.fileno(), min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
