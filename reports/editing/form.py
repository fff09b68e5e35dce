"""The form that edits a report: its input, the resulting definition, and all errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict
from django.utils.text import slugify

from accounts.models import Tenant
from reports.definitions import ParameterDefinition, ReportDefinition, parse_report, to_database
from reports.definitions.errors import FieldErrors, errors_in
from reports.definitions.from_database import DELIVERY_DEFINITIONS
from reports.definitions.to_database import Sources
from reports.editing.builders import rows as rows_commands
from reports.editing.builders.named_rows import plain
from reports.editing.builders.round_trip import is_shown_in_full
from reports.editing.grants import Grant, grants_entry, grants_of, submitted_grants
from reports.editing.submission import Submission
from reports.exceptions import InvalidDefinition
from reports.forms import Field
from reports.parameters.caller import PREFIX
from reports.parameters.declarations import Parameter
from reports.sources import placeholders

#: Fields of a report that other pages edit; here they stay as they are.
EDITED_ELSEWHERE = frozenset({"tenant", "template"})
#: Fields of a report that are edited in rows or as YAML, as people like.
BUILT = frozenset({"rules", "columns", "totals", "chart", "sections"})
_NOT_SHOWN = "The form can't show all of this. Correct the YAML, or go on in YAML."
#: Fields of a report that aren't read by their type alone.
_SPECIAL = frozenset({"parameters", "delivery", "grants", "formats"})
_AGREEING = frozenset({"query", "parameters", "sections"})
#: A valid value for each required field, to stand in for an invalid one.
_VALID = {"name": "-", "slug": "-", "query": "select 1", "parameters": [], "formats": ["csv"]}


@dataclass
class EditForm:
    """`base` is the entry of the stored report, with the fields that the form doesn't show; `entry` is the edited one.

    An entry is a mapping as in the definitions file; it may be invalid in any way.
    """

    base: Mapping[str, Any]
    entry: dict[str, Any]
    grants: list[Grant]
    submission: Submission
    #: The path of the row, or of the list, that gets the keyboard focus.
    focus: str = ""
    errors: FieldErrors = field(default_factory=dict)
    #: The fields of BUILT that are edited as YAML.
    in_yaml: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, base: Mapping[str, Any]) -> EditForm:
        """Return the form for the stored report, or for a new one, which starts with the most widely read format."""
        in_yaml = {name for name in BUILT if not is_shown_in_full(name, base.get(name))}
        grants = grants_of(base.get("grants", {}))
        return cls(base, {"formats": ["csv"], **base}, grants, Submission(QueryDict()), in_yaml=in_yaml)

    @classmethod
    def of_submitted(cls, data: QueryDict, base: Mapping[str, Any]) -> EditForm:
        in_yaml = {name for name in BUILT if data.get(f"{name}.as") != "form"}
        submission = Submission(data, BUILT - in_yaml | {"parameters"})
        grants = submitted_grants(submission)
        entry = submission.entry(ReportDefinition, "", without=_SPECIAL | EDITED_ELSEWHERE)
        for name, value in entry.items():
            # Browsers convert the line ends of stored texts. That isn't a change.
            stored = base.get(name)
            if isinstance(stored, str) and stored.replace("\r\n", "\n") == value:
                entry[name] = stored
        for name in EDITED_ELSEWHERE & base.keys():
            entry[name] = base[name]
        if "slug" not in base and not entry.get("slug"):
            entry["slug"] = slugify(entry.get("name", ""))[:100]
        formats, default = data.getlist("formats"), data.get("formats.first", "")
        if default in formats:
            # The first format is the default.
            formats = [default, *(name for name in formats if name != default)]
        entry["formats"] = formats
        entry["parameters"] = [submission.entry(ParameterDefinition, path) for path in submission.rows("parameters")]
        entry["delivery"] = [_delivery(submission, path) for path in submission.rows("delivery")]
        entry["grants"] = grants_entry(grants)
        return cls(base, entry, grants, submission, in_yaml=in_yaml)

    def change_rows(self, command: str) -> None:
        """Add, remove or move a row: "add parameters", "remove parameters 2", "up parameters 2"."""
        verb, name, number = [*command.split(" "), "", "", ""][:3]
        if verb in ("form", "yaml"):
            self._edit_as(verb, name)
            return
        if name not in ("parameters", "delivery"):
            if top_field(name) in BUILT - self.in_yaml:
                self.focus = rows_commands.change(self.entry, command) or ""
                self.submission.yaml_texts.clear()
            return
        rows = self.entry[name]
        row = int(number) if number.isascii() and number.isdigit() else -1
        self.focus = name
        if verb == "add":
            rows.append({"type": "string"} if name == "parameters" else {"kind": self.submission.text("delivery.new")})
            self.focus = f"{name}[{len(rows) - 1}]"
        elif verb == "remove" and 0 <= row < len(rows):
            del rows[row]
        elif verb == "up" and 0 < row < len(rows):
            rows[row - 1], rows[row] = rows[row], rows[row - 1]
            self.focus = f"{name}[{row - 1}]"
        # It is kept by path, and the paths have changed.
        self.submission.yaml_texts.clear()

    def _edit_as(self, way: str, name: str) -> None:
        """Go on with the field as YAML, or in the rows of the form, if these show all of it."""
        if name not in BUILT or (way == "yaml") == (name in self.in_yaml):
            return
        self.focus = name
        if way == "yaml":
            self.in_yaml.add(name)
            if self.submission.row_errors:
                self.errors |= {
                    path: errors for path, errors in self.submission.row_errors.items() if top_field(path) == name
                }
                self.in_yaml.discard(name)
            return
        if name in self.submission.yaml_errors:
            self.errors[name] = self.submission.yaml_errors[name]
        elif is_shown_in_full(name, self.entry.get(name)):
            self.in_yaml.discard(name)
        else:
            self.errors[name] = [_NOT_SHOWN]

    def undefined_names(self, dialect: str) -> list[str]:
        """Return the names that the queries use and that are neither parameters nor what is known of the caller."""
        sections = self.entry.get("sections")
        parts = [self.entry, *(sections if isinstance(sections, list) else [])]
        queries = [str(part.get("query") or "") for part in parts if isinstance(part, Mapping)]
        used = [name for query in queries for name in placeholders.names(query, dialect)]
        declared = {parameter.get("name") for parameter in self.entry.get("parameters", [])}
        return [name for name in dict.fromkeys(used) if name not in declared and not name.startswith(PREFIX)]

    def define_parameters(self, names: Sequence[str]) -> None:
        """Add a parameter of each name."""
        rows = self.entry["parameters"]
        self.focus = f"parameters[{len(rows)}]" if names else "parameters"
        rows.extend({"name": name, "type": "string"} for name in names)

    def test_values(self) -> list[Field]:
        """Return fields for the values that the query is checked with. None is required: a missing value is NULL."""
        # A parameter that was added since the page was shown has no submitted value: its default applies.
        submitted = self.submission.data.getlist("test_values")
        fields = []
        for entry in self.entry.get("parameters", []):
            try:
                parameter = replace(Parameter.from_dict(entry), required=False)
            except InvalidDefinition:
                # The check of the whole form shows its errors.
                continue
            fields.append(Field.of(parameter, self.submission.data, submitted=parameter.name in submitted))
        return fields

    def definition(self) -> ReportDefinition:
        """Return the form's definition. Raises InvalidDefinition."""
        if errors := self._errors_of_input:
            raise InvalidDefinition(fields=errors)
        return parse_report(plain(self.entry))

    @property
    def _errors_of_input(self) -> FieldErrors:
        return self.submission.row_errors | self.submission.yaml_errors

    def check(self, tenant: Tenant) -> tuple[ReportDefinition, Sources] | None:
        """Return the definition and its data sources; None if there are errors, which are then in `errors`."""
        try:
            definition = self.definition()
            return definition, to_database.check_definition(definition, tenant)
        except InvalidDefinition as error:
            self.add_errors(error, tenant)
            return None

    def add_errors(self, error: InvalidDefinition, tenant: Tenant) -> None:
        """Collect this error and every other one, so that all of them are shown at once.

        The checks against the database need a valid definition: invalid fields are replaced for them by valid ones.
        """
        entry = plain(self.entry)
        try:
            parse_report(entry)
            in_entry: FieldErrors = {}
        except InvalidDefinition as invalid:
            in_entry = errors_in(invalid)
        self.errors = in_entry | errors_in(error) | self._errors_of_input
        invalid_fields = {top_field(path) for path in self.errors}
        if invalid_fields & _AGREEING:
            # They have to agree with each other, so none can be checked alone.
            invalid_fields |= _AGREEING
        valid = {name: value for name, value in entry.items() if name not in invalid_fields}
        try:
            to_database.check_definition(parse_report(_VALID | valid), tenant)
        except InvalidDefinition as invalid:
            for path, sentences in errors_in(invalid).items():
                if path not in invalid_fields:
                    self.errors.setdefault(path, sentences)


def top_field(path: str) -> str:
    """Return the field of the report that the path is in."""
    return path.partition(".")[0].partition("[")[0]


def _delivery(submission: Submission, path: str) -> dict[str, Any]:
    kind = submission.text(f"{path}.kind")
    definition = DELIVERY_DEFINITIONS.get(kind)
    return submission.entry(definition, path) if definition else {"kind": kind}
