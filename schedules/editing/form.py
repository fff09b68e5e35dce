"""The form that edits a schedule: its input, the resulting definition, and all errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.localization import is_time_zone
from reports.definitions.errors import FieldErrors, errors_in
from reports.definitions.field_types import USER_PREFIX, principal_of
from reports.editing.controls import Control, field_control
from reports.editing.field_kinds import FieldKind, kind_of
from reports.editing.field_texts import label_of
from reports.editing.form_controls import ErrorLink
from reports.editing.submission import Submission
from reports.exceptions import InvalidDefinition, InvalidParameters
from reports.forms import PREFIX, Field, RunForm
from reports.models import ReportConfiguration
from reports.parameters.date_math import Moment, is_relative
from reports.parameters.values import to_json, typed_values
from schedules import cron
from schedules.definitions import ScheduleDefinition, parse_schedule
from schedules.editing import presets

SHOWN_TIMES = 5
_TITLES: dict[str, str | Promise] = {
    "slug": _("URL name"),
    "report": _("Report"),
    "cron": _("Cron expression"),
    "time_zone": _("Time zone"),
    "start_on": _("First day"),
    "end_on": _("Last day"),
    "formats": _("Format"),
    "section": _("Section"),
    "run_as": _("Owner"),
    "missed": _("After an outage"),
    "missed_within": _("How far back"),
    "overlap": _("If an earlier job has not ended"),
    "recipients": _("Recipients"),
    "notify": _("Who is told of trouble"),
    "subscribable": _("Others can subscribe"),
}
_NOTIFY_EVENTS: dict[str, str | Promise] = {
    "failure": _("a job fails"),
    "delivery": _("a delivery is given up"),
    "missed": _("a time is missed"),
    "recovery": _("it works again"),
}
#: Fields that are left out of the definition when they are empty.
_OPTIONAL = ("time_zone", "start_on", "end_on", "section")
#: Fields without controls of their own.
_YAML = [
    name
    for name, info in ScheduleDefinition.model_fields.items()
    if name not in ("parameters", "notify") and kind_of(info.annotation) is FieldKind.YAML
]
_TEXTS = ("slug", "cron", "missed", "missed_within", "overlap", *_OPTIONAL)


@dataclass
class ScheduleForm:
    """`base` is the entry of the stored schedule, or the start of a new one; `entry` is the edited one.

    An entry is a mapping as in the definitions file; it may be invalid in any way. Fields that the page doesn't show
    stay as they are in `base`. `run` has the parameters, as in the form that runs the report.
    """

    report: ReportConfiguration
    base: Mapping[str, Any]
    entry: dict[str, Any]
    run: RunForm
    time: str
    submission: Submission = field(default_factory=lambda: Submission(QueryDict()))
    errors: FieldErrors = field(default_factory=dict)
    #: Why the form as a whole was refused.
    error: str = ""

    @classmethod
    def of(cls, report: ReportConfiguration, base: Mapping[str, Any]) -> ScheduleForm:
        """Return the form of a stored schedule."""
        run = RunForm.of(report, _as_form(report, base))
        return cls(report, base, _complete(base), run, presets.time_of(str(base.get("cron", ""))))

    @classmethod
    def of_query(cls, report: ReportConfiguration, base: Mapping[str, Any], data: QueryDict) -> ScheduleForm:
        """Return the form of a new schedule, with the parameters and the format in a query string."""
        run = RunForm.of(report, data)
        entry = _complete(base) | {"formats": _formats(base, run.formats, data)}
        return cls(report, base, entry, run, presets.DEFAULT_TIME)

    @classmethod
    def of_submitted(cls, report: ReportConfiguration, base: Mapping[str, Any], data: QueryDict) -> ScheduleForm:
        run = RunForm.of(report, data, submitted=True)
        # A form that runs a report leads here with its parameters alone.
        entry = _complete(base) | {name: data.get(name, "").strip() for name in _TEXTS if name in data}
        entry |= {name: entry[name] or None for name in _OPTIONAL}
        if "owner" in data:
            entry["run_as"] = principal_of(owner) if (owner := data.get("owner", "").strip()) else base.get("run_as")
        if "slug" in data:
            entry["subscribable"] = "subscribable" in data
        if "notify.to" in data:
            to = [line for line in map(str.strip, data.get("notify.to", "").splitlines()) if line]
            entry["notify"] = {"to": to, "on": data.getlist("notify.on")} if to else None
        entry["formats"] = _formats(base, run.formats, data)
        submission, sent = Submission(data), {name for name in _YAML if name in data}
        in_yaml = submission.entry(ScheduleDefinition, "", without=frozenset(ScheduleDefinition.model_fields) - sent)
        for name in sent:
            entry.pop(name, None)
        return cls(report, base, _complete(entry | in_yaml), run, data.get("time", presets.DEFAULT_TIME), submission)

    def apply(self, command: str) -> None:
        """Do what a button stands for: "cron daily", "cron time", or a preset of dates. Others do nothing."""
        kind, _space, name = command.partition(" ")
        if kind != "cron":
            self.run.apply_preset(command)
        elif name == "time":
            self.entry["cron"] = presets.at_time(self.entry["cron"], self.time)
        elif name in presets.PRESETS:
            self.entry["cron"] = presets.apply(name, self.time)

    def definition(self) -> ScheduleDefinition:
        """Return the form's definition. Raises InvalidDefinition with all errors that it can show."""
        errors: FieldErrors = {}
        entry = dict(self.entry)
        try:
            entry["parameters"] = self._parameters()
        except InvalidParameters as error:
            errors = {f"parameters.{name}": sentences for name, sentences in error.fields.items()}
        try:
            definition = parse_schedule(entry)
        except InvalidDefinition as error:
            errors = errors_in(error) | errors
        errors |= self.submission.yaml_errors
        if errors:
            raise InvalidDefinition(fields=errors)
        return definition

    def show_errors(self, error: InvalidDefinition) -> None:
        self.errors = errors_in(error)
        for shown in self.run.fields:
            shown.errors = self.errors.get(f"parameters.{shown.parameter.name}", [])

    @property
    def error_links(self) -> list[ErrorLink]:
        """All errors, in the order of the page."""
        parameters = {f"parameters.{shown.parameter.name}": shown for shown in self.run.fields}
        links = []
        for path, sentences in self.errors.items():
            name = _top(path)
            shown = parameters.get(path)
            title = shown.parameter.title if shown else str(_TITLES.get(name, label_of(name)))
            links.append(ErrorLink(shown.id if shown else f"edit-{name}", title, sentences[0]))
        order = [f"edit-{name}" for name in _TITLES]
        return sorted(links, key=lambda link: order.index(link.id) if link.id in order else len(order))

    @property
    def yaml_controls(self) -> list[Control]:
        """The fields that are edited as YAML, such as what is sent to whom."""
        texts = self.submission.yaml_texts
        controls = [
            field_control(ScheduleDefinition.model_fields[name], name, _brief(self.entry[name]), texts)
            for name in _YAML
        ]
        for control in controls:
            own = {path: said for path, said in self.errors.items() if _top(path) == control.path}
            control.errors = [_below(path, sentence) for path, said in own.items() for sentence in said]
        return controls

    @property
    def formats(self) -> list[tuple[str, bool]]:
        """Each format of the report, and whether it is chosen. Without a choice, the first one applies."""
        chosen = self.entry["formats"] or self.run.formats[:1]
        return [(format, format in chosen) for format in dict.fromkeys([*self.run.formats, *chosen])]

    @property
    def notify_to(self) -> str:
        """The addresses that are told of trouble, one per line."""
        return "\n".join((self.entry["notify"] or {}).get("to", []))

    @property
    def notify_on(self) -> list[tuple[str, str, bool]]:
        """Of what they are told: each event, its label, and whether it is chosen. By default, of everything."""
        chosen = (self.entry["notify"] or {}).get("on", list(_NOTIFY_EVENTS))
        return [(event, str(label), event in chosen) for event, label in _NOTIFY_EVENTS.items()]

    @property
    def notify_errors(self) -> list[str]:
        paths = [path for path in self.errors if _top(path) == "notify"]
        return [_below(path, sentence) for path in paths for sentence in self.errors[path]]

    @property
    def format_errors(self) -> list[str]:
        return [sentence for path, said in self.errors.items() if path.startswith("formats") for sentence in said]

    @property
    def owner(self) -> str:
        return str(self.entry.get("run_as") or "").removeprefix(USER_PREFIX)

    @property
    def default_zone(self) -> str:
        """The time zone that applies if the form names none."""
        # Not report.moment(): for a report without dates, that leaves out the tenant's.
        of_report = self.report.version.time_zone if self.report.current_id else ""
        return Moment.of(timezone.now(), of_report, self.report.tenant.time_zone).zone.key

    @property
    def zone(self) -> ZoneInfo:
        named = self.entry.get("time_zone")
        return ZoneInfo(named if named and is_time_zone(named) else self.default_zone)

    @property
    def times(self) -> NextTimes:
        start, end = self.entry.get("start_on"), self.entry.get("end_on")
        return NextTimes.of(str(self.entry.get("cron") or ""), self.zone, start, end)

    @property
    def moment(self) -> Moment:
        """What relative dates are shown for: the next time, or now."""
        return Moment(next(iter(self.times.times), timezone.now()), self.zone)

    @property
    def presets(self) -> list[tuple[str, str]]:
        """Commands of buttons that fill in the cron expression, with their labels."""
        return [(f"cron {name}", str(label)) for name, (label, _pattern) in presets.PRESETS.items()]

    @property
    def _of_recipients(self) -> set[str]:
        """The parameters whose values come from the recipients' query."""
        recipients = self.entry.get("recipients")
        parameters = recipients.get("parameters") if isinstance(recipients, Mapping) else None
        return set(map(str, parameters)) if isinstance(parameters, Mapping) else set()

    def _parameters(self) -> dict[str, object]:
        """Return the values as a schedule stores them: relative dates stay relative. Raises InvalidParameters."""
        own = self._of_recipients
        declared = [
            replace(shown.parameter, required=False, default=None) if shown.parameter.name in own else shown.parameter
            for shown in self.run.fields
        ]
        raw = {name: value for name, value in self.run.raw().items() if name not in own}
        values = to_json(typed_values(declared, raw, self.moment, rules=self.run.rules, from_text=True))
        stored: Mapping[str, object] = self.base.get("parameters", {})
        found: dict[str, object] = {}
        for shown in self.run.fields:
            name = shown.parameter.name
            if name in own:
                continue
            value = shown.value.strip() if shown.picker and is_relative(shown.value) else values.get(name)
            # An untouched default is left out, so that it follows the report.
            if name in stored or (value is not None and value != shown.parameter.default):
                found[name] = value
        return found


class NextTimes(NamedTuple):
    """The next times of an expression in a zone; or why there are none. `warning`: about months that are skipped."""

    zone: ZoneInfo
    times: list[Any]
    error: str = ""
    warning: str = ""

    @classmethod
    def of(cls, expression: str, zone: ZoneInfo, start: str | None, end: str | None) -> NextTimes:
        now = timezone.now()
        if not expression:
            return cls(zone, [])
        if sentence := cron.error(expression, now):
            return cls(zone, [], gettext(sentence))
        try:
            times = list(islice(cron.times_within(expression, zone, after=now, first=start, last=end), SHOWN_TIMES))
        except ValueError:
            # Half a date, while somebody types it.
            times = list(islice(cron.times(expression, zone, after=now), SHOWN_TIMES))
        error = "" if times else gettext("No future time is between the first and the last day.")
        return cls(zone, times, error, cron.warning(expression) or "")


def _complete(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry with the defaults of optional fields."""
    fields = ScheduleDefinition.model_fields.items()
    defaults = {name: info.default for name, info in fields if not info.is_required() and info.default_factory is None}
    return defaults | {"slug": "", "cron": ""} | dict(base)


def _top(path: str) -> str:
    """Return the field of the schedule that the path is in."""
    return path.partition(".")[0].partition("[")[0]


def _below(path: str, sentence: str) -> str:
    """Return the sentence with the part of the field that it is about."""
    rest = path.removeprefix(_top(path)).lstrip(".")
    return f"{rest}: {sentence}" if rest else sentence


def _brief(value: Any) -> Any:
    """Leave out what is not set, which an entry writes out."""
    if isinstance(value, list):
        return [_brief(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _brief(item) for name, item in value.items() if item not in (None, False, [], {})}
    return value


def _formats(base: Mapping[str, Any], offered: list[str], data: QueryDict) -> list[str]:
    """Return the chosen formats, those of the stored schedule first. The form that runs a report has one, `format`."""
    chosen = data.getlist("formats") or data.getlist("format")
    stored = list(base.get("formats", []))
    if not stored and chosen == offered[:1]:
        # Not chosen but the default: the report's first format, whichever that will be.
        return []
    ordered = [format for format in [*stored, *offered] if format in chosen]
    return list(dict.fromkeys([*ordered, *chosen]))


def _as_form(report: ReportConfiguration, base: Mapping[str, Any]) -> QueryDict:
    """Return the stored parameters as the form that runs the report has them."""
    data = QueryDict(mutable=True)
    for parameter in report.version.declared_parameters() if report.current_id else []:
        if parameter.name in base.get("parameters", {}):
            value = base["parameters"][parameter.name]
            data.setlist(PREFIX + parameter.name, Field.texts(parameter, value))
    return data
