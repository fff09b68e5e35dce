"""Compressed text files.

DuckDB doesn't compare the checksums of gzip, and doesn't notice that the end of a zstd file is missing.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from reports.exceptions import RunError
from reports.sources.deadline import Deadline
from reports.sources.files.faults import file_fault, os_fault

#: By extension, the name that DuckDB and Arrow have for it.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_BLOCK = 1 << 20


def compression_of(path: Path) -> str | None:
    return COMPRESSIONS.get(path.suffix.lower())


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of the text in a file. Raises SourceUnusable if it can't be opened or decompressed."""
    try:
        with pa.input_stream(str(path), compression=compression_of(path), buffer_size=0) as stream:
            return bytes(stream.read(size))
    except OSError as error:
        raise _fault(path, error) from error


def ending(path: Path, size: int) -> bytes:
    """The last bytes of the text in a file. Raises SourceUnusable as well."""
    last = b""
    try:
        if compression_of(path) is None:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - size))
                return file.read()
        with pa.input_stream(str(path), compression=compression_of(path), buffer_size=0) as stream:
            while block := stream.read(_BLOCK):
                last = (last + bytes(block))[-size:]
    except OSError as error:
        raise _fault(path, error) from error
    return last


def check_compressed(path: Path, deadline: Deadline) -> None:
    """Read a compressed file to its end. Raises SourceUnusable if it is damaged or not complete."""
    compression = compression_of(path)
    if compression is None:
        return
    try:
        with pa.input_stream(str(path), compression=compression, buffer_size=0) as stream:
            while stream.read(_BLOCK):
                deadline.check()
    except OSError as error:
        raise _fault(path, error) from error


def _fault(path: Path, error: OSError) -> RunError:
    # The operating system's errors have a number, Arrow's about the content have none.
    if error.errno is None:
        return file_fault(path, f"it is not a {compression_of(path)} file, is damaged, or its end is missing", error)
    return os_fault(path, error)
