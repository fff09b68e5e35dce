"""A report's parameters as form fields, and the form that runs the report."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from itertools import combinations
from typing import Any, NamedTuple

from django.http import QueryDict
from django.utils import dateformat
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.localization import suggested_locales
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration
from reports.parameters import date_math
from reports.parameters.date_math import Moment, is_relative
from reports.parameters.declarations import Parameter
from reports.parameters.presets import DAYS, PERIODS
from reports.parameters.rules import Rule, messages_by_parameter, ordered_pairs
from reports.parameters.scalars import SCALARS, InvalidValue
from reports.parameters.values import broken_rules, to_json, typed_values
from reports.rendering import ONE_SECTION
from reports.rendering.base import LOCALIZED, Section

#: Precedes a parameter's name in forms and links, so that no parameter collides with another field.
PREFIX = "param."
#: More choices than these go into a list box instead of checkboxes.
_MAX_CHECKBOXES = 12
_INPUT_TYPES = {"integer": "number", "number": "number"}
_STEPS = {"integer": "1", "number": "any"}
_PICKERS = {"date": "date", "datetime": "datetime-local"}
_PRESET_LABELS = {
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "last_7_days": _("Last 7 days"),
    "last_week": _("Last week"),
    "this_month": _("This month"),
    "last_month": _("Last month"),
    "this_quarter": _("This quarter"),
    "last_quarter": _("Last quarter"),
    "this_year": _("This year"),
    "last_year": _("Last year"),
    "7_days_ago": _("7 days ago"),
    "start_of_month": _("Start of this month"),
    "start_of_last_month": _("Start of last month"),
    "end_of_last_month": _("End of last month"),
    "start_of_year": _("Start of this year"),
}


@dataclass
class Field:
    """The input for one parameter: the texts in it, and their errors."""

    parameter: Parameter
    values: list[str]
    errors: list[str] = dataclass_field(default_factory=list)
    #: What a relative date in it means.
    meaning: str = ""
    #: The messages of the rules in which it is, and of those that its value breaks.
    rules: list[str] = dataclass_field(default_factory=list)
    broken_rules: list[str] = dataclass_field(default_factory=list)

    @classmethod
    def of(cls, parameter: Parameter, data: QueryDict, *, submitted: bool) -> Field:
        """Return the field as it was submitted; or, if `data` is a query string, with its value or the default."""
        name = PREFIX + parameter.name
        if not submitted and name not in data:
            return cls(parameter, cls.texts(parameter, parameter.default))
        if parameter.multiple and not parameter.choices:
            lines = [line.strip() for text in data.getlist(name) for line in text.splitlines()]
            return cls(parameter, [line for line in lines if line])
        return cls(parameter, data.getlist(name))

    @staticmethod
    def texts(parameter: Parameter, value: Any) -> list[str]:
        """Return the texts of a declared value, or of one as it is stored."""
        values = [] if value is None else value if isinstance(value, (list, tuple)) else [value]
        return [_text(parameter, item) for item in values]

    @property
    def raw(self) -> object:
        return self.values if self.parameter.multiple else self.value

    @property
    def own_errors(self) -> list[str]:
        """The errors apart from those of rules, which have a place of their own."""
        return [error for error in self.errors if error not in self.broken_rules]

    @property
    def is_invalid(self) -> bool:
        return bool(self.errors or self.broken_rules)

    @property
    def name(self) -> str:
        return PREFIX + self.parameter.name

    @property
    def id(self) -> str:
        return f"field-{self.parameter.name}"

    @property
    def value(self) -> str:
        # A hidden "false" precedes a checkbox: the last value counts.
        return self.values[-1] if self.values else ""

    @property
    def control(self) -> str:
        """Which part of the template renders it: checkboxes, list, lines, checkbox, select or input."""
        parameter = self.parameter
        if parameter.multiple:
            if not parameter.choices:
                return "lines"
            return "checkboxes" if len(parameter.choices) <= _MAX_CHECKBOXES else "list"
        if parameter.type == "boolean" and self.has_default:
            return "checkbox"
        return "select" if parameter.choices or parameter.type == "boolean" else "input"

    @property
    def has_default(self) -> bool:
        return self.parameter.default is not None

    @property
    def is_required(self) -> bool:
        return self.parameter.required and not self.has_default

    @property
    def is_group(self) -> bool:
        return self.control == "checkboxes"

    @property
    def options(self) -> list[tuple[str, str]]:
        """Values with their labels."""
        if self.parameter.type == "boolean":
            return [("true", gettext("Yes")), ("false", gettext("No"))]
        texts = [_text(self.parameter, choice) for choice in self.parameter.choices]
        return [(text, text) for text in texts]

    @property
    def parents(self) -> str:
        """The names of the parameters on which its choices depend, with spaces between."""
        return " ".join(self.parameter.choices_query.parents) if self.parameter.choices_query else ""

    @property
    def input_type(self) -> str:
        # Labels are searched for, too, and a field for numbers takes no letters.
        return "text" if self.parameter.choices_query else _INPUT_TYPES.get(self.parameter.type, "text")

    @property
    def picker(self) -> str:
        """The type of the <input> that helps to enter a date; "" for other fields."""
        return _PICKERS.get(self.parameter.type, "") if self.control == "input" else ""

    def show_meaning(self, moment: Moment) -> None:
        """Set `meaning`, or add an error, if there is a relative date in the field."""
        if self.picker and is_relative(self.value):
            try:
                self.meaning = date_meaning(self.parameter.type, self.value, moment)
            except InvalidValue as error:
                self.errors = self.errors or error.messages

    @property
    def attributes(self) -> dict[str, object]:
        """Attributes of the <input> with which the browser can help."""
        parameter = self.parameter
        if self.picker:
            # The browser can't compare relative dates.
            return {"autocomplete": "off", "spellcheck": "false"}
        attributes = {
            "step": _STEPS.get(parameter.type),
            "maxlength": parameter.max_length,
            "min": None if parameter.minimum is None else _text(parameter, parameter.minimum),
            "max": None if parameter.maximum is None else _text(parameter, parameter.maximum),
        }
        return {name: value for name, value in attributes.items() if value is not None}


class Presets(NamedTuple):
    """Buttons that fill in a date or a period: commands for `RunForm.apply_preset`, with their labels."""

    title: str
    buttons: list[tuple[str, str]]


@dataclass
class RunForm:
    """The form that runs a report. `error` says why the form as a whole was refused."""

    fields: list[Field]
    formats: list[str]
    format: str
    #: Created with the page, so that submitting the same form twice runs the report once. Programs may leave it out.
    token: str = ""
    error: str = ""
    rules: list[Rule] = dataclass_field(default_factory=list)
    #: Whether the result is to be sent. Never ticked by a link.
    deliver: bool = False
    #: Whether the user gets a mail when the job has ended. Never ticked by a link.
    notify: bool = False
    #: How the files write numbers and dates; "" as the report says.
    locale: str = ""
    locale_errors: list[str] = dataclass_field(default_factory=list)
    #: Of the report, and the one that files have which have only one; "" for the first.
    sections: list[Section] = dataclass_field(default_factory=list)
    section: str = ""

    @classmethod
    def of(cls, report: ReportConfiguration, data: QueryDict, *, submitted: bool = False) -> RunForm:
        """Return the form as it was submitted; or, if `data` is a query string, with its values and the defaults."""
        if report.current_id is None:
            return cls([], [], "")
        version = report.version
        fields = [Field.of(parameter, data, submitted=submitted) for parameter in version.declared_parameters()]
        token = data.get("token", "") if submitted else uuid.uuid4().hex
        format = data.get("format") or version.formats[0]
        deliver = submitted and "deliver" in data and version.has_outbound_delivery
        form = cls(fields, version.formats, format, token, rules=version.rules, deliver=deliver)
        messages = messages_by_parameter(form.rules, [field.parameter for field in fields])
        for field in fields:
            field.rules = messages.get(field.parameter.name, [])
        form.notify, form.locale = submitted and "notify" in data, data.get("locale", "").strip()
        form.sections, name = version.sections, data.get("section", "")
        form.section = name if name in version.section_queries else ""
        return form

    def raw(self) -> dict[str, object]:
        """Return the texts by parameter, for typed_values(from_text=True)."""
        return raw_values(self.fields)

    @property
    def key(self) -> str:
        """Equal for the same form submitted twice with the same values; empty if the form has no token."""
        if not self.token:
            return ""
        fields = [self.token, self.format, self.deliver, self.notify, self.locale, self.section, self.raw()]
        body = json.dumps(fields, sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()

    @property
    def presets(self) -> list[Presets]:
        """Presets for each period (a pair of dates), and for each other date."""
        periods = self._periods()
        shown = [
            _presets("period", PERIODS, f"{first.parameter.title} \u2013 {last.parameter.title}", first, last)
            for first, last in periods
        ]
        paired = [field.name for pair in periods for field in pair]
        days = [field for field in self.fields if field.picker and field.name not in paired]
        return shown + [_presets("day", DAYS, day.parameter.title, day) for day in days]

    def apply_preset(self, command: str) -> None:
        """Fill in what a button of `presets` stands for. Other commands do nothing."""
        kind, preset, *names = [*command.split(" "), "", ""]
        fields = {field.parameter.name: field for field in self.fields if field.picker}
        chosen = [fields[name] for name in names if name in fields]
        if kind == "period" and preset in PERIODS and len(chosen) == 2:
            for field, text in zip(chosen, PERIODS[preset].bounds(chosen[0].parameter.type), strict=True):
                field.values = [text]
        elif kind == "day" and preset in DAYS and len(chosen) == 1:
            chosen[0].values = [DAYS[preset]]

    def show_meanings(self, moment: Moment) -> None:
        """Show in each field with a relative date which date it means."""
        for field in self.fields:
            field.show_meaning(moment)

    def show_broken_rules(self, moment: Moment) -> None:
        """Show at each field the rules between parameters that its value breaks."""
        broken = broken_rules([field.parameter for field in self.fields], self.raw(), moment, self.rules)
        for field in self.fields:
            field.broken_rules = broken.get(field.parameter.name, [])

    @property
    def broken_rules(self) -> list[str]:
        """The messages of all broken rules, each once."""
        return list(dict.fromkeys(sentence for field in self.fields for sentence in field.broken_rules))

    def _periods(self) -> list[tuple[Field, Field]]:
        """Return pairs of dates that a rule orders; without one, the only two dates of the report."""
        dates = {field.parameter.name: field for field in self.fields if field.picker}
        pairs = ordered_pairs(self.rules, [field.parameter for field in self.fields])
        found = [(dates[first], dates[last]) for first, last in pairs if first in dates and last in dates]
        if not found and len(dates) == 2:
            found = list(combinations(dates.values(), 2))
        return [pair for pair in found if pair[0].parameter.type == pair[1].parameter.type]

    @property
    def takes_section(self) -> bool:
        """Whether the files of one of the formats have only one section."""
        return bool(self.sections) and not ONE_SECTION.isdisjoint(self.formats)

    @property
    def section_of_file(self) -> str | None:
        """The section that is asked for; None for the first, or if the file has all."""
        return self.section or None if self.format in ONE_SECTION else None

    @property
    def takes_locale(self) -> bool:
        """Whether one of the formats depends on a locale."""
        return not LOCALIZED.isdisjoint(self.formats)

    @property
    def locales(self) -> list[tuple[str, str]]:
        """Some locales with their names, to choose from."""
        return suggested_locales(get_language() or "en")

    @property
    def invalid_fields(self) -> list[Field]:
        return [field for field in self.fields if field.errors]


def raw_values(fields: Iterable[Field]) -> dict[str, object]:
    """Return the texts in the fields by parameter."""
    return {field.parameter.name: field.raw for field in fields}


def json_values(fields: Sequence[Field], moment: Moment) -> dict[str, object]:
    """Return the values in the fields in their JSON form. Raises InvalidParameters."""
    return to_json(typed_values([field.parameter for field in fields], raw_values(fields), moment, from_text=True))


def show_errors(fields: Iterable[Field], error: InvalidParameters) -> None:
    """Put the sentences of the error into the fields they are about."""
    for field in fields:
        field.errors = error.fields.get(field.parameter.name, [])


def date_meaning(type: str, text: str, moment: Moment) -> str:
    """Return what a relative date means for a parameter of this type, for people. Raises InvalidValue."""
    value = date_math.resolve(type, text, moment)
    if not isinstance(value, datetime):
        return dateformat.format(value, "l, Y-m-d")
    return f"{dateformat.format(value.astimezone(moment.zone), 'l, Y-m-d H:i:s')} {moment.zone.key}"


def _presets(kind: str, presets: Iterable[str], title: str, *fields: Field) -> Presets:
    names = " ".join(field.parameter.name for field in fields)
    return Presets(title, [(f"{kind} {preset} {names}", str(_PRESET_LABELS[preset])) for preset in presets])


def _text(parameter: Parameter, declared: object) -> str:
    """Return a declared value as the <input> of its type spells it."""
    try:
        value = SCALARS[parameter.type].from_json(declared)
    except InvalidValue:
        return str(declared)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        # In UTC: datetime-local has no time zone.
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    return str(value)
