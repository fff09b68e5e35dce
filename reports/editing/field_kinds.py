"""Which control edits a field of a definition, by the field's type."""

from __future__ import annotations

from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel


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
