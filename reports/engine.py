"""One run: from a query's rows to a file of one format. Knows no jobs, no database rows and no requests."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa

from reports.documents.template_renderer import file_noun, renderer_for
from reports.exceptions import FormatCannotHold, OutOfSpace, ResultTooLarge
from reports.parameters.values import TypedValue
from reports.rendering import RENDERERS
from reports.rendering.base import Document, Renderer
from reports.sources import read
from reports.sources.base import Limits, Rows, SchemaWidened, Source, SourceSpec
from reports.sources.deadline import Deadline

#: How far a file may grow beyond a limit in bytes: its size is checked after each part of this many rows.
_ROWS_BETWEEN_SIZE_CHECKS = 1_000
#: Called after every batch with the rows and bytes so far, and the estimated number of rows in total, if there is one.
ReportProgress = Callable[[int, int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """The input of a run. `query` and `values` go to the source; `max_rows` and `max_bytes` limit the file."""

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
    """The finished file: its rows, its size in bytes, and its SHA-256 in hexadecimal.

    `truncated` is a sentence that says why rows are missing; None if none are.
    """

    rows: int
    size: int
    sha256: str
    truncated: str | None


def run(spec: RunSpec, path: Path, report_progress: ReportProgress) -> RunResult:
    """Write the file at `path` and flush it to the disk.

    Raises RunErrors. After an exception there is no file, also when `report_progress` raised it to stop the run.
    """
    deadline = Deadline(spec.limits.timeout_seconds)
    try:
        with storage_errors(), path.open("w+b") as out:
            rows, truncated = _read_and_write(spec, out, deadline, report_progress)
            # A job is marked Succeeded only after its file survives a power failure.
            out.flush()
            os.fsync(out.fileno())
            size = out.seek(0, os.SEEK_END)
            out.seek(0)
            return RunResult(rows, size, hashlib.file_digest(out, "sha256").hexdigest(), truncated)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def percent(rows: int, total: int | None) -> int | None:
    """Return how far a run is, at most 99; None without an estimate, or if the estimate was too low."""
    if not total or rows > total:
        return None
    return min(99, 100 * rows // total)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the operating system's errors about full disks and files that grow too large into RunErrors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace from error
        # The process has reached its limit for the size of files (RLIMIT_FSIZE).
        if error.errno == errno.EFBIG:
            raise ResultTooLarge from error
        raise


def _read_and_write(
    spec: RunSpec, out: BinaryIO, deadline: Deadline, report_progress: ReportProgress
) -> tuple[int, str | None]:
    """Return how many rows were written, and why there are no more.

    Starts again when the source meets a value that the announced type of a column can't hold; each time, types get
    wider.
    """
    source: Source | None = None
    while True:
        limits = replace(spec.limits, timeout_seconds=max(1, ceil(deadline.remaining)))
        try:
            with _detachable(out) as file, read(spec.source, spec.query, spec.values, limits, source=source) as rows:
                return _write(spec, rows, file, deadline, report_progress)
        except SchemaWidened as widened:
            deadline.check()
            source = widened.source
            out.seek(0)
            out.truncate()


@contextmanager
def _detachable(out: BinaryIO) -> Iterator[BinaryIO]:
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


def _write(
    spec: RunSpec, rows: Rows, out: BinaryIO, deadline: Deadline, report_progress: ReportProgress
) -> tuple[int, str | None]:
    renderer = renderer_for(spec.format, spec.document.template)
    writer = renderer.open(out, rows.schema, spec.document)
    limiter = _Limiter(spec, renderer)
    total = rows.expected_rows
    if total is not None and spec.max_rows is not None:
        total = min(total, spec.max_rows)
    for batch in rows.batches:
        deadline.check()
        for part in limiter.allowed_parts(batch, out):
            writer.write(part)
        report_progress(limiter.rows, out.tell(), total)
        if limiter.truncated:
            break
    deadline.check()
    writer.close(rows=limiter.rows, truncated=limiter.truncated)
    if not renderer.streams and spec.max_bytes is not None and out.tell() > spec.max_bytes:
        limit = _size_text(spec.max_bytes)
        raise ResultTooLarge(
            f"The {spec.format} file is larger than the {limit} that the report allows. Narrow the parameters."
        )
    report_progress(limiter.rows, out.tell(), limiter.rows)
    return limiter.rows, limiter.truncated


class _Limiter:
    """Lets rows through until a limit of the report or the format is reached.

    `rows` counts those let through. Once rows were cut off, `truncated` is the sentence that says so.
    """

    def __init__(self, spec: RunSpec, renderer: Renderer) -> None:
        self.rows = 0
        self.truncated: str | None = None
        self._spec = spec
        self._renderer = renderer

    def allowed_parts(self, batch: pa.RecordBatch, out: BinaryIO) -> Iterator[pa.RecordBatch]:
        """Yield the parts of the batch that may be written. Each has to be written before the next is requested."""
        max_rows, max_bytes = self._spec.max_rows, self._spec.max_bytes
        allowed = batch if max_rows is None else batch.slice(0, max_rows - self.rows)
        self._check_format(allowed.num_rows)
        step = max(1, batch.num_rows) if max_bytes is None else _ROWS_BETWEEN_SIZE_CHECKS
        for start in range(0, allowed.num_rows, step):
            if max_bytes is not None and out.tell() >= max_bytes:
                self._truncate(f"the report allows files of {_size_text(max_bytes)} at most.")
                return
            part = allowed.slice(start, step)
            self.rows += part.num_rows
            yield part
        if allowed.num_rows < batch.num_rows:
            self._truncate("the report allows no more.")

    def _truncate(self, reason: str) -> None:
        if self._spec.on_limit == "fail":
            raise ResultTooLarge
        self.truncated = f"Only the first {self.rows:,} rows are included: {reason}"

    def _check_format(self, more_rows: int) -> None:
        limit = self._renderer.max_rows
        if limit is None or self.rows + more_rows <= limit:
            return
        roomier = [name for name, other in RENDERERS.items() if other.max_rows is None or other.max_rows > limit]
        preferred = [name for name in roomier if name in ("csv", "parquet")]
        suggested = preferred or roomier[:2] or ["a narrower selection"]
        raise FormatCannotHold(
            f"A {file_noun(self._renderer)} can have at most {limit:,} rows, and this result has more. "
            f"Choose {' or '.join(suggested)} instead."
        )


def _size_text(size: int) -> str:
    for unit, bytes_in_unit in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_in_unit:
            return f"{size / bytes_in_unit:.3g} {unit}"
    return f"{size} bytes"
