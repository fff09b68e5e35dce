"""Choices queries of a report: which parameters they depend on, in which order they are read, and their errors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from reports.exceptions import QueryFailed
from reports.parameters.caller import PREFIX, undefined
from reports.parameters.declarations import Parameter
from reports.sources import placeholders
from reports.sources.base import SourceSpec

#: Sentences by the path of a field, below the parameter.
_Errors = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class ParameterChoices:
    """A choices query with the data source that it reads. `parents` are the parameters whose values it uses."""

    parameter: Parameter
    query: str
    source: SourceSpec
    parents: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        return self.parameter.name


def errors(parameters: Sequence[Parameter], dialects: Mapping[str, str], caller: Collection[str]) -> dict[str, _Errors]:
    """Return what is wrong with the choices queries, by parameter and then by field.

    `dialects` are by parameter; `caller` has the names of the caller's attributes.
    """
    declared = {parameter.name for parameter in parameters}.union(caller)
    found: dict[str, _Errors] = {}
    for parameter in parameters:
        if parameter.choices_query and (sentences := _errors(parameter, declared, dialects[parameter.name])):
            found[parameter.name] = {"choices_query.query": sentences}
    if not found and (cycle := _cycle(parameters, dialects)):
        sentence = f"These choices depend on each other: {' → '.join(cycle)}."
        found = {name: {"choices_query.query": [sentence]} for name in cycle}
    return found


def used_names(parameter: Parameter, dialect: str) -> list[str]:
    """Return the parameters that the parameter's choices query uses, and names that nobody has declared."""
    names = placeholders.names(parameter.choices_query.query, dialect) if parameter.choices_query else []
    return [name for name in names if not name.startswith(PREFIX)]


def ancestors(name: str, choices: Mapping[str, ParameterChoices]) -> list[Parameter]:
    """Return the parameters on which the choices of this one depend, directly or not, the earliest first."""
    found: dict[str, Parameter] = {}
    waiting = [name]
    while waiting:
        each = choices.get(waiting.pop())
        # Each parameter once: the number of ways from one to another can grow exponentially.
        new = {parent.name: parent for parent in each.parents if parent.name not in found} if each else {}
        found |= new
        waiting += new
    return [found[other] for other in _order(choices.values()) if other in found]


def parents_first(choices: Iterable[ParameterChoices]) -> list[ParameterChoices]:
    """Return the choices in an order in which each comes after those that it depends on."""
    by_name = {each.name: each for each in choices}
    return [by_name[name] for name in _order(by_name.values()) if name in by_name]


def _order(choices: Iterable[ParameterChoices]) -> Iterable[str]:
    return TopologicalSorter({each.name: [parent.name for parent in each.parents] for each in choices}).static_order()


def _errors(parameter: Parameter, declared: set[str], dialect: str) -> list[str]:
    query = parameter.choices_query.query if parameter.choices_query else ""
    try:
        placeholders.single_statement(query, dialect)
    except QueryFailed as error:
        return [error.message]
    used = placeholders.names(query, dialect)
    sentences = [undefined(name) for name in used if name not in declared]
    if parameter.name in used:
        sentences.append(f"The choices of {parameter.name} can't depend on {parameter.name} itself.")
    return sentences


def _cycle(parameters: Sequence[Parameter], dialects: Mapping[str, str]) -> list[str]:
    """Return the names along a cycle, the first one also at the end; nothing without one."""
    queried = [parameter for parameter in parameters if parameter.choices_query]
    sorter = TopologicalSorter({each.name: used_names(each, dialects[each.name]) for each in queried})
    try:
        sorter.prepare()
    except CycleError as error:
        return list(error.args[1])[::-1]
    return []
