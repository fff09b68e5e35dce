"""Declarations of parameters: read, written, and checked."""

from __future__ import annotations

import json
from datetime import date

import pytest

from reports.exceptions import InvalidDefinition
from reports.parameters.declarations import Parameter, contradictions
from tests.reports.parameters.declared import PARAMETERS


def test_a_declaration_is_written_and_read_back_unchanged():
    for parameter in PARAMETERS:
        assert Parameter.from_dict(json.loads(json.dumps(parameter.to_dict()))) == parameter
    full = Parameter.from_dict(
        {"name": "c", "type": "date", "choices": [date(2013, 1, 1)], "default": date(2013, 1, 1)}
    )
    assert full.to_dict() == {"name": "c", "type": "date", "choices": ["2013-01-01"], "default": "2013-01-01"}


@pytest.mark.parametrize(
    ("declaration", "key"),
    [
        ({"type": "integer"}, "name"),
        ({"name": "a"}, "type"),
        ({"name": "1a", "type": "integer"}, "name"),
        ({"name": "a b", "type": "integer"}, "name"),
        ({"name": "a", "type": "int"}, "type"),
        ({"name": "a", "type": "integer", "requierd": True}, "requierd"),
        ({"name": "a", "type": "integer", "required": "yes"}, "required"),
        ({"name": "a", "type": "integer", "default": "5"}, "default"),
        ({"name": "a", "type": "integer", "default": 5, "maximum": 4}, "default"),
        ({"name": "a", "type": "integer", "minimum": "x"}, "minimum"),
        ({"name": "a", "type": "string", "minimum": 1}, "minimum"),
        ({"name": "a", "type": "string", "pattern": "("}, "pattern"),
        ({"name": "a", "type": "string", "max_length": 0}, "max_length"),
        ({"name": "a", "type": "date", "choices": ["x"]}, "choices"),
        ({"name": "a", "type": "date", "choices": "x"}, "choices"),
    ],
)
def test_an_invalid_declaration_is_refused_by_field(declaration, key):
    with pytest.raises(InvalidDefinition) as caught:
        Parameter.from_dict(declaration)
    assert key in caught.value.details["fields"]


@pytest.mark.parametrize(
    ("declaration", "errors"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 1}, {"maximum": ["Must not be below minimum, which is 5."]}),
        ({"type": "date", "minimum": "2024-01-02", "maximum": "2024-01-01"},
         {"maximum": ["Must not be below minimum, which is 2024-01-02."]}),
        ({"type": "string", "max_length": 2, "choices": ["ab", "abc"]},
         {"choices": ["“abc”: Must be at most 2 characters long; this has 3."]}),
        ({"type": "string", "pattern": "[a-z]", "choices": ["A"]}, {"choices": ["“A”: Must match the pattern [a-z]."]}),
        ({"type": "number", "minimum": 0.5, "choices": [0.25, 0.5]}, {"choices": ["“0.25”: Must be 0.5 or more."]}),
        ({"type": "integer", "minimum": 5, "maximum": 5, "choices": [5]}, {}),
        ({"type": "string", "max_length": 2, "pattern": "[a-z]*", "choices": ["", "ab"]}, {}),
    ],
)  # fmt: skip
def test_contradictions_are_reported_by_field(declaration, errors):
    assert contradictions(Parameter.from_dict({"name": "p", **declaration})) == errors


def test_only_the_first_ten_contradictions_are_reported():
    many = Parameter.from_dict({"name": "p", "type": "integer", "maximum": 0, "choices": list(range(1, 1001))})
    (sentences,) = contradictions(many).values()
    assert len(sentences) == 11 and sentences[-1] == "And 990 more."


def test_stored_contradictions_can_still_be_read():
    stored = {"name": "p", "type": "integer", "minimum": 5, "maximum": 1}
    assert Parameter.from_dict(stored).to_dict() == stored
