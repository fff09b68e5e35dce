"""The files that one query reads: whether they stay the same, and what their errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from reports.exceptions import RunError, SourceUnusable
from reports.sources.base import SchemaWidened, Source
from reports.sources.deadline import Deadline
from reports.sources.duckdb.engine import Exposed
from reports.sources.errors import run_error
from reports.sources.files.compression import check_compressed
from reports.sources.files.faults import CHANGED, MISSING, file_fault, named_fault
from reports.sources.files.json import check_json
from reports.sources.files.parquet import check_parquet
from reports.sources.files.text_types import DEVIATION

#: Errors of the query itself: no file can cause them.
_QUERY_ERRORS = re.compile(
    r"(Parser|Binder|Catalog|Conversion|Out of Range|Permission|Out of Memory|INTERRUPT|Syntax) Error"
)
#: To find out whose fault an error is, a file is read once more, for so many seconds at most.
_CHECK_SECONDS = 20
_CHANGED = "A file of the data source changed while it was read. Run the report again."


class OpenFiles(Exposed):
    """Files as they were when they were opened. `wider` reads the query again with types that fit whole files."""

    def __init__(self, paths: Sequence[Path], wider: Source | None) -> None:
        self.paths = [str(path) for path in paths]
        self._states = {path: _state(path) for path in paths}
        self._wider = wider

    def check_complete(self, deadline: Deadline) -> None:
        for path in self._states:
            check_compressed(path, deadline)
        self._check_unchanged()

    def error_for(self, error: Exception) -> Exception | None:
        text = str(error)
        try:
            self._check_unchanged()
            if DEVIATION in text:
                # Types that were taken from the whole file fit it, unless it has changed.
                return SchemaWidened(self._wider) if self._wider else run_error(SourceUnusable, _CHANGED, error)
            if _QUERY_ERRORS.match(text):
                return None
            deadline = Deadline(_CHECK_SECONDS)
            for path in self._states:
                check_compressed(path, deadline)
            for path in self._states:
                check_json(path, text, deadline)
            if fault := named_fault(text, self._states):
                return fault
            for path in self._states:
                check_parquet(path, text, deadline)
        except SourceUnusable as fault:
            return fault
        except RunError:
            # The check took too long.
            return None
        return None

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Raise the fault of a file, or SchemaWidened, instead of an error of DuckDB that it explains."""
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            translated = self.error_for(error)
            if translated is None:
                raise
            raise translated from error

    def _check_unchanged(self) -> None:
        for path, before in self._states.items():
            now = _state(path)
            if now != before:
                raise file_fault(path, CHANGED if now else MISSING)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None if it doesn't exist."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
