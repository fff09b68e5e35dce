"""Typed report parameters: from a declaration and raw values to typed values, or to all the errors at once.

A raw value comes from JSON (strictly typed) or, with `from_text`, from a command line or an HTML form.
`null`, and in text an empty field, count as not given: the default applies, or NULL where there is none.
Numbers are Decimals, so that 0.1 stays 0.1 up to the engine that compares it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reports.exceptions import InvalidDefinition, InvalidParameters
from reports.parameters.scalars import SCALARS, InvalidValue, quoted

DEFAULT_MAX_LENGTH = 10_000
MAX_VALUES = 1_000
#: A pattern's worst case grows with the text it reads, so a value with a pattern has to be shorter than others.
MAX_LENGTH_WITH_PATTERN = 1_000
MAX_NAME_LENGTH = 63

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class TypedValue:
    """A checked value with the declared type it was checked against; None is SQL NULL, a tuple is a list of values."""

    type: str
    value: object


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One declared parameter. `default`, `choices` and the bounds are in JSON form, as the definitions have them."""

    name: str
    type: str
    required: bool = False
    default: object = None
    label: str = ""
    help: str = ""
    choices: tuple[object, ...] = ()
    multiple: bool = False
    minimum: object = None
    maximum: object = None
    pattern: str = ""
    max_length: int | None = None

    @classmethod
    def from_dict(cls, d: Mapping[str, object]) -> Parameter:
        """A declaration from the definitions file. Raises InvalidDefinition, whose `fields` has every fault by key."""
        faults = _shape_faults(d)
        if not faults:
            parameter = cls(**{key: _declared(key, value) for key, value in d.items()})  # type: ignore[arg-type]
            faults = _meaning_faults(parameter)
            if not faults:
                return parameter
        name = d.get("name")
        sentences = " ".join(sentence for many in faults.values() for sentence in many)
        raise InvalidDefinition(f"Parameter {quoted(name)}: {sentences}", fields=faults)

    def to_dict(self) -> dict[str, object]:
        """The declaration without what is at its default; goes back through from_dict unchanged."""
        set_here = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in set_here.items()}

    @property
    def title(self) -> str:
        return self.label or self.name


def typed_values(
    parameters: Iterable[Parameter], raw: Mapping[str, object], *, from_text: bool = False
) -> dict[str, TypedValue]:
    """Check `raw` against the declarations. Raises InvalidParameters with every error of every parameter."""
    declared = {parameter.name: parameter for parameter in parameters}
    errors = {_shown_name(name): ["This report has no such parameter."] for name in raw if name not in declared}
    values: dict[str, TypedValue] = {}
    for name, parameter in declared.items():
        try:
            values[name] = TypedValue(parameter.type, _value(parameter, raw.get(name), from_text))
        except InvalidValue as refused:
            errors[name] = refused.messages
    if errors:
        raise InvalidParameters(errors)
    return values


def contradictions(parameter: Parameter) -> dict[str, list[str]]:
    """What no value can be right for, by key. It is not asked of versions that are stored: they never change, and what
    was taken once has to be shown and run."""
    lowest, highest = _bound(parameter, parameter.minimum), _bound(parameter, parameter.maximum)
    if lowest is not None and highest is not None and lowest > highest:
        return {"maximum": [f"Must be {_text(lowest)} or more, as minimum is."]}
    sentences = [
        f"{quoted(choice)}: {sentence}"
        for choice in parameter.choices
        for check in (_check_length, _check_pattern, _check_bounds)
        for sentence in check(parameter, _bound(parameter, choice))
    ]
    return {"choices": _first(sentences)} if sentences else {}


def to_json(values: Mapping[str, TypedValue]) -> dict[str, object]:
    """The plain form for storing: typed_values of it gives the same values. What is NULL is left out."""
    return {name: _plain(value) for name, value in values.items() if value.value is not None}


def display_by_label(parameters: Iterable[Parameter], values: Mapping[str, TypedValue]) -> dict[str, str]:
    """Label to text, in the order of declaration, for the head of a document."""
    shown: dict[str, str] = {}
    for parameter in parameters:
        if parameter.name in values:
            taken = parameter.title in shown
            label = f"{parameter.title} ({parameter.name})" if taken else parameter.title
            shown[label] = _people_text(values[parameter.name])
    return shown


def display_by_name(values: Mapping[str, TypedValue]) -> dict[str, str | None]:
    """Name to text as people read it, None for NULL."""
    return {name: None if value.value is None else _people_text(value) for name, value in values.items()}


def json_schema(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """JSON Schema 2020-12 of the `parameters` object that the API takes."""
    declared = list(parameters)
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {parameter.name: _property_schema(parameter) for parameter in declared},
        "additionalProperties": False,
    }
    required = [parameter.name for parameter in declared if parameter.required and parameter.default is None]
    return schema | ({"required": required} if required else {})


# ---- one value


def _value(parameter: Parameter, raw: object, from_text: bool) -> object:
    raw = _blank_to_none(parameter, raw) if from_text else raw
    if raw is None and parameter.default is not None:
        raw, from_text = parameter.default, False
    if raw is None:
        if parameter.required:
            raise InvalidValue("This parameter is required.")
        return None
    return _many(parameter, raw, from_text) if parameter.multiple else _one(parameter, raw, from_text)


def _blank_to_none(parameter: Parameter, raw: object) -> object:
    """What a form or a command line gave, where an empty field, or none of a list, means not given."""
    given = list(raw) if isinstance(raw, (list, tuple)) else [raw]
    given = [item for item in given if item not in ("", None)]
    if parameter.multiple:
        return given or None
    if len(given) > 1:
        raise InvalidValue("Give one value, not several.")
    return given[0] if given else None


def _many(parameter: Parameter, raw: object, from_text: bool) -> tuple[object, ...]:
    if not isinstance(raw, (list, tuple)):
        raise InvalidValue(f"Must be a list of values, each {SCALARS[parameter.type].expected}.")
    if len(raw) > MAX_VALUES:
        raise InvalidValue(f"Must have at most {MAX_VALUES:,} values.")
    if parameter.required and not raw:
        raise InvalidValue("Must have at least one value.")
    values, sentences = [], []
    for position, item in enumerate(raw, start=1):
        try:
            values.append(_one(parameter, item, from_text))
        except InvalidValue as refused:
            sentences += [f"Value {position}: {sentence}" for sentence in refused.messages]
    if sentences:
        raise InvalidValue(*_first(sentences))
    return tuple(values)


def _first(sentences: list[str]) -> list[str]:
    """A list of 1,000 wrong values would otherwise be answered with as many sentences."""
    return sentences[:10] + ([f"And {len(sentences) - 10:,} more."] if len(sentences) > 10 else [])


def _one(parameter: Parameter, raw: object, from_text: bool) -> object:
    scalar = SCALARS[parameter.type]
    value = scalar.from_text(raw) if from_text and isinstance(raw, str) else scalar.from_json(raw)
    faults = [sentence for check in _CHECKS for sentence in check(parameter, value)]
    if faults:
        raise InvalidValue(*faults)
    return value


def _check_length(parameter: Parameter, value: object) -> list[str]:
    limit = parameter.max_length or DEFAULT_MAX_LENGTH
    if parameter.pattern:
        limit = min(limit, MAX_LENGTH_WITH_PATTERN)
    if isinstance(value, str) and len(value) > limit:
        return [f"Must be at most {limit:,} characters long; this has {len(value):,}."]
    return []


def _check_pattern(parameter: Parameter, value: object) -> list[str]:
    if not parameter.pattern or not isinstance(value, str) or _check_length(parameter, value):
        return []
    return [] if re.fullmatch(parameter.pattern, value) else [f"Must match the pattern {parameter.pattern}."]


def _check_bounds(parameter: Parameter, value: Any) -> list[str]:
    lowest, highest = _bound(parameter, parameter.minimum), _bound(parameter, parameter.maximum)
    sentences = []
    if lowest is not None and value < lowest:
        sentences.append(f"Must be {_text(lowest)} or more.")
    if highest is not None and value > highest:
        sentences.append(f"Must be {_text(highest)} or less.")
    return sentences


def _check_choice(parameter: Parameter, value: object) -> list[str]:
    allowed = [_bound(parameter, choice) for choice in parameter.choices]
    if not allowed or value in allowed:
        return []
    more = f" or one of {len(allowed) - 20:,} more" if len(allowed) > 20 else ""
    return [f"Must be one of: {', '.join(quoted(_text(item)) for item in allowed[:20])}{more}."]


_CHECKS: tuple[Callable[[Parameter, Any], list[str]], ...] = (
    _check_length,
    _check_pattern,
    _check_bounds,
    _check_choice,
)


def _bound(parameter: Parameter, declared: object) -> Any:
    return None if declared is None else SCALARS[parameter.type].from_json(declared)


# ---- the ways out


def _plain(value: TypedValue) -> object:
    to_plain = SCALARS[value.type].to_json
    return [to_plain(item) for item in value.value] if isinstance(value.value, tuple) else to_plain(value.value)


def _people_text(value: TypedValue) -> str:
    if value.value is None:
        return "(not given)"
    return ", ".join(map(_text, value.value)) if isinstance(value.value, tuple) else _text(value.value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')} UTC"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _property_schema(parameter: Parameter) -> dict[str, Any]:
    item: dict[str, Any] = dict(SCALARS[parameter.type].schema)
    if parameter.type == "string":
        limit = parameter.max_length or DEFAULT_MAX_LENGTH
        item["maxLength"] = min(limit, MAX_LENGTH_WITH_PATTERN) if parameter.pattern else limit
    if parameter.pattern:
        item["pattern"] = f"^(?:{parameter.pattern})$"
    if parameter.choices:
        item["enum"] = list(parameter.choices)
    if parameter.type in ("integer", "number"):
        bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum}
        item |= {key: bound for key, bound in bounds.items() if bound is not None}
    schema = item
    if parameter.multiple:
        schema = {"type": "array", "items": item, "maxItems": MAX_VALUES}
        schema |= {"minItems": 1} if parameter.required else {}
    schema |= {"title": parameter.title}
    schema |= {"description": parameter.help} if parameter.help else {}
    return schema | ({"default": parameter.default} if parameter.default is not None else {})


# ---- the declaration itself

_KEY_TYPES: dict[str, tuple[type, str]] = {
    "name": (str, "a text"),
    "type": (str, "a text"),
    "required": (bool, "true or false"),
    "label": (str, "a text"),
    "help": (str, "a text"),
    "choices": (list, "a list"),
    "multiple": (bool, "true or false"),
    "pattern": (str, "a text"),
    "max_length": (int, "a whole number"),
}


def _shape_faults(d: Mapping[str, object]) -> dict[str, list[str]]:
    known = {f.name for f in fields(Parameter)}
    faults = {str(key): [f"{quoted(key)} is not a key of a parameter."] for key in d if key not in known}
    faults |= {key: [f"{key} is missing."] for key in ("name", "type") if key not in d}
    for key, (expected, words) in _KEY_TYPES.items():
        value = list(d[key]) if key in d and isinstance(d[key], tuple) else d.get(key)  # type: ignore[call-overload]
        if key in d and (not isinstance(value, expected) or (expected is int and isinstance(value, bool))):
            faults[key] = [f"{key} must be {words}."]
    return faults


def _meaning_faults(parameter: Parameter) -> dict[str, list[str]]:
    if parameter.type not in SCALARS:
        return {"type": [f"type must be one of: {', '.join(SCALARS)}."]}
    faults = {key: _tried(check, parameter) for key, check in _DECLARATION_CHECKS.items()}
    faults = {key: sentences for key, sentences in faults.items() if sentences}
    # A default can only be checked against bounds, choices and a pattern that are right themselves.
    if not faults and (sentences := _tried(_declared_default, parameter)):
        faults["default"] = sentences
    return {key: [f"{key}: {sentence}" for sentence in sentences] for key, sentences in faults.items()}


def _tried(check: Callable[[Parameter], object], parameter: Parameter) -> list[str]:
    try:
        check(parameter)
    except InvalidValue as refused:
        return refused.messages
    return []


def _declared_name(parameter: Parameter) -> None:
    if not _NAME.fullmatch(parameter.name) or len(parameter.name) > MAX_NAME_LENGTH:
        raise InvalidValue(f"Must be letters, digits and _, no digit first, at most {MAX_NAME_LENGTH} characters.")


def _declared_pattern(parameter: Parameter) -> None:
    if parameter.pattern and parameter.type != "string":
        raise InvalidValue("Only a string can have a pattern.")
    try:
        re.compile(parameter.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidValue(f"Not a regular expression: {error}.") from None


def _declared_length(parameter: Parameter) -> None:
    if parameter.max_length is not None and (parameter.max_length < 1 or parameter.type != "string"):
        raise InvalidValue("Must be 1 or more, and only a string has one.")


def _declared_bound(parameter: Parameter, bound: object) -> None:
    if bound is not None and parameter.type in ("string", "boolean"):
        raise InvalidValue(f"A {parameter.type} has no such bound.")
    _bound(parameter, bound)


def _declared_choices(parameter: Parameter) -> None:
    for choice in parameter.choices:
        _declared_value(parameter, choice)


def _declared_value(parameter: Parameter, value: object) -> None:
    SCALARS[parameter.type].from_json(value)


def _declared_default(parameter: Parameter) -> None:
    if parameter.default is not None:
        _value(parameter, None, False)


_DECLARATION_CHECKS: dict[str, Callable[[Parameter], None]] = {
    "name": _declared_name,
    "pattern": _declared_pattern,
    "max_length": _declared_length,
    "minimum": lambda parameter: _declared_bound(parameter, parameter.minimum),
    "maximum": lambda parameter: _declared_bound(parameter, parameter.maximum),
    "choices": _declared_choices,
}


def _declared(key: str, value: object) -> object:
    """YAML reads 2013-12-31 as a date; the declaration keeps the JSON form, so that it can be stored and compared."""
    if isinstance(value, (list, tuple)):
        return (tuple if key == "choices" else list)(_declared(key, item) for item in value)
    return value.isoformat() if isinstance(value, date) else value


def _shown_name(name: object) -> str:
    return str(name) if len(str(name)) <= MAX_NAME_LENGTH else f"{str(name)[:MAX_NAME_LENGTH]}…"
