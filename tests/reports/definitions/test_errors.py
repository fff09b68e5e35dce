"""Errors of definitions: paths and sentences."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import AfterValidator, ValidationError

from reports.definitions.base import Definition
from reports.definitions.errors import (
    MAX_ERRORS,
    InvalidFields,
    duplicates,
    errors_in,
    from_pydantic,
    invalid_definition,
    join_path,
    path_from_parts,
)
from reports.exceptions import InvalidDefinition


@pytest.mark.parametrize(
    ("path", "below", "joined"),
    [
        ("reports[0]", "name", "reports[0].name"),
        ("reports[0]", "[1]", "reports[0][1]"),
        ("reports[0]", "", "reports[0]"),
        ("", "name", "name"),
    ],
)
def test_paths_are_joined(path, below, joined):
    assert join_path(path, below) == joined


def test_a_path_is_written_with_dots_and_brackets_and_long_keys_are_cut():
    assert path_from_parts(("reports", 0, "parameters", 2, "type")) == "reports[0].parameters[2].type"
    assert path_from_parts(("x" * 100,)) == "x" * 60


def test_every_later_duplicate_is_reported():
    sentence = ["Duplicate of an earlier entry."]
    assert duplicates("users", ["a", "b", "a", "a"], "username") == {
        "users[2].username": sentence,
        "users[3].username": sentence,
    }
    assert duplicates("formats", ["csv", "csv"]) == {"formats[1]": sentence}


def test_errors_survive_the_exception_and_are_limited():
    errors = {f"reports[{at}]": ["Wrong."] for at in range(MAX_ERRORS + 1)}
    assert errors_in(invalid_definition(errors)) == {f"reports[{at}]": ["Wrong."] for at in range(MAX_ERRORS)}
    assert errors_in(InvalidDefinition("Wrong.")) == {"": ["Wrong."]}


def test_errors_below_a_field_get_its_path_and_values_are_not_quoted():
    def check(value: str) -> str:
        raise InvalidFields({"a": ["Wrong."], "[1]": ["Wrong, too."]})

    class Thing(Definition):
        field: Annotated[str, AfterValidator(check)]
        number: int

    with pytest.raises(ValidationError) as caught:
        Thing.model_validate({"field": "hush", "number": "hush", "other": 1})
    assert errors_in(from_pydantic(caught.value)) == {
        "field.a": ["Wrong."],
        "field[1]": ["Wrong, too."],
        "number": ["Must be a whole number."],
        "other": ["Unknown field."],
    }
