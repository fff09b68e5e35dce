"""The process that runs one report: forked for a worker, limited, and connected to it by pipes.

It uses neither the server's database nor the queue. Its only input is its Assignment.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import hashlib
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NoReturn

from common.children.limits import limit_resources, lower_priority
from jobs.exceptions import HostFault, ResultMissing, RowsGone, StorageUnavailable
from jobs.execution.child_output import redirect_output
from jobs.execution.protocol import Assignment, FilePart, Progress, Result, send
from jobs.failures import Failure
from jobs.results.publishing import StoredFile
from jobs.results.stores.base import check_marker
from reports import engine

#: Seconds between two progress messages.
_PROGRESS_SECONDS = 0.5
#: Seconds of processor time beyond the timeout on every core. A child gets that far only if its worker is stopped:
#: otherwise the worker has ended it by then.
_SPARE_CPU_SECONDS = 5
#: Bytes of kept rows that are copied at once.
_BLOCK_BYTES = 1 << 20


def run_child(assignment: Assignment, files: Sequence[int]) -> NoReturn:
    """Run a child from its fork to its end. `files`: the pipe for messages to the worker, and the one for output."""
    pipe, output = files
    try:
        os.setsid()
        redirect_output(output)
        # The worker's own alarm, of django-q2, must not interrupt the child.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(0)
        # A crash in C writes a stack trace to the output.
        faulthandler.enable(2)
        limit_resources(
            memory_bytes=assignment.memory_bytes,
            file_bytes=assignment.file_bytes,
            cpu_seconds=assignment.timeout_seconds * (os.cpu_count() or 1) + _SPARE_CPU_SECONDS,
        )
        lower_priority(assignment.niceness)
        send(pipe, _run_report(assignment, pipe))
    except BaseException as error:  # noqa: BLE001 - every error must be reported to the worker
        send(pipe, Failure.from_error(error).of_child())
    finally:
        # The kernel needs some milliseconds to end the process. The worker goes on as soon as the pipe is closed.
        with contextlib.suppress(OSError):
            os.close(pipe)
        # Without clean-up handlers: they belong to the worker that this process was forked for.
        os._exit(0)


def _run_report(assignment: Assignment, pipe: int) -> Result:
    """Write the result's files and give them their final names."""
    sent_at = 0.0

    def report_progress(rows: int, size: int, total_rows: int | None) -> None:
        nonlocal sent_at
        now = time.monotonic()
        if now - sent_at >= _PROGRESS_SECONDS:
            sent_at = now
            send(pipe, Progress(rows, size, engine.percent(rows, total_rows)))

    with engine.storage_errors():
        folder = assignment.draft.parent
        with _store_faults():
            check_marker(assignment.store, assignment.store_marker)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            spec = _with_kept_rows(assignment)
        # SQLite sorts in this folder what does not fit into memory. The system's own may be a small one in memory.
        os.environ["SQLITE_TMPDIR"] = str(folder)
        try:
            run = engine.run(spec, assignment.draft, report_progress)
        finally:
            shutil.rmtree(spec.limits.temp_dir, ignore_errors=True)
        started_at = time.monotonic()
        with _store_faults():
            files = tuple(_publish(assignment, file) for file in run.files)
            kept = _publish(assignment, run.kept) if run.kept else None
            pieces_file = _publish(assignment, run.pieces_file) if run.pieces_file else None
            # The share may have been unmounted meanwhile.
            check_marker(assignment.store, assignment.store_marker)
    publishing = round(run.seconds.get("publish", 0.0) + time.monotonic() - started_at, 3)
    return Result(
        rows=run.rows,
        truncated=run.truncated,
        files=files,
        content_digest=run.content_digest,
        kept=kept,
        pieces_file=pieces_file,
        pieces=run.pieces,
        seconds={**run.seconds, "publish": publishing},
    )


def _with_kept_rows(assignment: Assignment) -> engine.RunSpec:
    """Return the spec of a run, with the path of the kept rows that it reads, if it reads any. Raises RowsGone."""
    spec = assignment.spec
    if assignment.kept is None:
        return spec
    name, rows = assignment.kept
    copy = spec.limits.temp_dir / "kept"
    store, size, sha256, stamp = assignment.store, rows.size, rows.sha256, rows.stamp
    try:
        if assignment.part:
            opened = store.open_verified(name, size=size, sha256=sha256, stamp=stamp)
            path = _copy_part(opened.file, assignment.part, copy)
        else:
            path = store.fetch_verified(name, copy, size=size, sha256=sha256, stamp=stamp)
    except ResultMissing:
        raise RowsGone from None
    return replace(spec, kept=path)


def _copy_part(file: BinaryIO, part: FilePart, copy: Path) -> Path:
    """Copy a part of a file, which may be in an object store: all of it could be gigabytes. Raises ResultMissing."""
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), part.size
    with file, copy.open("wb") as target:
        file.seek(part.offset)
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            target.write(block)
            left -= len(block)
    if digest.hexdigest() != part.sha256:
        raise ResultMissing
    return copy


def _publish(assignment: Assignment, file: engine.RenderedFile) -> StoredFile:
    draft = engine.path_of(assignment.draft, file.format, assignment.spec)
    stamp = assignment.store.publish(draft, assignment.results[file.format])
    return StoredFile(format=file.format, size=file.size, sha256=file.sha256, stamp=stamp)


@contextmanager
def _store_faults() -> Iterator[None]:
    """Turn the system's errors into faults of the host, except those that a large result causes."""
    try:
        yield
    except StorageUnavailable as error:
        raise HostFault(f"Results can't be written or read. {error.reason}".strip()) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise HostFault(f"Results can't be written: {error.strerror}.") from error
