"""Rules between parameters, such as "start <= end": two parameters, or a parameter and a literal, are compared."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.parameters.date_math import DATE_TYPES, Moment, is_relative
from reports.parameters.limits import read
from reports.parameters.scalars import InvalidValue, quoted

if TYPE_CHECKING:
    from reports.parameters.declarations import Parameter
    from reports.parameters.values import TypedValue

_OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
_SIDE = r"""'[^']*'|"[^"]*"|[^\s<>=!'"]+"""
_CHECK = re.compile(rf"\s*(?P<left>{_SIDE})\s*(?P<operator><=|>=|!=|<|=|>)\s*(?P<right>{_SIDE})\s*")
#: What a name looks like. Other bare words are literals.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NUMBERS = ("integer", "number")


@dataclass(frozen=True)
class Rule:
    """A comparison that the values have to meet, and what the user is told if they don't."""

    check: str
    message: str


@dataclass(frozen=True)
class _Literal:
    """A literal side: its text, read as a value of the other side's type."""

    parameter: Parameter
    text: str

    def value(self, moment: Moment | None) -> Any:
        return read(self.parameter.type, self.text, moment, from_text=True)


@dataclass(frozen=True)
class _Comparison:
    """A rule whose names are resolved."""

    left: Parameter | _Literal
    operator: str
    right: Parameter | _Literal

    @property
    def parameters(self) -> list[Parameter]:
        return [side for side in (self.left, self.right) if not isinstance(side, _Literal)]


class InvalidRule(ValueError):
    """A rule can't be used with these parameters. The message is a sentence for its author."""


def rule_error(check: str, parameters: Iterable[Parameter]) -> str | None:
    """Return what is wrong with a rule's check, as a sentence; None if it can be used with these parameters."""
    try:
        comparison = _parse(check, {parameter.name: parameter for parameter in parameters})
        for side in (comparison.left, comparison.right):
            if isinstance(side, _Literal):
                side.value(None)
    except InvalidRule as error:
        return str(error)
    except InvalidValue as error:
        return " ".join(error.messages)
    return None


def violations(
    rules: Sequence[Rule], parameters: Iterable[Parameter], values: Mapping[str, TypedValue], moment: Moment
) -> dict[str, list[str]]:
    """Return the messages of the rules that the values break, by the name of each parameter in them.

    A rule is skipped if one of its values is NULL, or missing because it is invalid by itself.
    """
    if not rules:
        return {}
    declared = {parameter.name: parameter for parameter in parameters}
    errors: dict[str, list[str]] = {}
    for rule in rules:
        comparison = _parse(rule.check, declared)
        sentences = _broken(comparison, rule.message, values, moment)
        for parameter in comparison.parameters:
            known = errors.get(parameter.name, [])
            if new := [sentence for sentence in sentences if sentence not in known]:
                errors[parameter.name] = known + new
    return errors


def messages_by_parameter(rules: Sequence[Rule], parameters: Iterable[Parameter]) -> dict[str, list[str]]:
    """Return the messages of the rules in which each parameter is, by its name."""
    declared = {parameter.name: parameter for parameter in parameters}
    messages: dict[str, list[str]] = {}
    for rule in rules:
        for parameter in _parse(rule.check, declared).parameters:
            messages.setdefault(parameter.name, []).append(rule.message)
    return messages


def ordered_pairs(rules: Sequence[Rule], parameters: Iterable[Parameter]) -> list[tuple[str, str]]:
    """Return the names of parameters that a rule orders, the earlier or smaller one first."""
    declared = {parameter.name: parameter for parameter in parameters}
    pairs = []
    for rule in rules:
        comparison = _parse(rule.check, declared)
        names = [parameter.name for parameter in comparison.parameters]
        if len(names) == 2 and comparison.operator[0] in "<>":
            pairs.append((names[0], names[1]) if comparison.operator[0] == "<" else (names[1], names[0]))
    return pairs


def _broken(comparison: _Comparison, message: str, values: Mapping[str, TypedValue], moment: Moment) -> list[str]:
    try:
        sides = [_value(side, values, moment) for side in (comparison.left, comparison.right)]
    except InvalidValue as error:  # a relative date outside of the calendar
        return error.messages
    return [] if None in sides or _OPERATORS[comparison.operator](*sides) else [message]


def _value(side: Parameter | _Literal, values: Mapping[str, TypedValue], moment: Moment) -> Any:
    if isinstance(side, _Literal):
        return side.value(moment)
    return values[side.name].value if side.name in values else None


def _parse(check: str, declared: Mapping[str, Parameter]) -> _Comparison:
    match = _CHECK.fullmatch(check)
    if match is None:
        raise InvalidRule(
            f"{quoted(check)} is not a comparison like start <= end. Use one of {' '.join(_OPERATORS)} "
            "between two parameters, or a parameter and a value."
        )
    texts = (match["left"], match["right"])
    known = [declared.get(text) for text in texts]
    for text, parameter in zip(texts, known, strict=True):
        if parameter and parameter.multiple:
            raise InvalidRule(f"{text} takes a list of values, which can't be compared.")
    left, right = known
    if left is None and right is None:
        raise InvalidRule(f"There is no parameter {texts[0]}, nor {texts[1]}. A rule needs at least one.")
    comparison = _Comparison(left or _literal(texts[0], right), match["operator"], right or _literal(texts[1], left))
    _check_types(comparison)
    return comparison


def _literal(text: str, other: Parameter | None) -> _Literal:
    assert other is not None  # noqa: S101 -- _parse has checked that one side is a parameter
    if text[0] in "'\"":
        return _Literal(other, text[1:-1])
    is_date = other.type in DATE_TYPES and is_relative(text)
    if _NAME.fullmatch(text) and not is_date and (other.type != "boolean" or text not in ("true", "false")):
        raise InvalidRule(f"There is no parameter {text}. Put a text in quotation marks.")
    return _Literal(other, text)


def _check_types(comparison: _Comparison) -> None:
    types = {parameter.type for parameter in comparison.parameters}
    if len(types) == 2 and types != set(_NUMBERS):
        one, other = comparison.parameters
        raise InvalidRule(
            f"{one.name} is of type {one.type} and {other.name} of type {other.type}: they can't be compared."
        )
    if "boolean" in types and comparison.operator not in ("=", "!="):
        raise InvalidRule(f"Values of type boolean can only be compared with = and !=, not {comparison.operator}.")
