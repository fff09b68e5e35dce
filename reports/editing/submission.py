"""A submitted edit form, read as an entry of the definitions file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reports.definitions import yaml
from reports.definitions.errors import FieldErrors, join_path
from reports.editing.builders import chart
from reports.editing.builders.named_rows import KEY, NamedRows
from reports.editing.field_kinds import (
    FieldKind,
    built_kind_of,
    fields_of_model,
    item_type_of,
    kind_of,
    model_in,
    without_none,
)
from reports.editing.parameter_values import parse_values


@dataclass
class Submission:
    """The data of a submitted form. Its fields are named by their path in the entry, such as "parameters[0].type"."""

    data: QueryDict
    #: The fields of the report whose structures have controls of their own. Of the others, they are written in YAML.
    built: frozenset[str] = frozenset()
    #: What is wrong with the rows of mappings, and with charts.
    row_errors: FieldErrors = field(default_factory=dict)
    #: Of the YAML fields read so far: their text, why it isn't YAML, and the lines of the values in it.
    yaml_texts: dict[str, str] = field(default_factory=dict)
    yaml_errors: FieldErrors = field(default_factory=dict)
    yaml_lines: dict[str, dict[str, int]] = field(default_factory=dict)

    def text(self, path: str) -> str:
        # Browsers end lines with CR LF; a query must not change by being shown and submitted.
        return self.data.get(path, "").replace("\r\n", "\n")

    def rows(self, path: str) -> list[str]:
        """Return the paths of the rows of a list, in their order on the page."""
        numbers = self.data.getlist(path)
        return [f"{path}[{number}]" for number in numbers if number.isascii() and number.isdigit()]

    def entry(self, model: type[BaseModel], prefix: str, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the model's fields as a mapping; empty optional fields are left out. Nothing is validated yet."""
        entry: dict[str, Any] = {}
        for name, info in fields_of_model(model).items():
            if name not in without:
                value = self.value(join_path(prefix, name), info)
                if value is not None:
                    entry[name] = value
        return parse_values(entry) if "choices" in model.model_fields else entry

    def value(self, path: str, info: FieldInfo) -> Any:
        """Return the value of one field, as `entry` has it; None if it is left out."""
        match built_kind_of(info.annotation) if self.is_built(path) else kind_of(info.annotation):
            case FieldKind.ROWS:
                item_type = item_type_of(without_none(info.annotation))
                return [self.entry(item_type, row) for row in self.rows(path)] or None
            case FieldKind.NAMED:
                return self._named(path, info)
            case FieldKind.OPTIONAL:
                entry = self.entry(without_none(info.annotation), path)
                is_absent = all(value in (None, "", []) or isinstance(value, bool) for value in entry.values())
                return None if is_absent else entry
            case FieldKind.CHART if path == "chart":
                return self._chart(path)
            case FieldKind.CHART:
                return self._yaml(path)
            case FieldKind.GROUP:
                return self.entry(without_none(info.annotation), path)
            case FieldKind.CHECK if info.default is False and self.is_built(path):
                # Rows that become YAML would have a line for each empty box.
                return True if path in self.data else None
            case FieldKind.CHECK:
                return path in self.data
            case FieldKind.CHECKS:
                return self.data.getlist(path)
            case FieldKind.LINES | FieldKind.VALUES:
                lines = [line.strip() for line in self.text(path).splitlines()]
                return [line for line in lines if line]
            case FieldKind.YAML:
                return self._yaml(path)
            case FieldKind.NUMBER:
                return _number(self.text(path))
        text = self.text(path)
        return None if text == "" and not info.is_required() else text

    def is_built(self, path: str) -> bool:
        """Whether structures at the path have controls of their own."""
        return path.partition(".")[0].partition("[")[0] in self.built

    def _named(self, path: str, info: FieldInfo) -> NamedRows | None:
        model, rows = model_in(info.annotation), NamedRows()
        for row in self.rows(path):
            value = self.entry(model, row) if model else self.text(f"{row}.value")
            rows.append([self.text(f"{row}.{KEY}"), value])
        self.row_errors |= rows.errors(path, model)
        return rows or None

    def _chart(self, path: str) -> dict[str, Any] | None:
        fields = self.entry(chart.ChartFields, path)
        self.row_errors |= chart.errors(fields, path)
        return chart.spec_of(fields)

    def _yaml(self, path: str) -> Any:
        text = self.yaml_texts[path] = self.text(path)
        if not text.strip():
            return None
        try:
            document = yaml.read(text)
        except yaml.InvalidYaml as error:
            self.yaml_errors[path] = [f"Line {error.line}: {error.message}"]
            return text
        self.yaml_lines[path] = document.lines
        return document.data


def _number(text: str) -> int | str | None:
    """Return the number; a text that isn't one stays, for the check of the whole definition to refuse."""
    digits = text.strip().replace(",", "").replace("_", "").replace(" ", "")
    if not digits:
        return None
    is_number = digits.isascii() and digits.removeprefix("-").isdigit() and len(digits) < 20
    return int(digits) if is_number else text
