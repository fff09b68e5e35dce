"""Values of parameters: raw values to typed ones or to all errors at once, and typed values to JSON and to text.

A raw value comes from JSON, where it must have the declared type, or as text from a command line or an HTML form.
`null`, and in text an empty field, means not given: the default applies, or NULL if there is none. Numbers are
Decimals, so that 0.1 stays 0.1 up to the database that compares it. Relative dates become dates as of one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from reports.exceptions import InvalidParameters
from reports.parameters.date_math import Moment
from reports.parameters.limits import choice_errors, limit_errors, read, text_of
from reports.parameters.rules import Rule, violations
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
    parameters: Iterable[Parameter],
    raw: Mapping[str, object],
    moment: Moment,
    *,
    rules: Sequence[Rule] = (),
    from_text: bool = False,
) -> dict[str, TypedValue]:
    """Check raw values, by name, against their declarations and the rules between them.

    Raises InvalidParameters with all errors of all parameters, unknown names included.
    """
    declared = {parameter.name: parameter for parameter in parameters}
    # Names come from the caller: an answer must not repeat megabytes.
    errors = {
        name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…": ["This report has no such parameter."]
        for name in map(str, raw)
        if name not in declared
    }
    values, invalid = _checked_alone(declared, raw, moment, from_text=from_text)
    errors |= invalid
    errors |= violations(rules, declared.values(), values, moment)
    if errors:
        raise InvalidParameters(errors)
    return values


def broken_rules(
    parameters: Iterable[Parameter], raw: Mapping[str, object], moment: Moment, rules: Sequence[Rule]
) -> dict[str, list[str]]:
    """Return the messages of the rules that texts from a form break, by parameter, while other fields may be wrong."""
    declared = {parameter.name: parameter for parameter in parameters}
    values, _ = _checked_alone(declared, raw, moment, from_text=True)
    return violations(rules, declared.values(), values, moment)


def _checked_alone(
    declared: Mapping[str, Parameter], raw: Mapping[str, object], moment: Moment, *, from_text: bool
) -> tuple[dict[str, TypedValue], dict[str, list[str]]]:
    """Return the values that are valid by themselves, and the errors of the others."""
    values: dict[str, TypedValue] = {}
    errors: dict[str, list[str]] = {}
    for name, parameter in declared.items():
        try:
            value = typed_value(parameter, raw.get(name), moment, from_text=from_text)
            values[name] = TypedValue(parameter.type, value)
        except InvalidValue as error:
            errors[name] = error.messages
    return values, errors


def stored_values(parameters: Iterable[Parameter], stored: Mapping[str, object]) -> dict[str, TypedValue]:
    """Return the typed values that `to_json` has stored.

    They were checked when the job was created, and aren't checked again: a bound such as "today" has moved since.
    """
    return {parameter.name: TypedValue(parameter.type, _stored(parameter, stored)) for parameter in parameters}


def _stored(parameter: Parameter, stored: Mapping[str, object]) -> object:
    raw, from_json = stored.get(parameter.name), SCALARS[parameter.type].from_json
    if raw is None:
        return None
    return tuple(from_json(item) for item in raw) if isinstance(raw, (list, tuple)) else from_json(raw)


def typed_value(parameter: Parameter, raw: object, moment: Moment | None, *, from_text: bool = False) -> object:
    """Return the typed value of one parameter, the default's if none is given. Raises InvalidValue.

    Without a moment, as in a declaration, relative dates are only checked, and not compared with anything.
    """
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
    return (_list if parameter.multiple else _single)(parameter, raw, moment, from_text)


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


#: Labels of values that were chosen from a query, by parameter: a text, or a list where several values are allowed.
Labels = Mapping[str, str | list[str]]


def display_by_label(
    parameters: Iterable[Parameter], values: Mapping[str, TypedValue], labels: Labels = MappingProxyType({})
) -> dict[str, str]:
    """Return texts by label, in the order of declaration, for the head of a document."""
    texts: dict[str, str] = {}
    for parameter in parameters:
        if parameter.name in values:
            label = parameter.title
            if label in texts:
                label = f"{label} ({parameter.name})"
            texts[label] = _display_text(values[parameter.name], labels.get(parameter.name))
    return texts


def display_by_name(values: Mapping[str, TypedValue], labels: Labels = MappingProxyType({})) -> dict[str, str | None]:
    """Return texts by name; None for NULL."""
    return {
        name: None if value.value is None else _display_text(value, labels.get(name)) for name, value in values.items()
    }


def _list(parameter: Parameter, raw: object, moment: Moment | None, from_text: bool) -> tuple[object, ...]:
    if not isinstance(raw, (list, tuple)):
        raise InvalidValue(f"Must be a list of values, each {SCALARS[parameter.type].expected}.")
    if len(raw) > MAX_VALUES:
        raise InvalidValue(f"Must have at most {MAX_VALUES:,} values.")
    if parameter.required and not raw:
        raise InvalidValue("Must have at least one value.")
    values, errors = [], []
    for position, item in enumerate(raw, start=1):
        try:
            values.append(_single(parameter, item, moment, from_text))
        except InvalidValue as error:
            errors += [f"Value {position}: {message}" for message in error.messages]
    if errors:
        raise InvalidValue(*first_errors(errors))
    return tuple(values)


def _single(parameter: Parameter, raw: object, moment: Moment | None, from_text: bool) -> object:
    value = read(parameter.type, raw, moment, from_text=from_text)
    if errors := limit_errors(parameter, value, moment) + choice_errors(parameter, value):
        raise InvalidValue(*errors)
    return value


def _display_text(value: TypedValue, label: str | list[str] | None) -> str:
    if value.value is None:
        return "(not given)"
    if label is not None:
        return label if isinstance(label, str) else ", ".join(label)
    return ", ".join(map(text_of, value.value)) if isinstance(value.value, tuple) else text_of(value.value)
