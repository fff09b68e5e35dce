"""A submitted edit form, read as an entry of the definitions file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reports.definitions import yaml
from reports.definitions.errors import FieldErrors, join_path
from reports.editing.field_kinds import FieldKind, kind_of, without_none
from reports.editing.parameter_values import parse_values


@dataclass
class Submission:
    """The data of a submitted form. Its fields are named by their path in the entry, such as "parameters[0].type"."""

    data: QueryDict
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
        for name, info in model.model_fields.items():
            if name not in without:
                value = self._value(join_path(prefix, name), info)
                if value is not None:
                    entry[name] = value
        return parse_values(entry) if "choices" in model.model_fields else entry

    def _value(self, path: str, info: FieldInfo) -> Any:
        match kind_of(info.annotation):
            case FieldKind.GROUP:
                return self.entry(without_none(info.annotation), path)
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
