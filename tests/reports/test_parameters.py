"""Typed parameters: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.exceptions import InvalidDefinition, InvalidParameters
from reports.parameters.values import (
    Parameter,
    TypedValue,
    contradictions,
    display_by_label,
    json_schema,
    to_json,
    typed_values,
)


def one(type: str, raw: object, *, from_text: bool = False, **more: object) -> object:
    parameter = Parameter.from_dict({"name": "p", "type": type, **more})
    return typed_values([parameter], {"p": raw}, from_text=from_text)["p"].value


def refused(type: str, raw: object, *, from_text: bool = False, **more: object) -> list[str]:
    with pytest.raises(InvalidParameters) as caught:
        one(type, raw, from_text=from_text, **more)
    return caught.value.fields["p"]


@pytest.mark.parametrize(
    ("type", "raw", "value"),
    [
        ("string", "", ""),
        ("string", "Ünïcødé 日本 🛫", "Ünïcødé 日本 🛫"),
        ("string", "'; drop table x; --", "'; drop table x; --"),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("integer", -(2**63), -(2**63)),
        ("integer", 5.0, 5),
        ("integer", -0.0, 0),
        ("integer", 2.0**53, 2**53),
        ("integer", -(2.0**53), -(2**53)),
        ("number", 0.1, Decimal("0.1")),
        ("number", 5, Decimal(5)),
        ("number", 10**37 + 1, Decimal(10**37 + 1)),
        ("number", 1e300, Decimal("1e300")),
        ("boolean", False, False),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("datetime", "2024-02-29T10:00", datetime(2024, 2, 29, 10, tzinfo=UTC)),
        ("datetime", "2024-02-29 10:00:00.25+02:00", datetime(2024, 2, 29, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("datetime", "2024-02-29t10:00:00z", datetime(2024, 2, 29, 10, tzinfo=UTC)),
    ],
)
def test_a_json_value_of_the_declared_type_is_taken_as_it_is(type, raw, value):
    assert one(type, raw) == value


@pytest.mark.parametrize(
    ("type", "raw", "value"),
    [
        ("integer", " 5 ", 5),
        ("integer", "-9223372036854775808", -(2**63)),
        ("number", "0.10", Decimal("0.1")),
        ("number", "1e3", Decimal(1000)),
        ("number", "12345678901234567890", Decimal("12345678901234567890")),
        ("boolean", "On", True),
        ("boolean", "0", False),
        ("date", "2024-01-01", date(2024, 1, 1)),
        ("string", ["x"], "x"),
        ("integer", "", None),
        ("string", [], None),
    ],
)
def test_text_of_a_form_or_command_line_is_read_as_the_declared_type(type, raw, value):
    assert one(type, raw, from_text=True) == value


@pytest.mark.parametrize(
    ("type", "raw", "words"),
    [
        ("string", 5, "Must be a text"),
        ("string", "a\0b", "NUL"),
        ("string", "\ud800", "Unicode"),
        ("string", "x" * 10_001, "at most 10,000 characters"),
        ("integer", True, "not true or false"),
        ("integer", "5", "not the text “5”"),
        ("integer", 5.5, "whole number, not “5.5”"),
        ("integer", 2.0**53 + 2, "whole number"),
        ("integer", 1e300, "whole number"),
        ("integer", float("inf"), "whole number"),
        ("integer", float("nan"), "whole number"),
        ("integer", 2**63, "9223372036854775807"),
        ("integer", 10**4000, "between"),
        ("number", "5", "a number"),
        ("number", True, "a number"),
        ("number", float("nan"), "NaN"),
        ("number", float("-inf"), "infinite"),
        ("number", 10**4000, "so large a number"),
        ("boolean", 1, "true or false"),
        ("boolean", "true", "true or false"),
        ("date", "2023-02-29", "not in the calendar"),
        ("date", "2024-1-1", "like 2013-12-31"),
        ("date", "20240101", "like 2013-12-31"),
        ("date", "2024-W01-1", "like 2013-12-31"),
        ("date", "\u0662\u0660\u0662\u0664-01-01", "like 2013-12-31"),
        ("datetime", "2024-01-01", "like 2013-12-31T23:59:00Z"),
        ("datetime", "2024-01-01T25:00", "not in the calendar"),
        ("datetime", "0001-01-01T00:00+14:00", "not in the calendar"),
        ("string", {"a": 1}, "an object"),
        ("string", ["a"], "a list"),
    ],
)
def test_any_other_json_value_is_refused_with_the_form_that_is_expected(type, raw, words):
    assert words in " ".join(refused(type, raw))


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("integer", "5.0"),
        ("integer", "1_000"),
        ("integer", "٣"),
        ("number", "NaN"),
        ("number", "inf"),
        ("number", "1e9999"),
        ("number", "0.12345678901234567890"),
        ("number", "1" * 500),
        ("boolean", "maybe"),
        ("string", ["a", "b"]),
    ],
)
def test_text_that_is_not_of_the_declared_type_is_refused(type, text):
    assert refused(type, text, from_text=True)


def test_a_huge_value_is_not_repeated_in_the_message():
    assert len(" ".join(refused("integer", "9" * 1_000_000))) < 200
    assert len(" ".join(refused("date", "9" * 1_000_000, from_text=True))) < 200


def test_all_errors_come_at_once_unknown_names_too():
    parameters = [
        Parameter(name="a", type="integer", required=True),
        Parameter(name="b", type="date"),
        Parameter(name="c", type="string"),
    ]
    with pytest.raises(InvalidParameters) as caught:
        typed_values(parameters, {"b": "soon", "c": "fine", "d": 1, "x" * 500: 1})
    assert set(caught.value.fields) == {"a", "b", "d", "x" * 63 + "…"}
    assert caught.value.fields["a"] == ["This parameter is required."]


def test_null_counts_as_not_given():
    assert one("integer", None) is None
    assert one("integer", None, default=7) == 7
    assert refused("integer", None, required=True) == ["This parameter is required."]


def test_a_default_fills_what_is_left_out_even_when_required():
    parameter = Parameter(name="p", type="date", required=True, default="2013-12-31")
    assert typed_values([parameter], {})["p"] == TypedValue("date", date(2013, 12, 31))


def test_bounds_choices_pattern_and_length_are_checked():
    assert refused("integer", 11, maximum=10) == ["Must be 10 or less."]
    assert refused("date", "2012-12-31", minimum="2013-01-01") == ["Must be 2013-01-01 or more."]
    assert refused("string", "x", choices=["a", "b"]) == ["Must be one of: “a”, “b”."]
    assert refused("string", "ab1", pattern="[a-z]+") == ["Must match the pattern [a-z]+."]
    assert refused("string", "abcd", max_length=3) == ["Must be at most 3 characters long; this has 4."]
    assert one("number", 0.5, minimum=0.5, maximum=0.5, choices=[0.5]) == Decimal("0.5")


def test_a_pattern_shortens_what_it_has_to_read():
    assert "at most 1,000" in refused("string", "a" * 1_001, pattern="(a*)*b")[0]


def test_a_list_of_values_is_checked_value_by_value():
    assert one("integer", [1, 2], multiple=True) == (1, 2)
    assert one("integer", [], multiple=True) == ()
    assert one("integer", None, multiple=True) is None
    assert one("integer", ["1", "", "2"], multiple=True, from_text=True) == (1, 2)
    assert one("integer", "1", multiple=True, from_text=True) == (1,)
    assert refused("integer", [1, "x", True], multiple=True)[0].startswith("Value 2: Must be a whole number")
    assert refused("integer", 1, multiple=True) == ["Must be a list of values, each a whole number."]
    assert refused("integer", [], multiple=True, required=True) == ["Must have at least one value."]
    assert refused("integer", [1] * 1_001, multiple=True) == ["Must have at most 1,000 values."]
    assert len(refused("integer", ["x"] * 1_000, multiple=True)) == 11


PARAMETERS = [
    Parameter.from_dict({"name": "s", "type": "string", "label": "Carrier", "help": "Two letters", "max_length": 50}),
    Parameter.from_dict({"name": "i", "type": "integer", "minimum": -5, "default": 3}),
    Parameter.from_dict({"name": "n", "type": "number"}),
    Parameter.from_dict({"name": "b", "type": "boolean"}),
    Parameter.from_dict({"name": "d", "type": "date", "required": True}),
    Parameter.from_dict({"name": "t", "type": "datetime", "multiple": True}),
]
RAW = st.fixed_dictionaries(
    {"d": st.dates().map(str)},
    optional={
        "s": st.text(max_size=50),
        "i": st.integers(-5, 2**63 - 1),
        "n": st.one_of(st.integers(-(10**38) + 1, 10**38 - 1), st.floats(-1e300, 1e300)),
        "b": st.booleans(),
        "t": st.lists(st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat), max_size=4),
    },
)


@given(RAW)
def test_what_is_stored_comes_back_as_the_same_values(raw):
    try:
        values = typed_values(PARAMETERS, raw)
    except InvalidParameters:
        assert "\0" in raw.get("s", "") or 0 < abs(raw.get("n", 0)) < 1e-300
        return
    stored = json.loads(json.dumps(to_json(values)))
    assert typed_values(PARAMETERS, stored) == values


def test_a_whole_number_with_a_fraction_of_zero_is_the_integer_that_the_schema_says_it_is():
    parameter = Parameter.from_dict({"name": "p", "type": "integer", "minimum": 1, "maximum": 5.0, "choices": [4, 5.0]})
    jsonschema.validate({"p": 5.0}, json_schema([parameter]))
    values = typed_values([parameter], {"p": 5.0})
    assert json.dumps(to_json(values)) == '{"p": 5}'
    assert display_by_label([parameter], values) == {"p": "5"}
    assert refused("integer", 6.0, maximum=5) == ["Must be 5 or less."]
    assert one("integer", [1, 2.0], multiple=True) == (1, 2)


@given(RAW)
def test_what_is_accepted_also_fits_the_schema(raw):
    jsonschema.validate(raw, json_schema(PARAMETERS))


def test_the_schema_says_what_a_form_needs_to_know():
    schema = json_schema(PARAMETERS)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["d"]
    assert schema["additionalProperties"] is False
    carrier = {"type": "string", "maxLength": 50, "title": "Carrier", "description": "Two letters"}
    assert schema["properties"]["s"] == carrier
    assert schema["properties"]["i"] == {"type": "integer", "minimum": -5, "title": "i", "default": 3}
    assert schema["properties"]["t"]["items"] == {"type": "string", "format": "date-time"}


def test_people_read_labels_and_plain_words():
    values = typed_values(PARAMETERS, {"d": "2013-01-01", "b": True, "n": 1e20, "t": ["2013-01-01T10:00Z"]})
    assert display_by_label(PARAMETERS, values) == {
        "Carrier": "(not given)",
        "i": "3",
        "n": "100000000000000000000",
        "b": "yes",
        "d": "2013-01-01",
        "t": "2013-01-01 10:00:00 UTC",
    }


def test_two_parameters_with_one_label_are_both_shown():
    two = [Parameter(name=n, type="integer", label="Day", default=1) for n in ("a", "b")]
    assert list(display_by_label(two, typed_values(two, {}))) == ["Day", "Day (b)"]


def test_a_declaration_goes_out_and_back_unchanged():
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
def test_a_wrong_declaration_is_refused_naming_its_key(declaration, key):
    with pytest.raises(InvalidDefinition) as caught:
        Parameter.from_dict(declaration)
    assert key in caught.value.details["fields"]


@pytest.mark.parametrize(
    ("declaration", "faults"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 1}, {"maximum": ["Must be 5 or more, as minimum is."]}),
        ({"type": "date", "minimum": "2024-01-02", "maximum": "2024-01-01"},
         {"maximum": ["Must be 2024-01-02 or more, as minimum is."]}),
        ({"type": "string", "max_length": 2, "choices": ["ab", "abc"]},
         {"choices": ["“abc”: Must be at most 2 characters long; this has 3."]}),
        ({"type": "string", "pattern": "[a-z]", "choices": ["A"]}, {"choices": ["“A”: Must match the pattern [a-z]."]}),
        ({"type": "number", "minimum": 0.5, "choices": [0.25, 0.5]}, {"choices": ["“0.25”: Must be 0.5 or more."]}),
        ({"type": "integer", "minimum": 5, "maximum": 5, "choices": [5]}, {}),
        ({"type": "string", "max_length": 2, "pattern": "[a-z]*", "choices": ["", "ab"]}, {}),
    ],
)  # fmt: skip
def test_a_declaration_that_contradicts_itself_is_told_by_key(declaration, faults):
    assert contradictions(Parameter.from_dict({"name": "p", **declaration})) == faults


def test_of_many_contradictions_the_first_ten_are_told():
    many = Parameter.from_dict({"name": "p", "type": "integer", "maximum": 0, "choices": list(range(1, 1001))})
    (sentences,) = contradictions(many).values()
    assert len(sentences) == 11 and sentences[-1] == "And 990 more."


def test_a_version_that_was_stored_before_contradictions_were_refused_can_still_be_read():
    stored = {"name": "p", "type": "integer", "minimum": 5, "maximum": 1}
    assert Parameter.from_dict(stored).to_dict() == stored
