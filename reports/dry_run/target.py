"""The subject of a dry run: a stored version of a report, or a definition that isn't stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from accounts.localization import DEFAULT
from reports.choices.queries import ParameterChoices
from reports.parameters.caller import Identity, caller_names, caller_values
from reports.parameters.date_math import Moment
from reports.parameters.declarations import Parameter
from reports.parameters.rules import Rule
from reports.parameters.values import TypedValue, typed_values
from reports.rendering.base import Section, TotalsOptions, in_section, section_of, totals_options
from reports.rendering.columns.options import ColumnOptions, column_options
from reports.sources import placeholders
from reports.sources.base import SourceSpec

if TYPE_CHECKING:
    from reports.definitions import ReportDefinition
    from reports.models import ReportVersion


class DryRunTable(NamedTuple):
    """A query, and how its rows are shown. `section`: None if the report has no sections."""

    query: str
    columns: Mapping[str, ColumnOptions]
    totals: TotalsOptions | None
    chart: Mapping[str, Any] | None
    section: Section | None = None
    compare_by: Sequence[str] = ()

    def named(self, message: str) -> str:
        """Return the message, with the section it is about."""
        return in_section(self.section, message) if self.section else message


@dataclass(frozen=True, kw_only=True)
class DryRunTarget:
    """The parts of a report that checks, previews and estimates need."""

    source: SourceSpec
    query: str
    #: With their queries, in place of the report's own query, columns, totals and chart.
    sections: Sequence[tuple[Section, str]] = ()
    parameters: list[Parameter]
    #: What relative dates in its values are resolved against.
    moment: Moment
    choices: Sequence[ParameterChoices] = ()
    rules: Sequence[Rule] = ()
    #: The attributes of the user who tries it.
    caller: Mapping[str, TypedValue] = field(default_factory=dict, repr=False)
    formats: list[str]
    max_rows: int | None
    columns: Mapping[str, ColumnOptions] = field(default_factory=dict)
    #: Of the document that is previewed.
    locale: str = DEFAULT
    totals: TotalsOptions | None = None
    chart: Mapping[str, Any] | None = None
    compare_by: Sequence[str] = ()
    template: str | None = None
    #: The head of a document shows these.
    name: str = ""
    description: str = ""
    version: int = 1

    @classmethod
    def of_version(cls, version: ReportVersion, moment: Moment, actor: Identity | str) -> DryRunTarget:
        """Raises SourceMissing, and CallerAttributeMissing if it depends on who runs it."""
        return cls(
            source=version.source(),
            query=version.query,
            sections=_sections(version.options),
            parameters=version.declared_parameters(),
            moment=moment,
            choices=version.choices() if version.has_choices_queries else (),
            rules=version.rules,
            caller=caller_values(actor, version.caller_names),
            formats=version.formats,
            max_rows=version.max_rows,
            columns=column_options(version.options),
            totals=totals_options(version.options),
            chart=version.options.get("chart"),
            compare_by=version.options.get("compare_by", ()),
            template=version.options.get("template"),
            name=version.name,
            description=version.description,
            version=version.number,
        )

    @classmethod
    def of_definition(
        cls,
        definition: ReportDefinition,
        source: SourceSpec,
        moment: Moment,
        actor: Identity | str,
        choices: Sequence[ParameterChoices] = (),
    ) -> DryRunTarget:
        """Raises CallerAttributeMissing if its query depends on who runs it. Without `choices`, they aren't checked."""
        parameters = [parameter.declaration() for parameter in definition.parameters]
        queries = [(query, source.dialect) for query in definition.queries().values()]
        queries += [(each.query, each.source.dialect) for each in choices]
        names = [name for query, dialect in queries for name in placeholders.names(query, dialect)]
        return cls(
            source=source,
            query=definition.query,
            sections=_sections(definition.options()),
            parameters=parameters,
            moment=moment,
            choices=choices,
            caller=caller_values(actor, caller_names(names, [parameter.name for parameter in parameters])),
            rules=[Rule(rule.check, rule.message) for rule in definition.rules],
            formats=list(definition.formats),
            max_rows=definition.max_rows,
            columns=column_options(definition.options()),
            totals=totals_options(definition.options()),
            chart=definition.chart,
            compare_by=definition.compare_by,
            template=definition.template,
            name=definition.name,
            description=definition.description,
        )

    def tables(self) -> list[DryRunTable]:
        """Return what it reads: one table, or one for each section."""
        if not self.sections:
            return [DryRunTable(self.query, self.columns, self.totals, self.chart, compare_by=self.compare_by)]
        return [
            DryRunTable(query, section.columns, section.totals, section.chart, section, section.compare_by)
            for section, query in self.sections
        ]

    @property
    def queries(self) -> str:
        """The text of all queries."""
        return ";\n\n".join(table.query for table in self.tables())

    def typed_values(self, values: Mapping[str, object]) -> dict[str, TypedValue]:
        """Return the JSON values with their types, and those of the caller; a missing required one is NULL.

        Raises InvalidParameters.
        """
        optional = [replace(parameter, required=False) for parameter in self.parameters]
        return {**typed_values(optional, values, self.moment, rules=self.rules), **self.caller}


def _sections(options: Mapping[str, Any]) -> list[tuple[Section, str]]:
    return [(section_of(stored), stored["query"]) for stored in options.get("sections", ())]
