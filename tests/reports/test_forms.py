"""A report's parameters as form fields."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.utils.http import urlencode

from reports.exceptions import InvalidParameters
from reports.forms import Field, RunForm, json_values, show_errors
from reports.parameters.declarations import Parameter


def field(submitted: bool = False, data: dict[str, Any] | None = None, **declaration: Any) -> Field:
    parameter = Parameter.from_dict({"name": "p", "type": "string"} | declaration)
    return Field.of(parameter, QueryDict(urlencode(data or {}, doseq=True)), submitted=submitted)


@pytest.mark.parametrize(
    ("declaration", "control"),
    [
        ({}, "input"),
        ({"choices": ["a", "b"]}, "select"),
        ({"type": "boolean"}, "select"),
        ({"type": "boolean", "default": False}, "checkbox"),
        ({"multiple": True}, "lines"),
        ({"multiple": True, "choices": ["a"]}, "checkboxes"),
        ({"multiple": True, "choices": [f"c{number}" for number in range(13)]}, "list"),
    ],
)
def test_the_declaration_chooses_the_control(declaration: dict[str, Any], control: str) -> None:
    assert field(**declaration).control == control


def test_a_field_has_its_default_until_it_is_submitted() -> None:
    assert field(default="x").values == ["x"]
    assert field(default="x", data={"param.p": "y"}).values == ["y"]
    assert field(default="x", submitted=True).values == []
    assert field(type="date", multiple=True, default=["2024-01-01"]).values == ["2024-01-01"]
    assert field(type="datetime", default="2024-01-01T12:00:00+02:00").values == ["2024-01-01T10:00:00"]


def test_several_values_are_submitted_by_line() -> None:
    assert field(multiple=True, data={"param.p": "a\r\n\r\n b "}).values == ["a", "b"]
    assert field(multiple=True, choices=["a b", "c"], data={"param.p": ["a b", "c"]}).values == ["a b", "c"]


def test_values_are_checked_and_errors_shown() -> None:
    assert json_values([field(type="integer", data={"param.p": "5"})]) == {"p": 5}
    invalid = field(type="integer", data={"param.p": "x"})
    with pytest.raises(InvalidParameters) as caught:
        json_values([invalid])
    show_errors([invalid], caught.value)
    assert "whole number" in invalid.errors[0]


def test_the_key_of_a_form_depends_on_its_token_format_and_values() -> None:
    def key(token: str = "t", format: str = "csv", value: str = "x") -> str:
        return RunForm([field(data={"param.p": value})], ["csv", "json"], format, token).key

    assert key() == key()
    assert len({key(), key(token="u"), key(format="json"), key(value="y")}) == 4
    assert key(token="") == ""
