"""The interface of all data sources: Arrow record batches for one query, within limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import pyarrow as pa

from reports.parameters.values import TypedValue
from reports.sources.drivers.operators import OperatorRules
from reports.sources.drivers.urls import dialect_of
from reports.sources.lake.url import LakeRules
from reports.sources.locations import LocationRules
from reports.sources.server_rules import ServerRules

#: Schema ("" where queries needn't name it), table, column and type.
CatalogRow = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """Where rows come from. `location` is a path or a URL; a URL may contain a password, so repr leaves it out."""

    kind: str
    location: str = field(repr=False)
    #: Where it may lie or lead to; None: anywhere.
    rules: LocationRules | ServerRules | OperatorRules | LakeRules | None = None
    #: Of uploads: the paths of the tables, in place of all files in the location.
    files: tuple[str, ...] | None = None

    @property
    def dialect(self) -> str:
        """The SQL dialect, as `placeholders.DIALECTS` names it."""
        if self.kind == "sql":
            return "mysql" if self.location.startswith(("mysql", "mariadb")) else "standard"
        if self.kind in ("adbc", "odbc"):
            return dialect_of(self.location)
        return "duckdb" if self.kind in ("files", "lake") else self.kind


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one query. `temp_dir` is a folder for spilling; the source creates it if it needs it."""

    timeout_seconds: int
    memory_bytes: int
    temp_dir: Path


@dataclass(frozen=True)
class Rows:
    """The result of a running query. Each batch is read from the source when it is requested."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    #: The planner's estimate, which may be far off; None if it gives none.
    expected_rows: int | None = None
    #: Whether an earlier run, which kept these rows, may have left some out.
    may_be_cut: bool = False


@dataclass(frozen=True)
class QueryDescription:
    """A query that was prepared but not run.

    `certain` is False if the types were inferred from the first rows instead of being reported by the engine.
    """

    schema: pa.Schema
    expected_rows: int | None = None
    certain: bool = True


#: A connection whose queries all see the data as they were at one moment. None: there is no such thing.
Snapshot = Any


class Source(Protocol):
    """One kind of data source. It opens the source read-only by the engine's own means and binds every value."""

    kind: ClassVar[str]

    def read(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> AbstractContextManager[Rows]:
        """Run one query. Raises RunError when opening it or while batches are read."""
        ...

    def describe(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> QueryDescription:
        """Prepare one query within the limits. Raises RunError."""
        ...


@runtime_checkable
class SnapshotSource(Source, Protocol):
    """One whose engine can answer several queries from one state of the data."""

    def snapshot(self, spec: SourceSpec, limits: Limits) -> AbstractContextManager[Snapshot]:
        """Open a snapshot, in which one query after the other can be read to its end. Raises RunError."""
        ...

    def read(
        self,
        spec: SourceSpec,
        query: str,
        values: Mapping[str, TypedValue],
        limits: Limits,
        snapshot: Snapshot = None,
    ) -> AbstractContextManager[Rows]:
        """Run one query, in an open snapshot or in a connection of its own."""
        ...


@runtime_checkable
class CatalogSource(Source, Protocol):
    """One whose driver lists tables, so that no query is needed that each database would write differently."""

    def columns(self, spec: SourceSpec, limits: Limits, most: int) -> list[CatalogRow]:
        """Return one row for each column of a table, those of a table in order. Raises RunError."""
        ...


class SchemaWidened(Exception):
    """A value does not fit the announced schema. `source` reads the same query with a schema that it fits."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
