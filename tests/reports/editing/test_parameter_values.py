"""A parameter's default, limits and choices as text in a form, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.editing.parameter_values import parse_values, value_text


@pytest.mark.parametrize(
    ("declared_type", "text", "value"),
    [
        ("integer", "12", 12),
        ("integer", " -5 ", -5),
        ("integer", "5.5", "5.5"),
        ("number", "0.25", 0.25),
        ("boolean", "yes", True),
        ("boolean", "perhaps", "perhaps"),
        ("date", "2024-01-01", "2024-01-01"),
        ("string", "12", "12"),
        ("string", '" blank "', " blank "),
        ("string", '""', ""),
        ("string", '"not JSON', '"not JSON'),
        ("string", "", None),
    ],
)
def test_a_default_has_the_declared_type(declared_type: str, text: str, value: Any) -> None:
    assert parse_values({"type": declared_type, "default": text}).get("default") == value


@pytest.mark.parametrize(("text", "value"), [("1\n\n 2 \n", [1, 2]), ("[]", []), ("", None)])
def test_a_default_of_several_values_has_one_per_line(text: str, value: list[int] | None) -> None:
    assert parse_values({"type": "integer", "multiple": True, "default": text}).get("default") == value


def test_choices_and_limits_have_the_declared_type() -> None:
    parsed = parse_values({"type": "integer", "choices": ["1", "x"], "minimum": "0", "maximum": ""})
    assert parsed == {"type": "integer", "choices": [1, "x"], "minimum": 0}


@given(st.text() | st.booleans() | st.none())
def test_every_string_and_boolean_is_read_as_it_was_shown(value: str | bool | None) -> None:
    declared_type = "boolean" if isinstance(value, bool) else "string"
    assert parse_values({"type": declared_type, "default": value_text(value)}).get("default") == value


@given(st.integers(-(10**18), 10**18) | st.floats(-(2**53), 2**53, allow_subnormal=False))
def test_every_number_is_read_as_it_was_shown(value: float) -> None:
    assert parse_values({"type": "number", "default": value_text(value)})["default"] == value


@given(st.lists(st.text()))
def test_every_list_of_strings_is_read_as_it_was_shown(values: list[str]) -> None:
    text = "\n".join(map(value_text, values)) or "[]"
    assert parse_values({"type": "string", "multiple": True, "default": text})["default"] == values
