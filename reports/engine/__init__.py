"""One run: from a query's rows to files. Knows no jobs, no database rows and no requests."""

from __future__ import annotations

from reports.engine.run import path_of, percent, run, storage_errors
from reports.engine.spec import RenderedFile, RunResult, RunSpec

__all__ = ["RenderedFile", "RunResult", "RunSpec", "path_of", "percent", "run", "storage_errors"]
