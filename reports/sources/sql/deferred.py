"""SQL databases, read by a module that is imported on first use: SQLAlchemy would cost every command 0.3 s."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from reports.parameters.values import TypedValue
from reports.sources.base import Limits, QueryDescription, Rows, Snapshot, SourceSpec
from reports.sources.rights import Excess


class DeferredSqlSource:
    """What `reports.sources.sql.source` does, under the same names."""

    kind: ClassVar[str] = "sql"

    def read(
        self,
        spec: SourceSpec,
        query: str,
        values: Mapping[str, TypedValue],
        limits: Limits,
        snapshot: Snapshot = None,
    ) -> AbstractContextManager[Rows]:
        rows: AbstractContextManager[Rows] = self.load().SqlSource().read(spec, query, values, limits, snapshot)
        return rows

    def snapshot(self, spec: SourceSpec, limits: Limits) -> AbstractContextManager[Snapshot]:
        opened: AbstractContextManager[Snapshot] = self.load().SqlSource().snapshot(spec, limits)
        return opened

    def describe(
        self, spec: SourceSpec, query: str, values: Mapping[str, TypedValue], limits: Limits
    ) -> QueryDescription:
        description: QueryDescription = self.load().SqlSource().describe(spec, query, values, limits)
        return description

    def excess_rights(self, spec: SourceSpec, limits: Limits) -> list[Excess]:
        rights: list[Excess] = self.load().excess_rights(spec, limits)
        return rights

    def end_orphaned_query(self, spec: SourceSpec, temp_dir: Path) -> None:
        self.load().end_orphaned_query(spec.location, temp_dir)

    @staticmethod
    def load() -> ModuleType:
        from reports.sources.sql import source

        return source
