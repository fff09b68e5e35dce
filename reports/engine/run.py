"""From a source to finished files: each batch of rows is handed to the writer of each format in turn."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BufferedRandom
from math import ceil
from pathlib import Path
from typing import BinaryIO, NamedTuple

from reports.documents.template_renderer import renderer_for
from reports.engine.content_digest import ContentDigest
from reports.engine.detachable_file import detachable
from reports.engine.limiter import Limiter, size_text
from reports.engine.spec import RenderedFile, RunResult, RunSpec
from reports.exceptions import OutOfSpace, ResultTooLarge
from reports.kept_rows import file as kept_rows
from reports.kept_rows.file import KeptRowsWriter
from reports.sources import read
from reports.sources.base import Rows, SchemaWidened, Source
from reports.sources.deadline import Deadline

#: Called after every batch with the rows and bytes so far, and the estimated number of rows in total, if there is one.
ReportProgress = Callable[[int, int, int | None], None]
#: The files that a run writes, by format, and that of the kept rows.
Files = Mapping[str, BinaryIO]


class _Written(NamedTuple):
    """How many rows were written, why there are no more, whether they were kept, and the digest of what they say."""

    rows: int
    truncated: str | None
    is_kept: bool
    content_digest: str


def path_of(path: Path, format: str, spec: RunSpec) -> Path:
    """Return where a run that was given `path` writes the file of this format: there, or beside the first one."""
    return path if format == spec.formats[0] else path.with_name(f"{path.name}.{format}")


def run(spec: RunSpec, path: Path, report_progress: ReportProgress) -> RunResult:
    """Write the files at their `path_of` and flush them to the disk.

    Raises RunErrors. After an exception there are no files, also when `report_progress` raised it to stop the run.
    """
    deadline = Deadline(spec.limits.timeout_seconds)
    names = [*spec.formats, kept_rows.NAME] if spec.keep_rows else spec.formats
    paths = {name: path_of(path, name, spec) for name in names}
    try:
        with storage_errors(), ExitStack() as opened:
            files = {name: opened.enter_context(path.open("w+b")) for name, path in paths.items()}
            written = _read_and_write(spec, files, deadline, report_progress)
            finished = tuple(_finished(format, files[format]) for format in spec.formats)
            kept = _finished(kept_rows.NAME, files[kept_rows.NAME]) if written.is_kept else None
        if spec.keep_rows and not kept:
            paths[kept_rows.NAME].unlink()
        return RunResult(written.rows, written.truncated, finished, kept, written.content_digest)
    except BaseException:
        for file in paths.values():
            file.unlink(missing_ok=True)
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


def _finished(format: str, file: BufferedRandom) -> RenderedFile:
    # A job is marked Succeeded only after its files survive a power failure.
    file.flush()
    os.fsync(file.fileno())
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return RenderedFile(format, size, hashlib.file_digest(file, "sha256").hexdigest())


def _read_and_write(spec: RunSpec, files: Files, deadline: Deadline, report_progress: ReportProgress) -> _Written:
    """Read the rows and write them into all files.

    Starts again when the source meets a value that the announced type of a column can't hold; each time, types get
    wider.
    """
    source: Source | None = None
    while True:
        limits = replace(spec.limits, timeout_seconds=max(1, ceil(deadline.remaining)))
        try:
            with ExitStack() as stack:
                outs = {name: stack.enter_context(detachable(file)) for name, file in files.items()}
                rows = stack.enter_context(
                    kept_rows.read_kept(spec.kept)
                    if spec.kept
                    else read(spec.source, spec.query, spec.values, limits, source=source)
                )
                return _write(spec, rows, outs, deadline, report_progress)
        except SchemaWidened as widened:
            deadline.check()
            source = widened.source
            for file in files.values():
                file.seek(0)
                file.truncate()


def _write(spec: RunSpec, rows: Rows, outs: Files, deadline: Deadline, report_progress: ReportProgress) -> _Written:
    renderers = {format: renderer_for(format, spec.document.template) for format in spec.formats}
    writers = [renderer.open(outs[format], rows.schema, spec.document) for format, renderer in renderers.items()]
    digest = ContentDigest(rows.schema) if spec.digests_content else None
    if digest:
        writers.append(digest)
    kept = KeptRowsWriter(outs[kept_rows.NAME], rows.schema, spec.keep_rows) if spec.keep_rows else None
    sizes = [outs[format].tell for format in spec.formats]
    limiter = Limiter(spec, list(renderers.values()), largest=lambda: max(size() for size in sizes))
    total = rows.expected_rows
    if total is not None and spec.max_rows is not None:
        total = min(total, spec.max_rows)
    for batch in rows.batches:
        deadline.check()
        for part in limiter.allowed_parts(batch):
            for writer in writers:
                writer.write(part)
            if kept:
                kept.write(part)
        report_progress(limiter.rows, sum(size() for size in sizes), total)
        if limiter.truncated:
            break
    truncated = limiter.truncated or spec.truncated
    for writer in writers:
        deadline.check()
        writer.close(rows=limiter.rows, truncated=truncated)
    if kept:
        kept.close()
    for format, renderer in renderers.items():
        if not renderer.streams and spec.max_bytes is not None and outs[format].tell() > spec.max_bytes:
            limit = size_text(spec.max_bytes)
            raise ResultTooLarge(
                f"The {format} file is larger than the {limit} that the report allows. Narrow the parameters."
            )
    report_progress(limiter.rows, sum(size() for size in sizes), limiter.rows)
    return _Written(limiter.rows, truncated, bool(kept and kept.is_kept), digest.hexdigest() if digest else "")
