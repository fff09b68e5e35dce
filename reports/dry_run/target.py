"""What is looked at before it is run: a report as it is stored, or a definition that somebody is still writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reports.definitions import ReportDefinition
from reports.models import ReportVersion
from reports.parameters.values import Parameter, TypedValue, typed_values
from reports.rendering.base import TotalsOptions
from reports.run_spec import totals_options
from reports.sources.base import SourceSpec


@dataclass(frozen=True)
class Column:
    """A column of the result; its type as Arrow calls it."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class DryRunTarget:
    """What is looked at: a version as it is stored, or a definition that somebody is still writing."""

    source: SourceSpec
    query: str
    parameters: list[Parameter]
    formats: list[str]
    max_rows: int | None
    totals: TotalsOptions | None = None
    #: For its document: what stands in its head, and how it is designed.
    name: str = ""
    description: str = ""
    version: int = 1
    template: str | None = None
    chart: Mapping[str, Any] | None = None

    @classmethod
    def of_version(cls, version: ReportVersion) -> DryRunTarget:
        """Raises SourceMissing."""
        return cls(
            source=version.source(),
            query=version.query,
            parameters=version.declared(),
            formats=version.formats,
            max_rows=version.max_rows,
            totals=totals_options(version.options),
            name=version.name,
            description=version.description,
            version=version.number,
            template=version.options.get("template"),
            chart=version.options.get("chart"),
        )

    @classmethod
    def of_definition(cls, definition: ReportDefinition, source: SourceSpec) -> DryRunTarget:
        return cls(
            source=source,
            query=definition.query,
            parameters=[parameter.declaration() for parameter in definition.parameters],
            formats=list(definition.formats),
            max_rows=definition.max_rows,
            totals=totals_options(definition.options()),
            name=definition.name,
            description=definition.description,
            template=definition.template,
            chart=definition.chart,
        )

    def values(self, given: Mapping[str, object]) -> dict[str, TypedValue]:
        """The values with their types; a required one that is not given is NULL. Raises InvalidParameters."""
        return typed_values([replace(parameter, required=False) for parameter in self.parameters], given)
