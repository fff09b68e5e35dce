"""Who asks, as a query sees it: `:caller_username`, `:caller_email` and `:caller_<attribute>`.

Tenants declare attributes with their types, and users have values of them. They are bound like parameters, and never
come from a client. A value that isn't declared, is empty or has another type is missing, and then nothing runs: NULL
could mean "everything" to a query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Protocol

from reports.exceptions import CallerAttributeMissing
from reports.parameters.declarations import Parameter
from reports.parameters.scalars import InvalidValue
from reports.parameters.values import TypedValue, to_json, typed_value

PREFIX = "caller_"
#: What every caller has, without a declaration.
_BUILT_IN = ("username", "email")
#: As they are stored with a job: type and JSON value by attribute.
StoredCaller = Mapping[str, Mapping[str, Any]]


class Identity(Protocol):
    """A user, as far as queries see one."""

    username: str
    email: str
    attributes: Any

    @property
    def tenant(self) -> Any: ...


def caller_names(names: Iterable[str], declared: Collection[str]) -> list[str]:
    """Return the attributes among the names that queries use, without the prefix; parameters are not among them."""
    used = [name for name in names if name.startswith(PREFIX) and name not in declared]
    return [name.removeprefix(PREFIX) for name in dict.fromkeys(used)]


def known_names(attributes: Mapping[str, object]) -> set[str]:
    """Return what queries can use in a tenant with these attributes, with the prefix."""
    return {PREFIX + name for name in (*_BUILT_IN, *attributes)}


def undefined(name: str) -> str:
    """Return a sentence about a name that a query uses and nobody has defined."""
    if name.startswith(PREFIX):
        return f":{name} isn't defined. Declare {name.removeprefix(PREFIX)} as an attribute of the tenant."
    return f":{name} isn't defined. Add it as a parameter."


def caller_values(identity: Identity | str, names: Collection[str]) -> dict[str, TypedValue]:
    """Return the identity's values of these attributes, by their names in queries. Raises CallerAttributeMissing.

    A program of the operator, which is a text, has none.
    """
    values = {name: None if isinstance(identity, str) else _value(identity, name) for name in names}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        who = "the operator" if isinstance(identity, str) else identity.username
        raise CallerAttributeMissing(
            f"This report depends on who runs it, and {who} has no valid value of: {', '.join(missing)}. "
            "Ask an administrator to set it."
        )
    return {PREFIX + name: value for name, value in values.items() if value is not None}


def attribute_errors(declared: Mapping[str, Mapping[str, Any]], name: str, raw: object) -> list[str]:
    """Return what is wrong with a value of an attribute, as sentences."""
    if name not in declared:
        return ["The tenant has no such attribute."]
    try:
        typed_value(_declaration(name, declared[name]), raw, None)
    except InvalidValue as error:
        return error.messages
    return []


def as_json(value: Any) -> Any:
    """Return the value as JSON has it: YAML reads an unquoted 2013-12-31 as a date."""
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def to_stored(values: Mapping[str, TypedValue]) -> dict[str, dict[str, Any]]:
    """Return the values as a job keeps them."""
    stored = to_json(values)
    return {name.removeprefix(PREFIX): {"type": typed.type, "value": stored[name]} for name, typed in values.items()}


def from_stored(stored: StoredCaller | None) -> dict[str, TypedValue]:
    """Return the values that `to_stored` has stored, by their names in queries."""
    values = {}
    for name, each in (stored or {}).items():
        multiple = isinstance(each["value"], list)
        parameter = Parameter(name=name, type=each["type"], multiple=multiple)
        values[PREFIX + name] = TypedValue(each["type"], typed_value(parameter, each["value"], None))
    return values


def _value(identity: Identity, name: str) -> TypedValue | None:
    if name in _BUILT_IN:
        text = getattr(identity, name)
        return TypedValue("string", text) if text else None
    declared = identity.tenant.attributes if identity.tenant else {}
    attributes = identity.attributes if isinstance(identity.attributes, Mapping) else {}
    if name not in declared or name not in attributes:
        return None
    try:
        parameter = _declaration(name, declared[name])
        value = typed_value(parameter, attributes[name], None)
    except (InvalidValue, KeyError, TypeError, AttributeError):
        return None
    return None if value in (None, "", ()) else TypedValue(parameter.type, value)


def _declaration(name: str, declared: Mapping[str, Any]) -> Parameter:
    return Parameter(name=name, type=declared["type"], multiple=bool(declared.get("multiple")), required=True)
