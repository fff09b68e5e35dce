"""JSON files: an array of objects, or one object per line."""

from __future__ import annotations

from pathlib import Path

import duckdb

from reports.sources.duckdb.engine import string_literal


def json_view(connection: duckdb.DuckDBPyConnection, path: Path, whole_file: bool) -> str:
    """SQL of the file's rows, with types that DuckDB takes from its beginning or all of it."""
    sample = ", sample_size = -1" if whole_file else ""
    return f"from read_json({string_literal(str(path))}{sample})"
