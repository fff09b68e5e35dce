"""The form that edits a report: what stands in it, what is wrong with that, and the definition that it makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict
from django.utils.text import slugify

from accounts.models import Tenant
from reports.definitions import GrantsDefinition, ParameterDefinition, ReportDefinition, parse_report, to_database
from reports.definitions.errors import FieldErrors, errors_in
from reports.definitions.from_database import DELIVERY_DEFINITIONS
from reports.editing.controls import Control, Sent, control, control_id, controls, default_of, label_of
from reports.exceptions import InvalidDefinition
from reports.forms import Field
from reports.models import DataSource
from reports.parameters.declarations import Parameter

#: Edited on pages of their own; here they stay as they are.
ELSEWHERE = frozenset({"tenant", "template"})
#: What is wrong with those is told beside these.
_TOLD_AT = {"template": "formats"}
#: Drawn by parts of their own.
_SPECIAL = frozenset({"parameters", "delivery", "grants", "formats"})
_FIELDS = ReportDefinition.model_fields
_RIGHTS = tuple(GrantsDefinition.model_fields)
_SPARE_GRANTS = 2
_ROW_NAMES = {"parameters": "Parameter", "delivery": "Delivery"}
_SECTIONS = {
    "about": ("name", "slug", "description"),
    "query": ("data_source", "query"),
    "parameters": ("parameters",),
    "files": ("formats", "csv"),
    "delivery": ("delivery",),
}
_DELIMITERS = ((",", "Comma ,"), (";", "Semicolon ;"), ("\t", "Tab"), ("|", "Bar |"))
#: Stands in for what is wrong, so that what only the database can tell is found out in the same go.
_SOUND = {"name": "-", "slug": "-", "query": "select 1", "parameters": [], "formats": ["csv"]}


@dataclass
class Grant:
    """A row of the grants: a role or a person, and the rights."""

    who: str
    rights: list[str]
    errors: list[str] = field(default_factory=list)


@dataclass
class EditForm:
    """`base` is the entry of the report as it is stored, which has what the form does not show."""

    base: Mapping[str, Any]
    entry: dict[str, Any]
    grants: list[Grant]
    sent: Sent
    #: The slugs of the data sources to choose from.
    sources: list[str] = field(default_factory=list)
    #: The path of the field, or the list, that the keyboard goes on with.
    focus: str = ""
    faults: FieldErrors = field(default_factory=dict)

    @classmethod
    def of(cls, base: Mapping[str, Any]) -> EditForm:
        """As the report is; a new one is offered in the first format that everything reads."""
        return cls(base, {"formats": ["csv"], **base}, _grants_in(base.get("grants", {})), Sent(QueryDict()))

    @classmethod
    def of_sent(cls, data: QueryDict, base: Mapping[str, Any]) -> EditForm:
        """As somebody filled it in."""
        sent = Sent(data)
        entry = sent.entry(ReportDefinition, "", without=_SPECIAL | ELSEWHERE)
        entry |= {name: base[name] for name in ELSEWHERE if name in base}
        entry |= {name: base[name] for name, text in entry.items() if _only_line_ends(base.get(name), text)}
        entry["formats"] = _formats_in(data)
        entry["parameters"] = [sent.entry(ParameterDefinition, path) for path in _rows(data, "parameters")]
        entry["delivery"] = [_delivery_in(sent, path) for path in _rows(data, "delivery")]
        if "slug" not in base and not entry.get("slug"):
            entry["slug"] = slugify(entry.get("name", ""))[:100]
        form = cls(base, entry, [_grant_in(data, path) for path in _rows(data, "grants")], sent)
        form.grants = [grant for grant in form.grants if grant.who and grant.rights]
        entry["grants"] = {right: [one.who for one in form.grants if right in one.rights] for right in _RIGHTS}
        return form

    def change(self, step: str) -> None:
        """Add, remove or move a row: "add parameters", "remove parameters 2", "up parameters 2"."""
        verb, name, number = [*step.split(" "), "", "", ""][:3]
        rows = self.entry.get(name) if name in ("parameters", "delivery") else None
        at = int(number) if number.isascii() and number.isdigit() else -1
        if rows is None:
            return
        self.focus = name
        if verb == "add":
            rows.append({"kind": self.sent.text("delivery.new")} if name == "delivery" else {"type": "string"})
            self.focus = f"{name}[{len(rows) - 1}]"
        elif verb == "remove" and 0 <= at < len(rows):
            del rows[at]
        elif verb == "up" and 0 < at < len(rows):
            rows[at - 1], rows[at] = rows[at], rows[at - 1]
            self.focus = f"{name}[{at - 1}]"
        # What was written is shown by the number of its row.
        self.sent.raw.clear()

    # --- Checking -----------------------------------------------------------------------------------------------------

    def definition(self, tenant: Tenant) -> tuple[ReportDefinition, DataSource] | None:
        """What the form makes, and its data source; None with every fault in `faults`."""
        try:
            made = self.parsed()
            return made, to_database.check_definition(made, tenant)
        except InvalidDefinition as error:
            self.refuse(error, tenant)
        return None

    def parsed(self) -> ReportDefinition:
        """Raises InvalidDefinition."""
        if self.sent.faults:
            raise InvalidDefinition(fields=self.sent.faults)
        return parse_report(self.entry)

    def refuse(self, error: InvalidDefinition, tenant: Tenant) -> None:
        """Take up what is wrong, with what a look at the rest finds."""
        self.faults = _all_faults(self.entry) | errors_in(error) | self.sent.faults
        wrong = {_top(path) for path in self.faults}
        if wrong & {"query", "parameters"}:
            wrong |= {"query", "parameters"}
        sound = {name: value for name, value in self.entry.items() if name not in wrong}
        try:
            to_database.check_definition(parse_report(_SOUND | sound), tenant)
        except InvalidDefinition as more:
            self.faults = {path: told for path, told in errors_in(more).items() if path not in wrong} | self.faults

    # --- Showing ------------------------------------------------------------------------------------------------------

    def sections(self) -> dict[str, list[Control]]:
        """The controls by section; of those that no section names, the ones in YAML are what documents show besides."""
        made = {name: self._control(name) for name in _FIELDS if name not in ELSEWHERE | {"grants"}}
        named = {name for names in _SECTIONS.values() for name in names}
        parts = {section: [made[name] for name in names] for section, names in _SECTIONS.items()}
        others = [one for name, one in made.items() if name not in named]
        parts["design"] = [one for one in others if one.kind == "yaml"]
        parts["limits"] = [one for one in others if one.kind != "yaml"]
        self._tell(made)
        return parts

    def grant_rows(self) -> list[tuple[int, Grant]]:
        """The grants, and some empty rows to add to them."""
        spare = [Grant("", list(_RIGHTS)) for _ in range(_SPARE_GRANTS)]
        return list(enumerate([*self.grants, *spare]))

    def values(self) -> list[Field]:
        """Fields for the values to try the query with. A required one may be left out: it is NULL then."""
        tried = self.sent.data.getlist("tried")
        return [
            Field.of(one, self.sent.data, submitted=one.name in tried)
            for one in _declared(self.entry.get("parameters", []))
        ]

    @property
    def kinds(self) -> list[str]:
        """The kinds of delivery that can be added."""
        return list(DELIVERY_DEFINITIONS)

    def told(self) -> list[tuple[str, str, str]]:
        """For the summary: the id of the field, its name, and the sentence."""
        order = {name: at for at, name in enumerate(name for names in _SECTIONS.values() for name in names)}
        paths = sorted(self.faults, key=lambda path: order.get(_top(path), len(order)))
        told = [(control_id(self._nearest(path)), self._title(path), self.faults[path][0]) for path in paths]
        return list(dict.fromkeys(told))

    def _control(self, name: str) -> Control:
        value = self.entry.get(name, default_of(_FIELDS[name]))
        if name == "parameters":
            rows = [
                controls(ParameterDefinition, row, f"parameters[{at}]", self.sent.raw) for at, row in enumerate(value)
            ]
        elif name == "delivery":
            value = [target if isinstance(target, Mapping) else target.model_dump(mode="json") for target in value]
            rows = [_delivery_controls(row, f"delivery[{at}]", self.sent.raw) for at, row in enumerate(value)]
        else:
            return self._with_choices(control(_FIELDS[name], name, value, self.sent.raw))
        parts = [Control(f"{name}[{at}]", "row", "", value=str(at), parts=row) for at, row in enumerate(rows)]
        return Control(name, "rows", label_of(name), parts=parts)

    def _with_choices(self, made: Control) -> Control:
        """Where the type does not tell the values to choose from, or their order."""
        if made.path == "query":
            made.kind = "code"
        elif made.path == "data_source":
            made.kind, made.chosen = "select", [made.value]
            unset = [] if made.value in self.sources else [("", "Choose…")]
            made.options = unset + [(source, source) for source in self.sources]
        elif made.path == "csv":
            _choose_delimiter(made.parts[0])
        elif made.path == "formats":
            others = [option for option in made.options if option[0] not in made.chosen]
            made.options = [(one, one) for one in made.chosen] + others
        return made

    def _tell(self, made: Mapping[str, Control]) -> None:
        """Put each fault beside its control."""
        known = {one.path: one for one in _walk(made.values())}
        for path, sentences in self.faults.items():
            if path.startswith("grants"):
                self._tell_grant(path, sentences)
            elif (shown := self._nearest(path, known)) in known:
                known[shown].errors += [self._placed(path, shown, sentence) for sentence in sentences]

    def _tell_grant(self, path: str, sentences: list[str]) -> None:
        row = self._row_of_grant(path)
        if row is not None:
            self.grants[row].errors += [one for one in sentences if one not in self.grants[row].errors]

    def _row_of_grant(self, path: str) -> int | None:
        """The row of "grants.view[2]": the third of those that have this right."""
        _, _, place = path.partition(".")
        right, _, number = place.rstrip("]").partition("[")
        rows = [at for at, grant in enumerate(self.grants) if right in grant.rights]
        return rows[int(number)] if number.isdigit() and int(number) < len(rows) else None

    def _nearest(self, path: str, known: Mapping[str, Control] | None = None) -> str:
        """The path of the control that shows it: the field's own, or what the field is in."""
        if path.startswith("grants"):
            row = self._row_of_grant(path)
            return "grants" if row is None else f"grants[{row}]"
        path = _TOLD_AT.get(_top(path), path)
        known = known or {one.path: one for one in _walk(map(self._control, set(_FIELDS) - ELSEWHERE - {"grants"}))}
        while path and path not in known:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return path

    def _placed(self, path: str, shown: str, sentence: str) -> str:
        """The sentence with its line, where the control holds several."""
        below = path[len(shown) :].lstrip(".")
        if shown in self.sent.lines_of:
            line = self.sent.lines_of[shown].get(below)
            return f"{f'Line {line}: ' if line else ''}{f'{below}: ' if below else ''}{sentence}"
        number = below.strip("[]")
        return f"Line {int(number) + 1}: {sentence}" if number.isdigit() else sentence

    def _title(self, path: str) -> str:
        if path.startswith("grants"):
            row = self._row_of_grant(path)
            return "Access" if row is None else f"Access, {self.grants[row].who}"
        head, _, rest = path.partition("[")
        number, _, below = rest.partition("]")
        if head not in _ROW_NAMES or not number.isdigit():
            return label_of(self._nearest(path))
        name = f"{_ROW_NAMES[head]} {int(number) + 1}"
        field = below.strip(".").partition("[")[0]
        return f"{name}, {label_of(field).lower()}" if field else name


# --- What was sent ----------------------------------------------------------------------------------------------------


def _top(path: str) -> str:
    """The field of the report that the path is in."""
    return path.partition(".")[0].partition("[")[0]


def _rows(data: QueryDict, name: str) -> list[str]:
    """The paths of the rows, in their order on the page."""
    return [f"{name}[{number}]" for number in data.getlist(name) if number.isascii() and number.isdigit()]


def _formats_in(data: QueryDict) -> list[str]:
    """The offered formats, the default first."""
    chosen, first = data.getlist("formats"), data.get("formats.first", "")
    return [first, *(one for one in chosen if one != first)] if first in chosen else chosen


def _delivery_in(sent: Sent, path: str) -> dict[str, Any]:
    kind = sent.text(f"{path}.kind")
    return sent.entry(DELIVERY_DEFINITIONS[kind], path) if kind in DELIVERY_DEFINITIONS else {"kind": kind}


def _grant_in(data: QueryDict, path: str) -> Grant:
    return Grant(data.get(f"{path}.who", "").strip(), [right for right in _RIGHTS if f"{path}.{right}" in data])


def _only_line_ends(before: Any, now: Any) -> bool:
    return isinstance(before, str) and before != now and before.replace("\r\n", "\n") == now


def _grants_in(grants: Mapping[str, list[str]]) -> list[Grant]:
    holders = dict.fromkeys(holder for right in _RIGHTS for holder in grants.get(right, []))
    return [Grant(holder, [right for right in _RIGHTS if holder in grants.get(right, [])]) for holder in holders]


def _all_faults(entry: Mapping[str, Any]) -> FieldErrors:
    try:
        parse_report(entry)
    except InvalidDefinition as error:
        return errors_in(error)
    return {}


# --- What is shown ----------------------------------------------------------------------------------------------------


def _delivery_controls(row: Mapping[str, Any], path: str, raw: Mapping[str, str]) -> list[Control]:
    kind = DELIVERY_DEFINITIONS.get(str(row.get("kind")))
    return controls(kind, row, path, raw) if kind else []


def _choose_delimiter(made: Control) -> None:
    other = [] if made.value in dict(_DELIMITERS) else [(made.value, made.value)]
    made.kind, made.chosen, made.options = "select", [made.value], [*_DELIMITERS, *other]


def _declared(rows: Iterable[Mapping[str, Any]]) -> Iterator[Parameter]:
    """The parameters that are right, or right so far."""
    for row in rows:
        try:
            yield replace(Parameter.from_dict(row), required=False)
        except InvalidDefinition:
            continue


def _walk(parts: Iterable[Control]) -> Iterator[Control]:
    for part in parts:
        yield part
        yield from _walk(part.parts)
