"""Definitions of choices queries that can't work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports.definitions.errors import errors_in
from reports.exceptions import InvalidDefinition
from tests.reports.choices.conftest import with_choices
from tests.reports.definitions.sample_file import apply_definitions

pytestmark = pytest.mark.django_db


def errors(tmp_path: Path, *parameters: dict[str, Any], query: str) -> dict[str, list[str]]:
    """Return the errors of a report with these parameters, by field."""
    with pytest.raises(InvalidDefinition) as caught:
        apply_definitions(tmp_path, with_choices(parameters=list(parameters), query=query))
    return {path.partition(": ")[2] or path: sentences for path, sentences in errors_in(caught.value).items()}


def parameter(name: str, query: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", "choices_query": {"query": query}, **fields}


def test_choices_and_a_query_exclude_each_other(tmp_path: Path) -> None:
    found = errors(tmp_path, parameter("a", "select 1", choices=["x"]), query="select :a")
    assert found == {"reports[0].parameters[0].choices_query": ["Use either choices or choices_query, not both."]}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("select :a", "The choices of a can't depend on a itself."),
        ("select :nobody", ":nobody isn't defined. Add it as a parameter."),
        ("select 1; select 2", "The query has more than one statement. A report must have exactly one."),
    ],
)
def test_a_query_that_cannot_work(query: str, sentence: str, tmp_path: Path) -> None:
    found = errors(tmp_path, parameter("a", query), query="select :a")
    assert found == {"reports[0].parameters[0].choices_query.query": [sentence]}


def test_choices_that_depend_on_each_other(tmp_path: Path) -> None:
    one, two = parameter("one", "select :two"), parameter("two", "select :one")
    found = errors(tmp_path, one, two, query="select :one, :two")
    assert list(found) == [f"reports[0].parameters[{at}].choices_query.query" for at in (0, 1)]
    assert found.popitem()[1][0].startswith("These choices depend on each other: ")


def test_an_unknown_data_source(tmp_path: Path) -> None:
    one = parameter("one", "select 1")
    one["choices_query"]["data_source"] = "nowhere"
    found = errors(tmp_path, one, query="select :one")
    assert found == {
        "reports[0].parameters[0].choices_query.data_source": ["Data source nowhere does not exist in this tenant."]
    }


def test_a_parameter_may_be_used_by_choices_alone(tmp_path: Path) -> None:
    one, two = parameter("one", "select 1"), parameter("two", "select :one")
    apply_definitions(tmp_path, with_choices(parameters=[one, two], query="select :two"))
