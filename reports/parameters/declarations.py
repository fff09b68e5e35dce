"""Declarations of parameters in definitions, and their errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from reports.exceptions import InvalidDefinition
from reports.parameters.limits import bound, limit_errors, read, text_of
from reports.parameters.patterns import unsupported
from reports.parameters.scalars import SCALARS, InvalidValue, quoted, stable_number
from reports.parameters.values import MAX_NAME_LENGTH, first_errors, typed_value

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: The type of each field's value. `default`, `minimum`, `maximum` and `choices` have values of the declared type.
_FIELD_TYPES: dict[str, tuple[type, str]] = {
    "name": (str, "text"),
    "type": (str, "text"),
    "required": (bool, "true or false"),
    "label": (str, "text"),
    "help": (str, "text"),
    "choices": (list, "a list"),
    "choices_query": (Mapping, "a mapping with query"),
    "multiple": (bool, "true or false"),
    "pattern": (str, "text"),
    "max_length": (int, "a whole number"),
}


@dataclass(frozen=True)
class ChoicesQuery:
    """A query that returns a parameter's choices: the value and, in a second column, its label.

    `data_source` is a slug in definitions and an id in stored versions; None is the report's own. `parents` are the
    parameters that the query uses; stored versions know them.
    """

    query: str
    data_source: str | None = None
    parents: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> ChoicesQuery:
        return cls(d["query"], d.get("data_source"), tuple(d.get("parents", ())))

    def to_dict(self) -> dict[str, object]:
        source = {} if self.data_source is None else {"data_source": self.data_source}
        return {"query": self.query, **source, **({"parents": list(self.parents)} if self.parents else {})}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A declared parameter. `default`, `choices` and the bounds are JSON values, as in the definition."""

    name: str
    type: str
    required: bool = False
    default: object = None
    label: str = ""
    help: str = ""
    choices: tuple[object, ...] = ()
    choices_query: ChoicesQuery | None = None
    multiple: bool = False
    minimum: object = None
    maximum: object = None
    pattern: str = ""
    max_length: int | None = None

    @classmethod
    def from_dict(cls, d: Mapping[str, object]) -> Parameter:
        """Read a declaration. Raises InvalidDefinition, with all errors by field in its `fields`."""
        errors = _field_errors(d)
        if not errors:
            parameter = cls(**{field: _json_value(field, value, d["type"]) for field, value in d.items()})  # type: ignore[arg-type]
            errors = _value_errors(parameter)
            if not errors:
                return parameter
        sentences = " ".join(f"{field}: {sentence}" for field, messages in errors.items() for sentence in messages)
        raise InvalidDefinition(f"Parameter {quoted(d.get('name'))}: {sentences}", fields=errors)

    def to_dict(self) -> dict[str, object]:
        """Return the fields that differ from their default; `from_dict` reads them back."""
        changed = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {name: _plain(value) for name, value in changed.items()}

    @property
    def title(self) -> str:
        return self.label or self.name


def contradictions(parameter: Parameter) -> dict[str, list[str]]:
    """Return, by field, why a declaration is useless: limits that contradict each other, a pattern that can't run.

    Only for definitions that are about to be stored. Versions stored before a check existed can't be fixed any more,
    and must still be readable.
    """
    if parameter.pattern and (reason := unsupported(parameter.pattern)):
        return {"pattern": [f"This regular expression isn't supported: {reason}. Use the syntax of RE2."]}
    if parameter.name.startswith("caller_"):
        return {"name": ["Names that start with caller_ stand for what the server knows of the caller."]}
    if parameter.choices and parameter.choices_query:
        return {"choices_query": ["Use either choices or choices_query, not both."]}
    lowest, highest = bound(parameter, parameter.minimum), bound(parameter, parameter.maximum)
    if lowest is not None and highest is not None and lowest > highest:
        return {"maximum": [f"Must not be below minimum, which is {text_of(lowest)}."]}
    errors = [
        f"{quoted(choice)}: {sentence}"
        for choice in parameter.choices
        for sentence in limit_errors(parameter, SCALARS[parameter.type].from_json(choice))
    ]
    return {"choices": first_errors(errors)} if errors else {}


def _json_value(field: str, value: object, type: object) -> object:
    """Return the JSON form, which can be stored and compared. YAML may have read an unquoted 2013-12-31 as a date."""
    if isinstance(value, Mapping):
        return ChoicesQuery.from_dict(value)
    if isinstance(value, (list, tuple)):
        return (tuple if field == "choices" else list)(_json_value(field, item, type) for item in value)
    if type == "number":
        value = stable_number(value)
    return value.isoformat() if isinstance(value, date) else value


def _plain(value: object) -> object:
    if isinstance(value, ChoicesQuery):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value


def _field_errors(d: Mapping[str, object]) -> dict[str, list[str]]:
    known = {f.name for f in fields(Parameter)}
    errors = {str(field): ["There is no such field here."] for field in d if field not in known}
    errors |= {field: ["This field is required."] for field in ("name", "type") if field not in d}
    for field, (expected, words) in _FIELD_TYPES.items():
        if field not in d:
            continue
        value = d[field]
        is_right = isinstance(value, (list, tuple) if expected is list else expected)
        if not is_right or (expected is int and isinstance(value, bool)):
            errors[field] = [f"Must be {words}."]
    if isinstance(query := d.get("choices_query"), Mapping) and not isinstance(query.get("query"), str):
        errors["choices_query"] = ["query: This field is required."]
    return errors


def _value_errors(parameter: Parameter) -> dict[str, list[str]]:
    if parameter.type not in SCALARS:
        return {"type": [f"Must be one of: {', '.join(SCALARS)}."]}
    errors: dict[str, list[str]] = {}
    if not _NAME.fullmatch(parameter.name) or len(parameter.name) > MAX_NAME_LENGTH:
        errors["name"] = [f"Use letters, digits and _, not starting with a digit, up to {MAX_NAME_LENGTH} characters."]
    try:
        re.compile(parameter.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        errors["pattern"] = [f"Not a regular expression: {error}."]
    if parameter.type != "string":
        if parameter.pattern:
            errors["pattern"] = ["Only string parameters can have a pattern."]
        if parameter.max_length is not None:
            errors["max_length"] = ["Only string parameters can have a maximum length."]
    elif parameter.max_length is not None and parameter.max_length < 1:
        errors["max_length"] = ["Must be 1 or more."]
    from_json = SCALARS[parameter.type].from_json
    for field in ("minimum", "maximum"):
        declared = getattr(parameter, field)
        if declared is None:
            continue
        if parameter.type in ("string", "boolean"):
            errors[field] = [f"A {parameter.type} parameter can't have a minimum or maximum."]
        elif messages := _refusal(read, parameter.type, declared, None):
            errors[field] = messages
    for choice in parameter.choices:
        if messages := _refusal(from_json, choice):
            errors["choices"] = messages
            break
    # A default is checked against bounds, choices and pattern, so these have to be right first.
    if not errors and parameter.default is not None and (messages := _refusal(typed_value, parameter, None, None)):
        errors["default"] = messages
    return errors


def _refusal(read: Callable[..., object], *arguments: object) -> list[str]:
    """Return why a value can't be read; nothing if it can."""
    try:
        read(*arguments)
    except InvalidValue as error:
        return error.messages
    return []
