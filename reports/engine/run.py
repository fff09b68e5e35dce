"""From a source to finished files: each batch of rows is handed to the writer of each format in turn."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO, NamedTuple

from reports.engine.detachable_file import detachable
from reports.engine.limiter import Limiter, size_text
from reports.engine.outputs import Outputs
from reports.engine.phases import Phases
from reports.engine.reading import OpenRows, reading
from reports.engine.spec import RenderedFile, RunResult, RunSpec
from reports.exceptions import DesignMismatch, FormatCannotHold, OutOfSpace, QueryFailed, ResultTooLarge
from reports.kept_rows import file as kept_rows
from reports.kept_rows import pieces
from reports.kept_rows.pieces import Pieces
from reports.rendering.base import Section, in_section
from reports.sources.base import Rows, SchemaWidened, Source
from reports.sources.deadline import Deadline

#: Called after every batch with the rows and bytes so far, and the estimated number of rows in total, if there is one.
ReportProgress = Callable[[int, int, int | None], None]
#: The files that a run writes, by format, and those of the kept rows, the pieces and their spool.
Files = Mapping[str, BinaryIO]


class _Written(NamedTuple):
    """How many rows were written, why there are no more, whether they were kept, the digest of what they say, and the
    pieces that they were divided into."""

    rows: int
    truncated: str | None
    is_kept: bool
    content_digest: str
    pieces: Pieces | None


def path_of(path: Path, format: str, spec: RunSpec) -> Path:
    """Return where a run that was given `path` writes the file of this format: there, or beside the first one."""
    return path if format == spec.formats[0] else path.with_name(f"{path.name}.{format}")


def run(spec: RunSpec, path: Path, report_progress: ReportProgress) -> RunResult:
    """Write the files at their `path_of` and flush them to the disk.

    Raises RunErrors. After an exception there are no files, also when `report_progress` raised it to stop the run.
    """
    deadline, phases = Deadline(spec.limits.timeout_seconds), Phases()
    names = [*spec.formats]
    names += [kept_rows.NAME] if spec.keep_rows else []
    names += [pieces.NAME, pieces.SPOOL] if spec.split else []
    paths = {name: path_of(path, name, spec) for name in names}
    try:
        with storage_errors(), ExitStack() as opened:
            files = {name: opened.enter_context(path.open("w+b")) for name, path in paths.items()}
            written = _read_and_write(spec, files, deadline, report_progress, phases)
            phases.enter("publish")
            finished = tuple(_finished(format, files[format]) for format in spec.formats)
            kept = _finished(kept_rows.NAME, files[kept_rows.NAME]) if written.is_kept else None
            divided = _finished(pieces.NAME, files[pieces.NAME]) if spec.split else None
        if spec.keep_rows and not kept:
            paths[kept_rows.NAME].unlink()
        if spec.split:
            paths[pieces.SPOOL].unlink()
        return RunResult(
            written.rows,
            written.truncated,
            finished,
            kept,
            written.content_digest,
            divided,
            written.pieces,
            phases.end(),
        )
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


def _read_and_write(
    spec: RunSpec, files: Files, deadline: Deadline, report_progress: ReportProgress, phases: Phases
) -> _Written:
    """Read the rows and write them into all files.

    Starts again when the source meets a value that the announced type of a column can't hold; each time, types get
    wider.
    """
    learned: dict[str, Source] = {}
    while True:
        try:
            with ExitStack() as stack:
                outs = {name: stack.enter_context(detachable(file)) for name, file in files.items()}
                with reading(spec, deadline, learned) as open_rows:
                    return _Writing(spec, outs, deadline, report_progress, phases).write(open_rows)
        except SchemaWidened:
            deadline.check()
            for file in files.values():
                file.seek(0)
                file.truncate()


@contextmanager
def _naming(section: Section | None) -> Iterator[None]:
    """Say in errors of authors in which section they are."""
    try:
        yield
    except (QueryFailed, DesignMismatch, FormatCannotHold) as error:
        if section:
            error.message = in_section(section, error.message)
        raise


class _Writing:
    """The rows of a run on their way into its files."""

    def __init__(
        self, spec: RunSpec, outs: Files, deadline: Deadline, report_progress: ReportProgress, phases: Phases
    ) -> None:
        self._spec = spec
        self._outputs = Outputs(spec, outs)
        self._outs = {format: outs[format] for format in spec.formats}
        self._deadline = deadline
        self._report_progress = report_progress
        self._phases = phases
        self._sizes = [out.tell for out in self._outs.values()]
        renderers = list(self._outputs.renderers.values())
        self._limiter = Limiter(spec, renderers, largest=lambda: max(size() for size in self._sizes))

    def write(self, open_rows: OpenRows) -> _Written:
        spec, limiter = self._spec, self._limiter
        rows_of_section = {}
        sections: Sequence[Section | None] = spec.document.sections or [None]
        for section in sections:
            self._phases.enter("connect")
            with _naming(section), open_rows(section, is_cut=bool(limiter.truncated)) as rows:
                rows_of_section[section and section.name] = self._write_section(section, rows)
        truncated = limiter.truncated or spec.truncated
        self._outputs.close(rows=limiter.rows, truncated=truncated)
        self._check_sizes()
        self._report_progress(limiter.rows, self._size(), limiter.rows)
        rows_in_files = limiter.rows
        if not self._outputs.has_all_sections:
            rows_in_files = rows_of_section[spec.section or spec.document.sections[0].name]
        outputs = self._outputs
        return _Written(rows_in_files, truncated, outputs.is_kept, outputs.content_digest, outputs.pieces)

    def _write_section(self, section: Section | None, rows: Rows) -> int:
        """Write the rows that the limits allow. Return how many these are."""
        spec, limiter = self._spec, self._limiter
        writers = self._outputs.begin(section, rows.schema)
        before, total = limiter.rows, rows.expected_rows
        if section and section is not spec.document.sections[-1]:
            # Nobody knows how many rows the following ones have.
            total = None
        if total is not None:
            total += before
            total = total if spec.max_rows is None else min(total, spec.max_rows)
        for batch in self._phases.of_batches(rows.batches if not limiter.truncated else ()):
            self._deadline.check()
            for part in limiter.allowed_parts(batch):
                for writer in writers:
                    writer.write(part)
            self._report_progress(limiter.rows, self._size(), total)
            if limiter.truncated:
                break
        truncated = limiter.truncated or (spec.truncated if rows.may_be_cut else None)
        for writer in writers:
            self._deadline.check()
            writer.close(rows=limiter.rows - before, truncated=truncated)
        return limiter.rows - before

    def _size(self) -> int:
        return sum(size() for size in self._sizes)

    def _check_sizes(self) -> None:
        """Raise ResultTooLarge for a file whose size is only known at its end."""
        limit = self._spec.max_bytes
        for format, renderer in self._outputs.renderers.items():
            if not renderer.streams and limit is not None and self._outs[format].tell() > limit:
                raise ResultTooLarge(
                    f"The {format} file is larger than the {size_text(limit)} that the report allows. Narrow the "
                    "parameters."
                )
