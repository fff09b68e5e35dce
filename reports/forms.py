"""The values that a report asks for, as fields of a form, and the form that runs it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import QueryDict

from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration
from reports.parameters.scalars import SCALARS, InvalidValue
from reports.parameters.values import Parameter, to_json, typed_values

#: Before the name of a parameter in the form and in links, so that none can be mistaken for another field.
PREFIX = "param."
_MOST_CHECKBOXES = 12
_INPUT_TYPES = {"integer": "number", "number": "number", "date": "date", "datetime": "datetime-local", "string": "text"}
_TRUTH = (("true", "Yes"), ("false", "No"))


@dataclass
class Field:
    """One parameter with what stands in its field, and what is wrong with that."""

    parameter: Parameter
    values: list[str]
    errors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, parameter: Parameter, data: QueryDict, *, sent: bool) -> Field:
        """With what was sent; before that with what the query string has, and else with the default."""
        return cls(parameter, _values(parameter, data, sent))

    @property
    def raw(self) -> object:
        """The value as text, or as texts."""
        return self.values if self.parameter.multiple else self.value

    @property
    def name(self) -> str:
        return PREFIX + self.parameter.name

    @property
    def id(self) -> str:
        return f"field-{self.parameter.name}"

    @property
    def value(self) -> str:
        return self.values[-1] if self.values else ""

    @property
    def control(self) -> str:
        """Which template part draws it."""
        parameter = self.parameter
        if parameter.multiple:
            few = 0 < len(parameter.choices) <= _MOST_CHECKBOXES
            return "checkboxes" if few else "list" if parameter.choices else "lines"
        if parameter.type == "boolean" and self.has_default:
            return "checkbox"
        return "select" if parameter.choices or parameter.type == "boolean" else "input"

    @property
    def has_default(self) -> bool:
        return self.parameter.default is not None

    @property
    def is_needed(self) -> bool:
        return self.parameter.required and not self.has_default

    @property
    def is_group(self) -> bool:
        return self.control == "checkboxes"

    @property
    def options(self) -> list[tuple[str, str]]:
        if self.parameter.type == "boolean":
            return list(_TRUTH)
        return [(text, text) for text in (_text(self.parameter, choice) for choice in self.parameter.choices)]

    @property
    def input_type(self) -> str:
        return _INPUT_TYPES[self.parameter.type]

    @property
    def attributes(self) -> dict[str, object]:
        """What the browser can help with."""
        parameter = self.parameter
        steps = {"integer": "1", "number": "any", "datetime": "1"}
        bounds = {"min": _bound(parameter, parameter.minimum), "max": _bound(parameter, parameter.maximum)}
        given = {"step": steps.get(parameter.type), "maxlength": parameter.max_length, **bounds}
        return {name: value for name, value in given.items() if value is not None}


@dataclass
class RunForm:
    """All the fields, the chosen format, and the sentence that refuses the form as a whole."""

    fields: list[Field]
    formats: list[str]
    format: str
    #: Made with the page. The same form sent twice is the same wish.
    once: str = ""
    sentence: str = ""

    @classmethod
    def of(cls, report: ReportConfiguration, data: QueryDict, *, sent: bool = False) -> RunForm:
        """From what was sent; before that from the query string, and else from the defaults."""
        if report.current_id is None:
            return cls([], [], "")
        version = report.version
        fields = [Field.of(parameter, data, sent=sent) for parameter in version.declared()]
        once = data.get("once", "") if sent else uuid.uuid4().hex
        return cls(fields, version.formats, data.get("format") or version.formats[0], once)

    def raw(self) -> dict[str, object]:
        """The values as texts, for typed_values(from_text=True)."""
        return _raw(self.fields)

    @property
    def key(self) -> str:
        """What is equal only for the same form sent twice: with other values it is another wish."""
        body = json.dumps([self.once, self.format, self.raw()], sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()

    def refuse(self, refused: InvalidParameters) -> None:
        refuse(self.fields, refused)

    @property
    def refused(self) -> list[Field]:
        return [part for part in self.fields if part.errors]


def given(fields: Sequence[Field]) -> dict[str, object]:
    """The values that stand in the fields, in their plain form. Raises InvalidParameters."""
    return to_json(typed_values([one.parameter for one in fields], _raw(fields), from_text=True))


def refuse(fields: Iterable[Field], refused: InvalidParameters) -> None:
    """Say beside each field what is wrong with its value."""
    for one in fields:
        one.errors = refused.fields.get(one.parameter.name, [])


def _raw(fields: Iterable[Field]) -> dict[str, object]:
    return {one.parameter.name: one.raw for one in fields}


def _values(parameter: Parameter, data: QueryDict, sent: bool) -> list[str]:
    name = PREFIX + parameter.name
    if not sent and name not in data:
        return _defaults(parameter)
    if parameter.multiple and not parameter.choices:
        return [line.strip() for text in data.getlist(name) for line in text.splitlines() if line.strip()]
    return data.getlist(name)


def _defaults(parameter: Parameter) -> list[str]:
    default: Any = parameter.default
    if default is None:
        return []
    return [_text(parameter, item) for item in default] if parameter.multiple else [_text(parameter, default)]


def _bound(parameter: Parameter, declared: object) -> str | None:
    return None if declared is None else _text(parameter, declared)


def _text(parameter: Parameter, declared: object) -> str:
    """A declared value as the input of its type spells it."""
    try:
        value = SCALARS[parameter.type].from_json(declared)
    except InvalidValue:
        return str(declared)
    if isinstance(value, bool):
        return "true" if value else "false"
    # Moments are in UTC, and datetime-local knows no zone.
    return value.strftime("%Y-%m-%dT%H:%M:%S") if isinstance(value, datetime) else str(value)
