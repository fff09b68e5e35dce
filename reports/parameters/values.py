"""Values of parameters: raw values to typed ones or to all errors at once, and typed values to JSON and to text.

A raw value comes from JSON, where it must have the declared type, or as text from a command line or an HTML form.
`null`, and in text an empty field, means not given: the default applies, or NULL if there is none. Numbers are
Decimals, so that 0.1 stays 0.1 up to the database that compares it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.exceptions import InvalidParameters
from reports.parameters.limits import choice_errors, limit_errors, text_of
from reports.parameters.scalars import SCALARS, InvalidValue

if TYPE_CHECKING:
    from reports.parameters.declarations import Parameter

MAX_VALUES = 1_000
MAX_NAME_LENGTH = 63
_MAX_ERRORS = 10


@dataclass(frozen=True)
class TypedValue:
    """A checked value and its declared type. None is SQL NULL; a tuple is a list of values."""

    type: str
    value: object


def typed_values(
    parameters: Iterable[Parameter], raw: Mapping[str, object], *, from_text: bool = False
) -> dict[str, TypedValue]:
    """Check raw values, by name, against their declarations.

    Raises InvalidParameters with all errors of all parameters, unknown names included.
    """
    declared = {parameter.name: parameter for parameter in parameters}
    # Names come from the caller: an answer must not repeat megabytes.
    errors = {
        name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…": ["This report has no such parameter."]
        for name in map(str, raw)
        if name not in declared
    }
    values: dict[str, TypedValue] = {}
    for name, parameter in declared.items():
        try:
            values[name] = TypedValue(parameter.type, typed_value(parameter, raw.get(name), from_text=from_text))
        except InvalidValue as error:
            errors[name] = error.messages
    if errors:
        raise InvalidParameters(errors)
    return values


def typed_value(parameter: Parameter, raw: object, *, from_text: bool = False) -> object:
    """Return the typed value of one parameter, the default's if none is given. Raises InvalidValue."""
    if from_text:
        # An empty field of a form counts as not given; a field of a single value comes as a list of one.
        items = [item for item in (raw if isinstance(raw, (list, tuple)) else [raw]) if item not in ("", None)]
        if len(items) > 1 and not parameter.multiple:
            raise InvalidValue("Must be one value, not several.")
        raw = None if not items else items if parameter.multiple else items[0]
    if raw is None and parameter.default is not None:
        raw, from_text = parameter.default, False
    if raw is None:
        if parameter.required:
            raise InvalidValue("This parameter is required.")
        return None
    return _list(parameter, raw, from_text) if parameter.multiple else _single(parameter, raw, from_text)


def first_errors(errors: list[str]) -> list[str]:
    """Return the first ten and how many more there are. 1,000 wrong values would otherwise make 1,000 sentences."""
    more = len(errors) - _MAX_ERRORS
    return errors[:_MAX_ERRORS] + ([f"And {more:,} more."] if more > 0 else [])


def to_json(values: Mapping[str, TypedValue]) -> dict[str, object]:
    """Return the values as they are stored; `typed_values` reads them back as equal values. NULL is left out."""
    stored: dict[str, object] = {}
    for name, typed in values.items():
        scalar_to_json = SCALARS[typed.type].to_json
        if isinstance(typed.value, tuple):
            stored[name] = [scalar_to_json(item) for item in typed.value]
        elif typed.value is not None:
            stored[name] = scalar_to_json(typed.value)
    return stored


def display_by_label(parameters: Iterable[Parameter], values: Mapping[str, TypedValue]) -> dict[str, str]:
    """Return texts by label, in the order of declaration, for the head of a document."""
    texts: dict[str, str] = {}
    for parameter in parameters:
        if parameter.name in values:
            label = parameter.title
            if label in texts:
                label = f"{label} ({parameter.name})"
            texts[label] = _display_text(values[parameter.name])
    return texts


def display_by_name(values: Mapping[str, TypedValue]) -> dict[str, str | None]:
    """Return texts by name; None for NULL."""
    return {name: None if value.value is None else _display_text(value) for name, value in values.items()}


def _list(parameter: Parameter, raw: object, from_text: bool) -> tuple[object, ...]:
    if not isinstance(raw, (list, tuple)):
        raise InvalidValue(f"Must be a list of values, each {SCALARS[parameter.type].expected}.")
    if len(raw) > MAX_VALUES:
        raise InvalidValue(f"Must have at most {MAX_VALUES:,} values.")
    if parameter.required and not raw:
        raise InvalidValue("Must have at least one value.")
    values, errors = [], []
    for position, item in enumerate(raw, start=1):
        try:
            values.append(_single(parameter, item, from_text))
        except InvalidValue as error:
            errors += [f"Value {position}: {message}" for message in error.messages]
    if errors:
        raise InvalidValue(*first_errors(errors))
    return tuple(values)


def _single(parameter: Parameter, raw: object, from_text: bool) -> object:
    scalar = SCALARS[parameter.type]
    value = scalar.from_text(raw) if from_text and isinstance(raw, str) else scalar.from_json(raw)
    if errors := limit_errors(parameter, value) + choice_errors(parameter, value):
        raise InvalidValue(*errors)
    return value


def _display_text(value: TypedValue) -> str:
    if value.value is None:
        return "(not given)"
    return ", ".join(map(text_of, value.value)) if isinstance(value.value, tuple) else text_of(value.value)
