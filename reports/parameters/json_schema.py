"""JSON Schema of a report's parameters, for clients of the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reports.parameters.date_math import DATE_TYPES, PATTERN
from reports.parameters.declarations import Parameter
from reports.parameters.limits import max_length
from reports.parameters.scalars import SCALARS
from reports.parameters.values import MAX_VALUES


def json_schema(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the `parameters` object that the API takes."""
    declared = list(parameters)
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {parameter.name: _property_schema(parameter) for parameter in declared},
        "additionalProperties": False,
    }
    if required := [parameter.name for parameter in declared if parameter.required and parameter.default is None]:
        schema["required"] = required
    return schema


def _property_schema(parameter: Parameter) -> dict[str, Any]:
    item: dict[str, Any] = dict(SCALARS[parameter.type].schema)
    if parameter.type == "string":
        item["maxLength"] = max_length(parameter)
    if parameter.pattern:
        # Anchored: JSON Schema looks for a match anywhere in the text.
        item["pattern"] = f"^(?:{parameter.pattern})$"
    if parameter.choices:
        item["enum"] = list(parameter.choices)
    if parameter.type in ("integer", "number"):
        bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum}
        item |= {keyword: bound for keyword, bound in bounds.items() if bound is not None}
    if parameter.type in DATE_TYPES and not parameter.choices:
        item = {"type": "string", "anyOf": [{"format": item["format"]}, {"pattern": PATTERN}]}
    schema = item
    if parameter.multiple:
        schema = {"type": "array", "items": item, "maxItems": MAX_VALUES}
        if parameter.required:
            schema["minItems"] = 1
    schema["title"] = parameter.title
    if parameter.help:
        schema["description"] = parameter.help
    if parameter.choices_query:
        # The values are those of the call `choices`, for the values of these parameters.
        schema["x-choicesQuery"] = {"parents": list(parameter.choices_query.parents)}
    if parameter.default is not None:
        schema["default"] = parameter.default
    return schema
