"""The edit form as its page shows it: controls by section, with their errors, and a summary of all errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext

from reports.definitions import ParameterDefinition, ReportDefinition
from reports.definitions.from_database import DELIVERY_DEFINITIONS
from reports.editing.controls import Control, control_id, default_of, field_control, flatten, model_controls
from reports.editing.field_kinds import FieldKind
from reports.editing.field_texts import label_of
from reports.editing.form import BUILT, EDITED_ELSEWHERE, EditForm, top_field
from reports.editing.grants import RIGHTS, Grant, row_of
from reports.editing.tabs import Tab, tabs

#: The fields of each panel of the page. Fields that aren't named here are limits.
_SECTIONS = {
    "about": ("name", "slug", "description", "folder", "tags"),
    "query": ("data_source", "query", "sections"),
    "parameters": ("parameters",),
    "rules": ("rules", "time_zone"),
    "files": ("formats", "csv"),
    "delivery": ("delivery",),
    "sending": ("deliver",),
    "design": ("columns", "totals", "chart", "locale", "compare_by"),
}
_ORDER = [*(name for names in _SECTIONS.values() for name in names), "grants"]
_FIELDS = {name: info for name, info in ReportDefinition.model_fields.items() if name not in EDITED_ELSEWHERE}
_EMPTY_GRANTS = 2


class ErrorLink(NamedTuple):
    """An entry of the summary of errors: the id of the control, its title, and the sentence."""

    id: str
    title: str
    sentence: str


class FormControls:
    """The controls of a form. `sources`: the slugs of the data sources to choose from. `tab`: the open one."""

    def __init__(self, form: EditForm, sources: Sequence[str], tab: str = "") -> None:
        self._form = form
        self._sources = sources
        self._tab = tab
        self._fields = {name: self._control(name) for name in _FIELDS if name != "grants"}
        self._by_path = {control.path: control for control in flatten(self._fields.values())}
        for path, sentences in form.errors.items():
            self._show_errors(path, sentences)

    @property
    def sections(self) -> dict[str, list[Control]]:
        sections = {section: [self._fields[name] for name in names] for section, names in _SECTIONS.items()}
        sections["limits"] = [control for name, control in self._fields.items() if name not in _ORDER]
        return sections

    @property
    def tabs(self) -> list[Tab]:
        fields = [top_field(self._control_path(path)) for path in self._form.errors]
        return tabs(fields, top_field(self._form.focus), self._tab)

    @property
    def rights(self) -> list[tuple[str, str]]:
        """The columns of the access table: rights with their labels."""
        labels = {"generate": gettext("Run"), "view": gettext("View")}
        return [(right, labels.get(right, right)) for right in RIGHTS]

    @property
    def grants(self) -> list[tuple[int, Grant]]:
        """The numbered rows of the access table, with empty ones to add grants in."""
        empty = [Grant("", list(RIGHTS)) for _ in range(_EMPTY_GRANTS)]
        return list(enumerate([*self._form.grants, *empty]))

    @property
    def delivery_kinds(self) -> list[str]:
        return list(DELIVERY_DEFINITIONS)

    @property
    def error_links(self) -> list[ErrorLink]:
        """All errors, in the order of the page."""
        position = {name: at for at, name in enumerate(_ORDER)}
        paths = sorted(self._form.errors, key=lambda path: position.get(top_field(path), len(position)))
        links = [ErrorLink(self._id(path), self._title(path), self._form.errors[path][0]) for path in paths]
        return list(dict.fromkeys(links))

    # --- Controls -----------------------------------------------------------------------------------------------------

    def _control(self, name: str) -> Control:
        value = self._form.entry.get(name, default_of(_FIELDS[name]))
        yaml_texts = self._form.submission.yaml_texts
        if name == "parameters":
            rows = [
                model_controls(ParameterDefinition, entry, f"parameters[{row}]", yaml_texts, built=True)
                for row, entry in enumerate(value)
            ]
            return _list_control(name, rows)
        if name == "delivery":
            targets = [target if isinstance(target, Mapping) else target.model_dump(mode="json") for target in value]
            rows = [_delivery_controls(target, f"delivery[{row}]", yaml_texts) for row, target in enumerate(targets)]
            return _list_control(name, rows)
        is_built = name in BUILT and name not in self._form.in_yaml
        control = field_control(_FIELDS[name], name, value, yaml_texts, built=is_built)
        if name in BUILT:
            control.edited_as = "form" if is_built else "yaml"
        if name == "query":
            control.kind = "code"
        elif name == "data_source":
            options = [(source, source) for source in self._sources]
            if control.value not in self._sources:
                options.insert(0, ("", gettext("Choose…")))
            control.kind, control.options, control.chosen = FieldKind.SELECT, options, [control.value]
        elif name == "csv":
            _offer_delimiters(control.parts[0])
        elif name == "formats":
            # In the report's order, as the first is the default.
            others = [(value, text) for value, text in control.options if value not in control.chosen]
            control.options = [(value, value) for value in control.chosen] + others
        return control

    # --- Errors -------------------------------------------------------------------------------------------------------

    def _show_errors(self, path: str, sentences: list[str]) -> None:
        if top_field(path) == "grants":
            row = row_of(path, self._form.grants)
            if row is not None:
                errors = self._form.grants[row].errors
                errors += [sentence for sentence in sentences if sentence not in errors]
        elif control := self._by_path.get(self._control_path(path)):
            control.errors += [self._with_line(path, control.path, sentence) for sentence in sentences]

    def _control_path(self, path: str) -> str:
        """Return the path of the control that shows the error: the field's own, or the closest around it."""
        path = self._row_path(path)
        if top_field(path) == "template":
            # Edited on its own page; what conflicts with it is the choice of formats.
            return "formats"
        while path and path not in self._by_path:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return path

    def _row_path(self, path: str) -> str:
        """Return the path with numbers of rows in place of keys: "columns[0].format" for "columns.amount.format"."""
        for control in flatten(self._fields.values()):
            if control.kind != FieldKind.NAMED or not path.startswith(f"{control.path}."):
                continue
            for row in control.parts:
                key = f"{control.path}.{row.name}"
                if row.name and (path == key or path.startswith((f"{key}.", f"{key}["))):
                    # Rows with nothing but a value have its errors beside it.
                    rest = path[len(key) :] or (".value" if f"{row.path}.value" in self._by_path else "")
                    return self._row_path(row.path + rest) if rest else row.path
        return path

    def _with_line(self, path: str, control_path: str, sentence: str) -> str:
        """Return the sentence with the line that it is about, if the control holds several."""
        rest = path[len(control_path) :].lstrip(".")
        if control_path in self._form.submission.yaml_lines:
            line = self._form.submission.yaml_lines[control_path].get(rest)
            key = f"{rest}: " if rest else ""
            return f"{gettext('Line %(line)s: ') % {'line': line}}{key}{sentence}" if line else f"{key}{sentence}"
        number = rest.strip("[]")
        return f"{gettext('Line %(line)s: ') % {'line': int(number) + 1}}{sentence}" if number.isdigit() else sentence

    def _id(self, path: str) -> str:
        if top_field(path) == "grants":
            row = row_of(path, self._form.grants)
            return control_id("grants" if row is None else f"grants[{row}]")
        return control_id(self._control_path(path))

    def _title(self, path: str) -> str:
        if top_field(path) == "grants":
            row = row_of(path, self._form.grants)
            return label_of("grants") if row is None else f"{label_of('grants')}, {self._form.grants[row].holder}"
        head, _, rest = path.partition("[")
        number, _, below = rest.partition("]")
        if head not in ("parameters", "delivery") or not number.isdigit():
            shown = self._control_path(path)
            whole, field = label_of(top_field(shown)), label_of(shown)
            return field if shown == top_field(shown) or top_field(shown) not in BUILT else f"{whole}: {field}"
        title = f"{gettext('Parameter') if head == 'parameters' else gettext('Delivery')} {int(number) + 1}"
        name = below.strip(".").partition("[")[0]
        return f"{title}: {label_of(f'{head}.{name}')}" if name else title


def _list_control(name: str, rows: list[list[Control]]) -> Control:
    parts = [Control(f"{name}[{row}]", "row", "", value=str(row), parts=controls) for row, controls in enumerate(rows)]
    return Control(name, "rows", label_of(name), parts=parts)


def _delivery_controls(target: Mapping[str, Any], path: str, yaml_texts: Mapping[str, str]) -> list[Control]:
    definition = DELIVERY_DEFINITIONS.get(str(target.get("kind")))
    return model_controls(definition, target, path, yaml_texts) if definition else []


def _offer_delimiters(control: Control) -> None:
    options = [
        (",", gettext("Comma (,)")),
        (";", gettext("Semicolon (;)")),
        ("\t", gettext("Tab")),
        ("|", gettext("Pipe (|)")),
    ]
    if control.value not in dict(options):
        options.append((control.value, control.value))
    control.kind, control.options, control.chosen = FieldKind.SELECT, options, [control.value]
