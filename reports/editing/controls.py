"""The controls of the edit form, built from the types of the definitions file.

A control is named by the path of its field, such as "parameters[0].type", as errors are. A field that is added to a
definition appears in the form without further work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from reports.definitions import yaml
from reports.definitions.errors import join_path
from reports.editing.builders import chart
from reports.editing.builders.named_rows import KEY, NamedRows, plain
from reports.editing.field_kinds import (
    FieldKind,
    built_kind_of,
    choices_of,
    fields_of_model,
    is_model,
    item_type_of,
    kind_of,
    model_in,
    without_none,
)
from reports.editing.field_texts import help_of, label_of, option_text
from reports.editing.parameter_values import EMPTY_LIST, value_text

#: A text that may be longer than this gets a text area.
_LONG_TEXT = 300
#: Fields of a row that are hidden while they are empty.
_ADVANCED = frozenset({
    "help", "choices", "choices_query", "minimum", "maximum", "pattern", "max_length", "currency", "width", "align",
    "hidden", "highlight",
})  # fmt: skip


@dataclass
class Control:
    """One field of the form: its value as text, valid or not, and its errors.

    `kind` chooses the part of the template: a FieldKind, or one that only the form gives (area, code, hidden, row,
    rows).
    """

    path: str
    kind: str
    label: str
    help: str = ""
    value: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    #: Of a YAML field: its possible keys, with their descriptions.
    keys: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: The key of a row of a mapping.
    name: str = ""
    #: Of a field that can be edited either way: what it is edited as, "form" or "yaml".
    edited_as: str = ""
    #: The controls in a group, a list or a row of a list.
    parts: list[Control] = field(default_factory=list)

    @property
    def id(self) -> str:
        return control_id(self.path)

    @property
    def is_advanced(self) -> bool:
        return self.path.rpartition(".")[2] in _ADVANCED

    @property
    def has_advanced(self) -> bool:
        return any(part.is_advanced for part in self.parts)

    @property
    def is_expanded(self) -> bool:
        """True for a row with something in its advanced fields."""
        return any(part.has_content for part in self.parts if part.is_advanced)

    @property
    def has_content(self) -> bool:
        if self.kind in ("check", "checks"):
            return bool(self.chosen or self.errors)
        return bool(self.value or self.errors) or any(part.has_content for part in self.parts)


def control_id(path: str) -> str:
    """Return the id of the control's element."""
    return "edit-" + path.replace("[", "-").replace("]", "").replace(".", "-")


def flatten(controls: Iterable[Control]) -> Iterator[Control]:
    """Yield the controls and everything in them."""
    for control in controls:
        yield control
        yield from flatten(control.parts)


def default_of(info: FieldInfo) -> Any:
    """Return the field's default; None if the field is required."""
    default = info.get_default(call_default_factory=True)
    return None if default is PydanticUndefined else default


def model_controls(
    model: type[BaseModel], entry: Mapping[str, Any], prefix: str, yaml_texts: Mapping[str, str], *, built: bool = False
) -> list[Control]:
    """Return the controls of a model's fields with the values of the entry."""
    return [
        field_control(info, join_path(prefix, name), entry.get(name, default_of(info)), yaml_texts, built=built)
        for name, info in fields_of_model(model).items()
    ]


def field_control(
    info: FieldInfo, path: str, value: Any, yaml_texts: Mapping[str, str], *, built: bool = False
) -> Control:
    """Return the control of one field. `yaml_texts`: YAML as it was submitted, by path.

    `built`: structures have controls of their own, and aren't written in YAML.
    """
    kind = built_kind_of(info.annotation) if built else kind_of(info.annotation)
    if kind is FieldKind.CHART and path != "chart":
        kind = FieldKind.YAML
    control = Control(path, kind, label_of(path), help_of(path, info.description, in_rows=built))
    match kind:
        case FieldKind.ROWS | FieldKind.NAMED:
            control.parts = _rows(info, path, value, yaml_texts)
        case FieldKind.CHART:
            control.parts = model_controls(chart.ChartFields, chart.fields_of(value) or {}, path, yaml_texts)
        case FieldKind.OPTIONAL:
            entry = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            model = without_none(info.annotation)
            control.parts = model_controls(
                model, entry if isinstance(entry, Mapping) else {}, path, yaml_texts, built=True
            )
        case FieldKind.GROUP:
            entry = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            entry = entry if isinstance(entry, Mapping) else {}
            control.parts = model_controls(without_none(info.annotation), entry, path, yaml_texts, built=built)
        case FieldKind.SELECT | FieldKind.CHECKS:
            choices = choices_of(info.annotation)
            control.options = [(choice, option_text(path, choice)) for choice in choices]
            control.chosen = [str(item) for item in (value if isinstance(value, list) else [value]) if item is not None]
            control.value = control.chosen[0] if control.chosen else ""
            if kind is FieldKind.SELECT and len(choices) == 1:
                control.kind = "hidden"
            elif kind is FieldKind.SELECT and not info.is_required() and default_of(info) is None:
                control.options.insert(0, ("", option_text(path, "")))
        case FieldKind.CHECK:
            control.chosen = ["on"] if value is True else []
        case FieldKind.YAML:
            control.value = yaml_texts[path] if path in yaml_texts else _yaml_text(value)
            control.keys = _keys(info.annotation)
        case _:
            control.value = _text(kind, value)
            limits = [limit for part in info.metadata if (limit := getattr(part, "max_length", None)) is not None]
            if built and path.endswith(".query"):
                control.kind = "code"
            elif kind is FieldKind.TEXT and (min(limits, default=0) > _LONG_TEXT or "\n" in control.value):
                control.kind = "area"
    return control


def _rows(info: FieldInfo, path: str, value: Any, yaml_texts: Mapping[str, str]) -> list[Control]:
    """Return the rows of a list of mappings, or of a mapping by name: `name` of a row is its key."""
    if built_kind_of(info.annotation) is FieldKind.ROWS:
        model, entries = item_type_of(without_none(info.annotation)), value if isinstance(value, list) else []
        return [
            Control(f"{path}[{row}]", "row", "", value=str(row),
                    parts=model_controls(model, entry, f"{path}[{row}]", yaml_texts, built=True))
            for row, entry in enumerate(entries)
        ]  # fmt: skip
    rows = []
    for row, (key, entry) in enumerate(NamedRows.of(value)):
        at = f"{path}[{row}]"
        parts = [Control(f"{at}.{KEY}", "area" if "\n" in key else "text", label_of(f"{path}.{KEY}"), value=key)]
        model_of_entry = model_in(info.annotation)
        if model_of_entry:
            parts += model_controls(model_of_entry, entry, at, yaml_texts, built=True)
        else:
            options = [
                (choice, option_text(path, choice))
                for choice in choices_of(get_args(without_none(info.annotation))[-1])
            ]
            parts.append(Control(f"{at}.value", "select", label_of(f"{path}.value"), value=str(entry), options=options,
                                 chosen=[str(entry)]))  # fmt: skip
        rows.append(Control(at, "row", "", value=str(row), name=key, parts=parts))
    return rows


def _text(kind: FieldKind, value: Any) -> str:
    if value == []:
        # An empty list is a valid default; no text means no default.
        return EMPTY_LIST if kind is FieldKind.VALUE else ""
    if isinstance(value, list):
        return "\n".join(
            value_text(item) if kind in (FieldKind.VALUE, FieldKind.VALUES) else str(item) for item in value
        )
    if kind is FieldKind.VALUE:
        return value_text(value)
    return "" if value is None else str(value)


def _yaml_text(value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, str):
        return value
    return yaml.write(value.model_dump(mode="json") if isinstance(value, BaseModel) else plain(value))


def _keys(annotation: Any) -> list[tuple[str, str]]:
    field_type = without_none(annotation)
    parts = get_args(field_type)
    # The entries of a list, or of a mapping by name.
    model = without_none(parts[-1]) if get_origin(field_type) in (list, dict) and parts else field_type
    if not is_model(model):
        return []
    return [(name, help_of(f"{model.__name__}.{name}", info.description)) for name, info in model.model_fields.items()]
