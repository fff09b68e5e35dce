"""The parameters of a run in a few words, such as "Jan-Dec 2013 · all airports", for lists, where there is no room
for titles."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from reports.parameters.date_math import DATE_TYPES
from reports.parameters.declarations import Parameter
from reports.parameters.limits import text_of
from reports.parameters.rules import Rule, ordered_pairs
from reports.parameters.values import Labels, TypedValue, stored_values

_SEPARATOR = " · "
_TO = "\N{EN DASH}"
_MAX_LENGTH, _MAX_VALUE, _MAX_VALUES = 160, 40, 3
#: Types whose values say little without the parameter's title.
_TITLED = ("integer", "number", *DATE_TYPES)


class ParameterWords:
    """Puts the parameters of one version into words."""

    def __init__(self, parameters: Sequence[Parameter], rules: Sequence[Rule]) -> None:
        self._parameters = parameters
        dates = {each.name: each.type for each in parameters if each.type in DATE_TYPES and not each.multiple}
        pairs = [pair for pair in ordered_pairs(rules, parameters) if set(pair) <= set(dates)]
        if not pairs and len(dates) == 2:
            first, last = dates
            pairs = [(first, last)]
        #: The last day of a period by its first.
        self._periods = {first: last for first, last in pairs if dates[first] == dates[last]}

    def of(self, stored: Mapping[str, object], labels: Labels) -> str:
        """Return the words for values as they are stored; "" if none was given."""
        values = stored_values(self._parameters, stored)
        periods = {first: text for first in self._periods if (text := self._period(first, values))}
        ends = {self._periods[first] for first in periods}
        words = [
            periods.get(each.name) or _word(each, values[each.name], labels.get(each.name))
            for each in self._parameters
            if each.name not in ends
        ]
        return _shortened(_SEPARATOR.join(filter(None, words)), _MAX_LENGTH)

    def _period(self, name: str, values: Mapping[str, TypedValue]) -> str:
        first, last = values[name].value, values[self._periods[name]].value
        if isinstance(first, datetime) and isinstance(last, datetime):
            return _times(first, last)
        return _days(first, last) if isinstance(first, date) and isinstance(last, date) else ""


def _word(parameter: Parameter, value: TypedValue, label: str | list[str] | None) -> str:
    if value.value is None:
        return ""
    if label is not None:
        return _list(label) if isinstance(label, list) else _shortened(label, _MAX_VALUE)
    if isinstance(value.value, bool):
        return parameter.title if value.value else gettext("%(title)s: no") % {"title": parameter.title}
    if isinstance(value.value, tuple):
        if parameter.choices and len(set(value.value)) == len(parameter.choices):
            return gettext("all %(title)s") % {"title": _uncapitalized(parameter.title)}
        text = _list([_text(each) for each in value.value])
    else:
        text = _shortened(_text(value.value), _MAX_VALUE)
    return f"{parameter.title} {text}" if text and parameter.type in _TITLED else text


def _list(texts: Sequence[str]) -> str:
    shown = [_shortened(text, _MAX_VALUE) for text in texts[:_MAX_VALUES]]
    more = len(texts) - len(shown)
    if more:
        shown.append(ngettext("%(number)d more", "%(number)d more", more) % {"number": more})
    return ", ".join(shown)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{_day(value)} {value:%H:%M}"
    return _day(value) if isinstance(value, date) else text_of(value)


def _days(first: date, last: date) -> str:
    """A period of whole days: in months where it consists of them."""
    if first == last:
        return _day(first)
    if first < last and first.day == 1 and last.day == monthrange(last.year, last.month)[1]:
        return _span(first, last, "M")
    return _span(first, last, "j M")


def _span(first: date, last: date, form: str) -> str:
    end = date_format(last, f"{form} Y")
    if (first.year, first.month) == (last.year, last.month) and first < last:
        return f"{first.day}{_TO}{end}" if form == "j M" else end
    start = date_format(first, form if first.year == last.year else f"{form} Y")
    return f"{start}{_TO}{end}" if form == "M" and first.year == last.year else f"{start} {_TO} {end}"


def _times(first: datetime, last: datetime) -> str:
    if first.date() == last.date() and first <= last:
        return f"{_day(first)} {first:%H:%M}{_TO}{last:%H:%M}"
    return f"{_text(first)} {_TO} {_text(last)}"


def _day(day: date) -> str:
    return date_format(day, "j M Y")


def _uncapitalized(title: str) -> str:
    # Not of abbreviations.
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
