"""Checks of a report's queries in the SQL dialect of its data source, and what they use."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reports.choices.queries import errors as choices_errors
from reports.choices.queries import used_names
from reports.definitions.errors import FieldErrors, join_path
from reports.definitions.report import ReportDefinition
from reports.exceptions import QueryFailed
from reports.parameters.caller import caller_names, undefined
from reports.parameters.declarations import Parameter
from reports.sources import placeholders


def query_errors(
    report: ReportDefinition,
    dialect: str,
    choices_dialects: Mapping[str, str] | None = None,
    caller: Collection[str] = (),
) -> FieldErrors:
    """Check the queries in their dialect: each is one statement; together they use all declared parameters, and no
    others.

    A parameter may also be used by the choices query of another one. `choices_dialects` are by data source.
    `caller` has the names of the caller's attributes that may be used.
    """
    declared = [parameter.declaration() for parameter in report.parameters]
    dialects = {each.name: _choices_dialect(each, dialect, choices_dialects or {}) for each in declared}
    positions = {parameter.name: at for at, parameter in enumerate(declared)}
    errors: FieldErrors = {
        join_path(f"parameters[{positions[name]}]", field): sentences
        for name, fields in choices_errors(declared, dialects, caller).items()
        for field, sentences in fields.items()
    }
    queries = report.queries()
    refused = _refused(queries, dialect)
    if refused:
        return errors | refused
    used = {path: placeholders.names(query, dialect) for path, query in queries.items()}
    known = {name for names in used.values() for name in names}
    known |= {name for each in declared for name in used_names(each, dialects[each.name])}
    unused = "No section uses :{}." if report.sections else "The query doesn't use :{}."
    errors |= {f"parameters[{at}].name": [unused.format(name)] for name, at in positions.items() if name not in known}
    undeclared = {
        path: [undefined(name) for name in names if name not in positions and name not in caller]
        for path, names in used.items()
    }
    return {path: sentences for path, sentences in undeclared.items() if sentences} | errors


def _refused(queries: Mapping[str, str], dialect: str) -> FieldErrors:
    errors: FieldErrors = {}
    for path, query in queries.items():
        try:
            placeholders.single_statement(query, dialect)
        except QueryFailed as error:
            errors[path] = [error.message]
    return errors


def definition_caller_names(report: ReportDefinition, dialects: Mapping[str | None, str]) -> list[str]:
    """Return the caller's attributes that the queries use. `dialects` are by data source; None is the report's."""
    declared = [parameter.declaration() for parameter in report.parameters]
    names = [name for query in report.queries().values() for name in placeholders.names(query, dialects[None])]
    for each in declared:
        if each.choices_query:
            names += placeholders.names(each.choices_query.query, dialects[each.choices_query.data_source])
    return caller_names(names, [each.name for each in declared])


def _choices_dialect(parameter: Parameter, dialect: str, dialects: Mapping[str, str]) -> str:
    source = parameter.choices_query.data_source if parameter.choices_query else None
    return dialect if source is None else dialects.get(source, "standard")
