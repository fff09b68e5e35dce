"""The JSON Schema of parameters that the API publishes."""

from __future__ import annotations

import json

import jsonschema
from hypothesis import given

from reports.parameters import date_math
from reports.parameters.declarations import Parameter
from reports.parameters.json_schema import json_schema
from reports.parameters.values import display_by_label, to_json, typed_values
from tests.reports.parameters.declared import NOON, PARAMETERS, RAW_VALUES, accepted, refused


def test_5_0_is_the_integer_5_as_in_json_schema():
    parameter = Parameter.from_dict({"name": "p", "type": "integer", "minimum": 1, "maximum": 5.0, "choices": [4, 5.0]})
    jsonschema.validate({"p": 5.0}, json_schema([parameter]))
    values = typed_values([parameter], {"p": 5.0}, NOON)
    assert json.dumps(to_json(values)) == '{"p": 5}'
    assert display_by_label([parameter], values) == {"p": "5"}
    assert refused("integer", 6.0, maximum=5) == ["Must be 5 or less."]
    assert accepted("integer", [1, 2.0], multiple=True) == (1, 2)


@given(RAW_VALUES)
def test_accepted_values_are_valid_by_the_schema(raw):
    jsonschema.validate(raw, json_schema(PARAMETERS))


def test_the_schema_has_title_help_limits_and_default():
    schema = json_schema(PARAMETERS)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["d"]
    assert schema["additionalProperties"] is False
    carrier = {"type": "string", "maxLength": 50, "title": "Carrier", "description": "Two letters"}
    assert schema["properties"]["s"] == carrier
    assert schema["properties"]["i"] == {"type": "integer", "minimum": -5, "title": "i", "default": 3}
    assert schema["properties"]["t"]["items"] == {
        "type": "string", "anyOf": [{"format": "date-time"}, {"pattern": date_math.PATTERN}],
    }  # fmt: skip
