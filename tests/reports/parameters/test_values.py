"""Values of parameters: checked all at once, stored, and shown to people."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given

from reports.exceptions import InvalidParameters
from reports.parameters.declarations import Parameter
from reports.parameters.values import TypedValue, display_by_label, stored_values, to_json, typed_values
from tests.reports.parameters.declared import NOON, PARAMETERS, RAW_VALUES, accepted, refused


def test_all_errors_are_reported_at_once_with_unknown_names():
    parameters = [
        Parameter(name="a", type="integer", required=True),
        Parameter(name="b", type="date"),
        Parameter(name="c", type="string"),
    ]
    with pytest.raises(InvalidParameters) as caught:
        typed_values(parameters, {"b": "soon", "c": "fine", "d": 1, "x" * 500: 1}, NOON)
    assert set(caught.value.fields) == {"a", "b", "d", "x" * 63 + "…"}
    assert caught.value.fields["a"] == ["This parameter is required."]


def test_null_means_not_given():
    assert accepted("integer", None) is None
    assert accepted("integer", None, default=7) == 7
    assert refused("integer", None, required=True) == ["This parameter is required."]


def test_the_default_is_used_even_for_a_required_parameter():
    parameter = Parameter(name="p", type="date", required=True, default="2013-12-31")
    assert typed_values([parameter], {}, NOON)["p"] == TypedValue("date", date(2013, 12, 31))


def test_a_list_of_values_is_checked_value_by_value():
    assert accepted("integer", [1, 2], multiple=True) == (1, 2)
    assert accepted("integer", [], multiple=True) == ()
    assert accepted("integer", None, multiple=True) is None
    assert accepted("integer", ["1", "", "2"], multiple=True, from_text=True) == (1, 2)
    assert accepted("integer", "1", multiple=True, from_text=True) == (1,)
    assert refused("integer", [1, "x", True], multiple=True)[0].startswith("Value 2: Must be a whole number")
    assert refused("integer", 1, multiple=True) == ["Must be a list of values, each a whole number."]
    assert refused("integer", [], multiple=True, required=True) == ["Must have at least one value."]
    assert refused("integer", [1] * 1_001, multiple=True) == ["Must have at most 1,000 values."]
    assert len(refused("integer", ["x"] * 1_000, multiple=True)) == 11


@given(RAW_VALUES)
def test_stored_values_are_read_back_equal(raw):
    try:
        values = typed_values(PARAMETERS, raw, NOON)
    except InvalidParameters:
        assert "\0" in raw.get("s", "") or 0 < abs(raw.get("n", 0)) < 1e-300
        return
    stored = json.loads(json.dumps(to_json(values)))
    assert stored_values(PARAMETERS, stored) == typed_values(PARAMETERS, stored, NOON) == values


def test_display_texts_have_labels_and_plain_words():
    values = typed_values(PARAMETERS, {"d": "2013-01-01", "b": True, "n": 1e20, "t": ["2013-01-01T10:00Z"]}, NOON)
    assert display_by_label(PARAMETERS, values) == {
        "Carrier": "(not given)",
        "i": "3",
        "n": "100000000000000000000",
        "b": "yes",
        "d": "2013-01-01",
        "t": "2013-01-01 10:00:00 UTC",
    }


def test_two_parameters_with_the_same_label_are_both_shown():
    two = [Parameter(name=n, type="integer", label="Day", default=1) for n in ("a", "b")]
    assert list(display_by_label(two, typed_values(two, {}, NOON))) == ["Day", "Day (b)"]
