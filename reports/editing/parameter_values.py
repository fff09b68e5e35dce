"""The values in a parameter's declaration (default, bounds, choices) as text in a form, and back.

Their type is the one that the parameter declares. A text in quotation marks is read as JSON, so that blanks, line ends,
an empty text and texts that look like something else can be written.
"""

from __future__ import annotations

import json
from typing import Any

from reports.parameters.scalars import LARGEST_EXACT_FLOAT, SCALARS, InvalidValue

EMPTY_LIST = "[]"


def parse_values(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return the declaration with the texts of its default, bounds and choices as values of the declared type.

    Texts that can't be read as that type stay texts: the check of the whole definition reports them.
    """
    declared_type = str(parameter.get("type", ""))
    parsed = dict(parameter)
    parsed["choices"] = [_parse(declared_type, line) for line in parameter.get("choices", [])] or None
    for name in ("minimum", "maximum", "default"):
        text = parameter.get(name, "").strip()
        if name == "default" and parameter.get("multiple"):
            parsed[name] = _parse_list(declared_type, text)
        else:
            parsed[name] = _parse(declared_type, text) if text else None
    return {name: value for name, value in parsed.items() if value is not None}


def value_text(value: Any) -> str:
    """Return the text that parse_values reads as this value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT:
        # The number 5.0 is a valid integer, the text "5.0" is not.
        return str(int(value))
    if not isinstance(value, str):
        return str(value)
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    would_be_misread = not value or value.strip() != value or value == EMPTY_LIST or is_quoted
    return json.dumps(value) if would_be_misread or not value.isprintable() else value


def _parse_list(declared_type: str, text: str) -> list[Any] | None:
    if text == EMPTY_LIST:
        return []
    lines = [line.strip() for line in text.splitlines()]
    return [_parse(declared_type, line) for line in lines if line] or None


def _parse(declared_type: str, text: str) -> Any:
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return json.loads(text)
        except ValueError:
            return text
    if declared_type not in ("integer", "number", "boolean"):
        return text
    scalar = SCALARS[declared_type]
    try:
        return scalar.to_json(scalar.from_text(text))
    except InvalidValue:
        return text
