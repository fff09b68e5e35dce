"""The seam between a data source and everything after it: Arrow record batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

import pyarrow as pa

from reports.parameters.values import TypedValue


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """Where rows come from. `location`: a path, or a URL that may hold a password and so stays out of repr."""

    kind: str
    location: str = field(repr=False)

    @property
    def dialect(self) -> str:
        """Which SQL it speaks, for reports.sources.placeholders."""
        if self.kind == "sql":
            return "mysql" if self.location.startswith(("mysql", "mariadb")) else "standard"
        return "duckdb" if self.kind == "files" else self.kind


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one query may use: wall time in seconds, memory in bytes, and a folder of its own for spilling, made by
    whoever has something to put there."""

    timeout_seconds: int
    memory_bytes: int
    temp_dir: Path


@dataclass(frozen=True)
class Rows:
    """A result being read: its schema, and its batches, each read from the source when asked for."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    #: How many rows the engine's planner expects, which may be far off; None where it has no idea.
    expected: int | None = None


@dataclass(frozen=True)
class Described:
    """A query that was prepared and not run. `certain`: whether the types are the engine's own, not seen in rows."""

    schema: pa.Schema
    expected: int | None = None
    certain: bool = True


class Source(Protocol):
    """One kind of data source. Opens it read-only by the engine's own means and binds every value."""

    kind: ClassVar[str]

    def read(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> AbstractContextManager[Rows]:
        """Run one query. Raises the RunErrors of reports.exceptions, at opening or while batches are read."""
        ...

    def describe(self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits) -> Described:
        """Prepare one query, in the time that limits allow. Raises RunErrors."""
        ...


class SchemaWidened(Exception):
    """A value does not fit the schema that was announced. `source` reads the same query with one that holds it."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
