"""Which control edits a field of a definition, by the field's type."""

from __future__ import annotations

from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


class FieldKind(StrEnum):
    """The kinds of control that a field's type implies."""

    CHECK = "check"
    NUMBER = "number"
    TEXT = "text"
    #: A list of texts, one per line.
    LINES = "lines"
    #: One of several values, or any number of them.
    SELECT = "select"
    CHECKS = "checks"
    #: A value, or a list of values, of the type that a parameter declares in another field.
    VALUE = "value"
    VALUES = "values"
    #: A mapping, whose fields have their own controls.
    GROUP = "group"
    #: Anything else.
    YAML = "yaml"
    #: What a form may show in place of YAML: a list of mappings, a mapping of them by name, one that may be absent, and
    #: a chart.
    ROWS = "list"
    NAMED = "named"
    OPTIONAL = "optional"
    CHART = "chart"


def kind_of(annotation: Any) -> FieldKind:
    """Return the kind of control for a field of this type."""
    field_type = without_none(annotation)
    if field_type is Any:
        return FieldKind.VALUE
    if get_origin(field_type) is Literal:
        return FieldKind.SELECT
    if get_origin(field_type) is list:
        item_type = item_type_of(field_type)
        if get_origin(item_type) is Literal:
            return FieldKind.CHECKS
        return {str: FieldKind.LINES, Any: FieldKind.VALUES}.get(item_type, FieldKind.YAML)
    if is_model(field_type):
        # A group of controls can't express that an optional mapping is absent; YAML can.
        return FieldKind.GROUP if field_type is _without_metadata(annotation) else FieldKind.YAML
    return {bool: FieldKind.CHECK, int: FieldKind.NUMBER, str: FieldKind.TEXT}.get(field_type, FieldKind.YAML)


def built_kind_of(annotation: Any) -> FieldKind:
    """Return the kind of control for a field of this type where structures have controls of their own."""
    kind, field_type = kind_of(annotation), without_none(annotation)
    if kind is not FieldKind.YAML:
        return kind
    if get_origin(field_type) is dict:
        value_type = without_none(get_args(field_type)[-1])
        if value_type is Any:
            return FieldKind.CHART
        return FieldKind.NAMED if is_model(value_type) or get_origin(value_type) is Literal else kind
    if get_origin(field_type) is list:
        return FieldKind.ROWS if is_model(item_type_of(field_type)) else kind
    return FieldKind.OPTIONAL if is_model(field_type) else kind


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a field, or of the entries of its list or mapping."""
    field_type = without_none(annotation)
    if get_origin(field_type) in (list, dict):
        field_type = without_none(get_args(field_type)[-1])
    return field_type if is_model(field_type) else None


def fields_of_model(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields by their names in the definitions file."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def choices_of(annotation: Any) -> list[str]:
    """Return the values of a SELECT or CHECKS field."""
    field_type = without_none(annotation)
    literal = item_type_of(field_type) if get_origin(field_type) is list else field_type
    return [str(value) for value in get_args(literal)]


def item_type_of(list_type: Any) -> Any:
    return without_none(get_args(list_type)[0])


def is_model(field_type: Any) -> bool:
    return isinstance(field_type, type) and issubclass(field_type, BaseModel)


def without_none(annotation: Any) -> Any:
    """Return the type without its metadata and without the None of an optional one."""
    bare = _without_metadata(annotation)
    if get_origin(bare) in (Union, UnionType):
        types = [member for member in get_args(bare) if member is not type(None)]
        return without_none(types[0]) if len(types) == 1 else bare
    return bare


def _without_metadata(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation
