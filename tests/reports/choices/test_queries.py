"""In which order choices queries are read."""

from __future__ import annotations

from dataclasses import replace

from reports.choices.queries import ParameterChoices, ancestors, parents_first
from reports.parameters.declarations import Parameter
from reports.sources.base import SourceSpec


def _chain(length: int) -> dict[str, ParameterChoices]:
    """Choices of which each depends on all before."""
    parameters = [Parameter(name=f"p{number}", type="string") for number in range(length)]
    source = SourceSpec(kind="sqlite", location="none")
    return {
        parameter.name: ParameterChoices(
            parameter=parameter, query="select 1", source=source, parents=tuple(parameters[:number])
        )
        for number, parameter in enumerate(parameters)
    }


def test_a_hundred_parameters_of_which_each_depends_on_all_before_are_ordered_at_once() -> None:
    choices = _chain(100)
    names = [f"p{number}" for number in range(100)]
    assert [parameter.name for parameter in ancestors("p99", choices)] == names[:-1]
    assert [each.name for each in parents_first([*choices.values()][::-1])] == names


def test_a_parent_without_choices_of_its_own_comes_first() -> None:
    plain = Parameter(name="year", type="integer")
    choices = _chain(2)
    choices["p0"] = replace(choices["p0"], parents=(plain,))
    assert [parameter.name for parameter in ancestors("p1", choices)] == ["year", "p0"]
    assert ancestors("unknown", choices) == []
