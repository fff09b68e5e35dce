"""Compressed text files.

DuckDB doesn't compare the checksums of gzip, and doesn't notice that the end of a zstd file is missing. So each file is
decompressed a second time.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
from isal.igzip import IGzipFile
from isal.igzip_lib import IsalError

from reports.exceptions import RunError
from reports.sources.deadline import Deadline
from reports.sources.files.faults import file_fault, os_fault

#: By extension, the name that DuckDB and Arrow have for it.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_BLOCK = 1 << 20
#: Of the operating system, and about content that isn't what it should be.
_ERRORS = (OSError, EOFError, cast(type[Exception], IsalError))


def compression_of(path: Path) -> str | None:
    return COMPRESSIONS.get(path.suffix.lower())


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of the text in a file. Raises SourceUnusable if it can't be opened or decompressed."""
    try:
        with _opened(path) as stream:
            return bytes(stream.read(size))
    except _ERRORS as error:
        raise _fault(path, error) from error


def ending(path: Path, size: int) -> bytes:
    """The last bytes of the text in a file. Raises SourceUnusable as well."""
    last = b""
    try:
        if compression_of(path) is None:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - size))
                return file.read()
        with _opened(path) as stream:
            while block := stream.read(_BLOCK):
                last = (last + block)[-size:]
    except _ERRORS as error:
        raise _fault(path, error) from error
    return last


def check_compressed(path: Path, deadline: Deadline) -> None:
    """Read a compressed file to its end. Raises SourceUnusable if it is damaged or not complete."""
    if compression_of(path) is None:
        return
    try:
        with _opened(path) as stream:
            while stream.read(_BLOCK):
                deadline.check()
    except _ERRORS as error:
        raise _fault(path, error) from error


def _opened(path: Path) -> BinaryIO:
    """The text in a file, as a stream of bytes. ISA-L takes a third of Arrow's time for gzip."""
    compression = compression_of(path)
    if compression == "gzip":
        # The package has no types.
        return cast(BinaryIO, IGzipFile(path, "rb"))  # type: ignore[no-untyped-call]
    return cast(BinaryIO, pa.input_stream(str(path), compression=compression, buffer_size=0))


def _fault(path: Path, error: Exception) -> RunError:
    # The operating system's errors have a number, those about the content have none.
    if not isinstance(error, OSError) or error.errno is None:
        return file_fault(path, f"it is not a {compression_of(path)} file, is damaged, or its end is missing", error)
    return os_fault(path, error)
