"""Attributes: what a tenant knows of its users, for queries that depend on who runs them."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

TYPES = ("string", "integer", "number", "boolean", "date", "datetime")
NAME = r"[A-Za-z_][A-Za-z0-9_]{0,49}"
#: What every user has without a declaration.
RESERVED = ("username", "email")


def validate_declarations(value: Any) -> None:
    """Raise ValidationError unless the value declares attributes: {"region": {"type": "string", "multiple": true}}."""
    if not isinstance(value, dict) or not all(_is_declaration(each) for each in value.values()):
        raise ValidationError(_('Declare attributes like {"region": {"type": "string", "multiple": true}}.'))
    for name in value:
        if not re.fullmatch(NAME, name, re.ASCII) or name in RESERVED:
            raise ValidationError(_("%(name)s can't be the name of an attribute."), params={"name": name})


def validate_attributes(value: Any) -> None:
    """Raise ValidationError unless the value is a mapping of attributes to a value or a list of values."""
    if not isinstance(value, dict):
        raise ValidationError(_('Set attributes like {"region": ["north", "south"]}.'))


def _is_declaration(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= {"type", "multiple"}
        and value.get("type") in TYPES
        and isinstance(value.get("multiple", False), bool)
    )
