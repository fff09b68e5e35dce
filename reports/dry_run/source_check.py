"""Checks whether a data source answers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from reports.exceptions import RunError
from reports.sources import read
from reports.sources.base import Limits, SourceSpec

#: A check runs in a web process while somebody waits for it.
_SECONDS = 3
_MEMORY_BYTES = 256 * 2**20


class SourceError(NamedTuple):
    """Why a data source doesn't answer: a sentence, and what its driver said."""

    message: str
    driver_message: str


def source_error(spec: SourceSpec) -> SourceError | None:
    """Read one row from the data source; None if that succeeds."""
    # SQLite opens its file only when a query reads from it.
    query = "select count(*) from sqlite_master" if spec.kind == "sqlite" else "select 1 as one"
    with tempfile.TemporaryDirectory(prefix="reportserver-check-") as folder:
        limits = Limits(timeout_seconds=_SECONDS, memory_bytes=_MEMORY_BYTES, temp_dir=Path(folder))
        try:
            with read(spec, query, {}, limits) as rows:
                for _ in rows.batches:
                    pass
        except RunError as error:
            return SourceError(error.message, str(error.details.get("driver", "")))
    return None
