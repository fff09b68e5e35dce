"""The controls of a form, made from the types of the definitions file, and back: what was sent as an entry of it.

A control is named by the path of its field ("parameters[0].type"), which is also how faults are told, and shows what
the entry has there, right or wrong: so input is kept. What is new in a type is in the form without more work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from django.http import QueryDict
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from reports.definitions import yaml
from reports.definitions.errors import FieldErrors, join_path
from reports.parameters.scalars import LARGEST_EXACT_FLOAT, SCALARS, InvalidValue

_LONG = 300
_EMPTY_LIST = "[]"


@dataclass
class Control:
    """One field with what stands in it and what is wrong with that. `parts` are the fields of a group."""

    path: str
    kind: str
    label: str
    help: str = ""
    value: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    #: Of YAML: the fields that may stand in it, and what they mean.
    keys: list[tuple[str, str]] = field(default_factory=list)
    limit: int | None = None
    errors: list[str] = field(default_factory=list)
    parts: list[Control] = field(default_factory=list)

    @property
    def id(self) -> str:
        return control_id(self.path)

    @property
    def is_rare(self) -> bool:
        """Whether it may be folded away while it is empty."""
        return self.path.rpartition(".")[2] in _RARE

    @property
    def is_unfolded(self) -> bool:
        """Of a row: whether a field that may be folded away says something."""
        return any(part.is_rare and (part.value or part.errors) for part in self.parts)


def control_id(path: str) -> str:
    """The id of the element with that name."""
    return "edit-" + path.replace("[", "-").replace("]", "").replace(".", "-")


def shape(annotation: Any) -> str:
    """Which control takes a value of the type; "yaml" for what has none of its own."""
    kind = _plain(annotation)
    if kind is Any:
        return "value"
    if get_origin(kind) is Literal:
        return "select"
    if get_origin(kind) is list:
        return _shape_of_list(_plain(get_args(kind)[0]))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "group" if kind is _bare(annotation) else "yaml"
    return {bool: "check", int: "number", str: "text"}.get(kind, "yaml")


def _shape_of_list(item: Any) -> str:
    if get_origin(item) is Literal:
        return "checks"
    return {str: "lines", Any: "values"}.get(item, "yaml")


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _plain(annotation: Any) -> Any:
    """Without Annotated, and without the None of an optional one."""
    bare = _bare(annotation)
    if get_origin(bare) in (Union, UnionType):
        kinds = [kind for kind in get_args(bare) if kind is not type(None)]
        return _plain(kinds[0]) if len(kinds) == 1 else bare
    return bare


# --- From what was sent -----------------------------------------------------------------------------------------------


@dataclass
class Sent:
    """A form that was sent. Of its YAML: what stands there, what can't be read, and the lines of what can."""

    data: QueryDict
    raw: dict[str, str] = field(default_factory=dict)
    faults: FieldErrors = field(default_factory=dict)
    lines_of: dict[str, dict[str, int]] = field(default_factory=dict)

    def text(self, path: str) -> str:
        # Browsers end lines with CR LF; a query must not change by being shown.
        return self.data.get(path, "").replace("\r\n", "\n")

    def lines(self, path: str) -> list[str]:
        return [line.strip() for line in self.text(path).splitlines() if line.strip()]

    def entry(self, model: type[BaseModel], prefix: str, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The mapping that the fields of this type make; an empty optional field is left out of it."""
        found: dict[str, Any] = {}
        for name, info in model.model_fields.items():
            if name in without:
                continue
            value = self._value(join_path(prefix, name), info)
            if value is not None:
                found[name] = value
        return _typed(found) if "choices" in model.model_fields else found

    def _value(self, path: str, info: FieldInfo) -> Any:
        kind = shape(info.annotation)
        if kind == "group":
            return self.entry(_plain(info.annotation), path)
        if kind == "check":
            return path in self.data
        if kind == "checks":
            return self.data.getlist(path)
        if kind in ("lines", "values"):
            return self.lines(path)
        if kind == "yaml":
            return self._yaml(path)
        text = self.text(path)
        if kind == "number":
            return _number(text)
        return None if text == "" and not info.is_required() else text

    def _yaml(self, path: str) -> Any:
        text = self.raw[path] = self.text(path)
        if not text.strip():
            return None
        try:
            document = yaml.read(text)
        except yaml.InvalidYaml as error:
            self.faults[path] = [f"Line {error.line}: {error.message}"]
            return text
        self.lines_of[path] = document.lines
        return document.data


def _number(text: str) -> int | str | None:
    bare = text.strip().replace(",", "").replace("_", "").replace(" ", "")
    if not bare:
        return None
    # What is no number stays as it was written, and is refused where all of the definition is checked.
    return int(bare) if bare.isascii() and bare.removeprefix("-").isdigit() and len(bare) < 20 else text


# --- Values whose type the parameter tells ----------------------------------------------------------------------------


def _typed(parameter: dict[str, Any]) -> dict[str, Any]:
    """The texts of default, bounds and choices as values of the parameter's type."""
    kind, typed = str(parameter.get("type", "")), dict(parameter)
    typed["choices"] = [_from_text(kind, line) for line in parameter.get("choices", [])] or None
    for name in ("minimum", "maximum", "default"):
        text = parameter.get(name, "").strip()
        if name == "default" and parameter.get("multiple"):
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            typed[name] = [] if text == _EMPTY_LIST else [_from_text(kind, line) for line in lines] or None
        else:
            typed[name] = _from_text(kind, text) if text else None
    return {name: value for name, value in typed.items() if value is not None}


def _from_text(kind: str, text: str) -> Any:
    """A text in quotation marks is the JSON text that it spells: so blanks, line ends and "" can be written."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return json.loads(text)
        except ValueError:
            return text
    if kind not in ("integer", "number", "boolean"):
        return text
    try:
        return SCALARS[kind].to_json(SCALARS[kind].from_text(text))
    except InvalidValue:
        return text


def _as_text(value: Any) -> str:
    """The text that _from_text reads as this value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT:
        # The text "5.0" is no integer, although the number is.
        return str(int(value))
    if not isinstance(value, str):
        return "" if value is None else str(value)
    plain = value and value.strip() == value and value != _EMPTY_LIST and value.isprintable()
    return value if plain and not (len(value) > 1 and value[0] == value[-1] == '"') else json.dumps(value)


# --- To what is shown -------------------------------------------------------------------------------------------------


def controls(model: type[BaseModel], entry: Mapping[str, Any], prefix: str, raw: Mapping[str, str]) -> list[Control]:
    """The controls of the type's fields, with what the entry has in them."""
    return [
        control(info, join_path(prefix, name), entry.get(name, default_of(info)), raw)
        for name, info in model.model_fields.items()
    ]


def control(info: FieldInfo, path: str, value: Any, raw: Mapping[str, str]) -> Control:
    """The control of one field."""
    kind = shape(info.annotation)
    made = Control(path, kind, label_of(path), _help(path, info), limit=_limit(info))
    if kind == "group":
        given = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        made.parts = controls(_plain(info.annotation), given if isinstance(given, Mapping) else {}, path, raw)
    elif kind in ("select", "checks"):
        choices = get_args(_plain(info.annotation)) if kind == "select" else _choices_of_list(info)
        made.options = [(str(choice), _WORDS.get(str(choice), str(choice))) for choice in choices]
        made.chosen = [str(one) for one in (value if isinstance(value, list) else [value]) if one is not None]
        made.kind = "hidden" if kind == "select" and len(choices) == 1 else kind
        made.value = made.chosen[0] if made.chosen else ""
    elif kind == "check":
        made.chosen = ["on"] if value is True else []
    else:
        made.value = raw.get(path, _shown(kind, value)) if kind == "yaml" else _shown(kind, value)
        made.keys = _keys(info.annotation) if kind == "yaml" else []
        made.kind = "area" if kind == "text" and ((made.limit or 0) > _LONG or "\n" in made.value) else kind
    return made


def _keys(annotation: Any) -> list[tuple[str, str]]:
    kind = _plain(annotation)
    model = _plain(get_args(kind)[0]) if get_origin(kind) is list else kind
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return []
    return [(name, info.description or "") for name, info in model.model_fields.items()]


def _choices_of_list(info: FieldInfo) -> tuple[Any, ...]:
    return get_args(_plain(get_args(_plain(info.annotation))[0]))


def _shown(kind: str, value: Any) -> str:
    if value is None or value == []:
        return _EMPTY_LIST if kind == "value" and value == [] else ""
    if kind == "yaml" and not isinstance(value, str):
        return yaml.write(value.model_dump(mode="json") if isinstance(value, BaseModel) else value)
    if isinstance(value, list):
        return "\n".join(map(_as_text if kind in ("value", "values") else str, value))
    return _as_text(value) if kind == "value" else str(value)


def default_of(info: FieldInfo) -> Any:
    """What the field is when the entry leaves it out; None where it may not."""
    found = info.get_default(call_default_factory=True)
    return None if found is PydanticUndefined else found


def _limit(info: FieldInfo) -> int | None:
    found = (getattr(part, "max_length", None) for part in info.metadata)
    lengths = [length for length in found if length is not None]
    return min(lengths) if lengths and shape(info.annotation) in ("text", "area") else None


def label_of(path: str) -> str:
    """The field's name for people: that of the file, spelled out."""
    name = path.rsplit(".", 1)[-1]
    return _LABELS.get(name) or name.replace("_", " ").capitalize()


def _help(path: str, info: FieldInfo) -> str:
    """What the file's schema says of it, unless that says nothing here."""
    name = path.rpartition(".")[2] if path.startswith("parameters") else path
    return _HELP.get(name if path == name else f"parameter {name}", info.description or "")


_RARE = frozenset({"help", "choices", "minimum", "maximum", "pattern", "max_length"})
_LABELS = {
    "slug": "Name in addresses and the API",
    "timeout_seconds": "Time limit in seconds",
    "max_rows": "Row limit",
    "max_bytes": "Size limit in bytes",
    "max_running": "Jobs running at once",
    "on_limit": "When a limit is reached",
    "max_attempts": "Attempts",
    "retention_days": "Days results are kept",
    "required": "Has to be given where there is no default",
    "multiple": "Takes several values, for “in :name”",
    "max_length": "Most characters",
    "to": "To",
    "url": "Address",
    "byte_order_mark": "Begin with a byte order mark",
    "formula_guard": "Guard against formulas",
    "csv": "CSV files",
}
_HELP = {
    "name": "What people call it.",
    "slug": "Letters, digits, - and _. Links and programs use it: they break when it changes.",
    "description": "Shown in the catalogue and on the report's page.",
    "data_source": "",
    "formats": "",
    "on_limit": "",
    "parameter name": "",
    "parameter type": "",
    "parameter label": "",
    "parameter required": "",
    "parameter multiple": "",
    "parameter default": "",
    "parameter choices": "The only values allowed, one per line.",
}
_WORDS = {
    "truncate": "Cut, and say so",
    "fail": "Fail",
    "asynchronous": "Later, as a job (asynchronous)",
    "synchronous": "At once, in the answer (synchronous)",
}
