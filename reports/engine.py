"""One run: a query's rows, batch by batch, into one file of one format. Knows no job, no database row, no request."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa

from reports.documents.renderer import file_noun, renderer_for
from reports.exceptions import FormatCannotHold, OutOfSpace, ResultTooLarge
from reports.parameters.values import TypedValue
from reports.rendering import RENDERERS
from reports.rendering.base import Document, Renderer
from reports.sources import read
from reports.sources.base import Limits, Rows, SchemaWidened, Source, SourceSpec
from reports.sources.deadline import Deadline

#: With a limit in bytes the file's size is looked at after so many rows, and so the file is at most that much over.
_ROWS_BETWEEN_SIZE_CHECKS = 1_000
#: Told after every batch: rows and bytes so far, and how many rows there will be as far as anybody can tell, or None.
Progress = Callable[[int, int, int | None], None]
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
#: What the operating system says when a process may not write larger files.
_TOO_LARGE = errno.EFBIG


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """All that a run needs. `query` and `values` go to the source; `max_rows` and `max_bytes` bound the file."""

    source: SourceSpec
    query: str
    values: Mapping[str, TypedValue]
    format: str
    document: Document
    limits: Limits
    max_rows: int | None = None
    max_bytes: int | None = None
    on_limit: Literal["truncate", "fail"] = "truncate"


@dataclass(frozen=True)
class RunResult:
    """The finished file: rows in it, bytes, sha-256 in hexadecimal, and why there are no more rows, or None."""

    rows: int
    size: int
    sha256: str
    truncated: str | None


def run(spec: RunSpec, path: Path, progress: Progress) -> RunResult:
    """Write the file at `path`, flushed to the disk, calling `progress(rows, bytes, total)` after every batch.

    Raises RunErrors; after any error, also one that `progress` raises to stop the run, there is no file.
    """
    deadline = Deadline(spec.limits.timeout_seconds)
    try:
        with storage_errors(), path.open("w+b") as out:
            rows, truncated = _write_until_it_fits(spec, out, deadline, progress)
            out.flush()
            os.fsync(out.fileno())
            size = out.seek(0, os.SEEK_END)
            out.seek(0)
            return RunResult(rows, size, hashlib.file_digest(out, "sha256").hexdigest(), truncated)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write_until_it_fits(
    spec: RunSpec, out: BinaryIO, deadline: Deadline, progress: Progress
) -> tuple[int, str | None]:
    """Starts again when a source meets a value that its announced columns cannot hold; each time they get wider."""
    source: Source | None = None
    while True:
        limits = replace(spec.limits, timeout_seconds=max(1, ceil(deadline.remaining)))
        try:
            with read(spec.source, spec.query, spec.values, limits, source=source) as rows:
                return _write(spec, rows, out, deadline, progress)
        except SchemaWidened as widened:
            deadline.check()
            source = widened.source
            out.seek(0)
            out.truncate()


def _write(spec: RunSpec, rows: Rows, out: BinaryIO, deadline: Deadline, progress: Progress) -> tuple[int, str | None]:
    renderer = renderer_for(spec.format, spec.document.template)
    writer = renderer.open(out, rows.schema, spec.document)
    cut = _Cut(spec, renderer)
    total = _total(rows.expected_rows, spec.max_rows)
    for batch in rows.batches:
        deadline.check()
        for part in cut.allowed(batch, out):
            writer.write(part)
        progress(cut.rows, out.tell(), total)
        if cut.reason:
            break
    deadline.check()
    writer.close(rows=cut.rows, truncated=cut.reason)
    if not renderer.streams and spec.max_bytes is not None and out.tell() > spec.max_bytes:
        raise ResultTooLarge(_too_large(spec.format, spec.max_bytes))
    progress(cut.rows, out.tell(), cut.rows)
    return cut.rows, cut.reason


def _total(expected: int | None, most: int | None) -> int | None:
    return expected if expected is None or most is None else min(expected, most)


def percent(rows: int, total: int | None) -> int | None:
    """How far a run is. None without an expectation, and once that has proved too low; 100 only when it is over."""
    if not total or rows > total:
        return None
    return min(99, 100 * rows // total)


class _Cut:
    """Lets rows through until one of the limits, and then knows the sentence that says which."""

    def __init__(self, spec: RunSpec, renderer: Renderer) -> None:
        self.rows = 0
        self.reason: str | None = None
        self._spec = spec
        self._renderer = renderer

    def allowed(self, batch: pa.RecordBatch, out: BinaryIO) -> Iterator[pa.RecordBatch]:
        """The parts of the batch that may be written, each to be written before the next is asked for."""
        most = self._spec.max_rows
        fitting = batch if most is None else batch.slice(0, most - self.rows)
        self._check_format(fitting.num_rows)
        for part in self._parts(fitting):
            if self._is_full(out):
                return
            self.rows += part.num_rows
            yield part
        if fitting.num_rows < batch.num_rows:
            self._stop(f"Only the first {most:,} rows are here: the report allows no more.")

    def _parts(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        step = batch.num_rows if self._spec.max_bytes is None else _ROWS_BETWEEN_SIZE_CHECKS
        for start in range(0, batch.num_rows, max(1, step)):
            yield batch.slice(start, step)

    def _is_full(self, out: BinaryIO) -> bool:
        most = self._spec.max_bytes
        if most is None or out.tell() < most:
            return False
        self._stop(f"Only the first {self.rows:,} rows are here: the report allows files of {_size(most)} at most.")
        return True

    def _stop(self, reason: str) -> None:
        if self._spec.on_limit == "fail":
            raise ResultTooLarge
        self.reason = reason

    def _check_format(self, more: int) -> None:
        most = self._renderer.max_rows
        if most is not None and self.rows + more > most:
            raise FormatCannotHold(
                f"A {file_noun(self._renderer)} holds at most {most:,} rows, and this result has more. "
                f"Choose {' or '.join(_roomier(most))} instead."
            )


def _roomier(rows: int) -> list[str]:
    """Formats that hold more, the best known first."""
    roomier = [name for name, renderer in RENDERERS.items() if renderer.max_rows is None or renderer.max_rows > rows]
    preferred = [name for name in roomier if name in ("csv", "parquet")]
    return preferred or roomier[:2] or ["a narrower selection"]


def _too_large(format: str, most: int) -> str:
    return f"The {format} file is larger than the {_size(most)} that the report allows. Narrow the parameters."


def _size(count: int) -> str:
    for unit, bytes_in_it in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= bytes_in_it:
            return f"{count / bytes_in_it:.3g} {unit}"
    return f"{count} bytes"


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the operating system says of a full disk and of a file that grew too large into RunErrors."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise OutOfSpace from error
        if error.errno == _TOO_LARGE:
            raise ResultTooLarge from error
        raise
