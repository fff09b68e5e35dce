"""All changes of connections: each in one transaction with its audit entry, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.models import Tenant, User
from audit import actions as audit
from audit.models import Action
from common.children.messages import ChildLimits
from jobs.connections import to_database
from jobs.connections.channels import check
from jobs.connections.channels.check import ConnectionTest
from jobs.connections.definitions import SentConnection, parse_connection, secret_errors
from jobs.connections.models import Connection
from jobs.exceptions import ConnectionNotFound
from reports.definitions import merge_patch
from reports.definitions.errors import FieldErrors, invalid_definition
from reports.dry_run.limited import run_in_child
from reports.exceptions import QueryTimeout, RunError

#: The channels stop by themselves; a child that doesn't is killed.
_TEST_LIMITS = ChildLimits(seconds=60)
#: Fields of a call that are secrets.
_SECRETS = ("url", "private_key")
_NEW_PIN = "A definitions file has set it for the host key that this changes. Enter it again."


def create_connection(*, definition: SentConnection, tenant: Tenant, actor: User) -> Connection:
    """Create a connection. Raises InvalidDefinition."""
    connection = Connection(tenant=tenant)
    with transaction.atomic():
        to_database.write(connection, definition, _secret(connection, definition), by_operator=False)
        _record(Action.CONNECTION_CREATE, connection, actor)
    return connection


def update_connection(*, connection: Connection, definition: SentConnection, actor: User) -> Connection:
    """Make the connection match the definition, with the stored secrets where it has none. Raises InvalidDefinition."""
    with transaction.atomic():
        return _update(_locked(connection), definition, actor)


def patch_connection(*, connection: Connection, patch: Mapping[str, Any], actor: User) -> Connection:
    """Apply a JSON merge patch to the definition. Raises InvalidDefinition."""
    with transaction.atomic():
        locked = _locked(connection)
        secrets = {name: patch[name] for name in _SECRETS if name in patch}
        rest = {name: value for name, value in patch.items() if name not in secrets}
        return _update(locked, parse_connection(merge_patch(to_database.entry(locked), rest) | secrets), actor)


def delete_connection(*, connection: Connection, actor: User) -> None:
    """Delete the connection. Raises ConnectionInUse while schedules send to it."""
    with transaction.atomic():
        locked = _locked(connection)
        entry = to_database.audit_entry(Action.CONNECTION_DELETE, locked)
        to_database.delete(locked)
        audit.record_all([entry], actor)


def test_connection(*, connection: Connection, actor: User) -> ConnectionTest:
    """Write a small file to the connection or post a message to it. Raises WrongKey or DryRunBusy."""
    access = connection.access()
    try:
        found = run_in_child(check.check, connection.kind, access, connection.slug, actor=actor, limits=_TEST_LIMITS)
    except QueryTimeout:
        found = ConnectionTest(ok=False, message="The other side took too long.")
    except RunError:
        found = ConnectionTest(ok=False, message="The test ended without a result. Try again.")
    with transaction.atomic():
        _record(Action.CONNECTION_TEST, connection, actor, ok=found.ok)
    return found


def _update(locked: Connection, definition: SentConnection, actor: User) -> Connection:
    changed = to_database.write(locked, definition, _secret(locked, definition), by_operator=False)
    if changed:
        _record(Action.CONNECTION_UPDATE, locked, actor, changed=changed)
    return locked


def _secret(connection: Connection, definition: SentConnection) -> dict[str, str]:
    """Return the secrets as they are to be. Raises InvalidDefinition, also if a stored one can't be read any more."""
    stored = connection.readable_secret or {}
    given = {name: getattr(definition, name) for name in _SECRETS}
    secret = {name: stored.get(name, "") if value is None else value for name, value in given.items()}
    if not secret["url"]:
        lost = "The stored one can't be read any more. Enter it again." if connection.encrypted_secret else ""
        raise invalid_definition({"url": [lost or "Required for a new connection."]})
    is_operators = connection.is_operators and secret["url"] == stored.get("url")
    errors = secret_errors(
        definition.kind, secret["url"], secret["private_key"], names=_SECRETS, by_operator=is_operators
    )
    if errors := errors or _pin_errors(connection, definition, stored):
        raise invalid_definition(errors)
    return secret


def _pin_errors(connection: Connection, definition: SentConnection, stored: Mapping[str, str]) -> FieldErrors:
    """Keep Administrators, who don't know an operator's secrets, from sending these to another server."""
    if not connection.is_operators or connection.host_key == (definition.host_key or ""):
        return {}
    return {name: [_NEW_PIN] for name in _SECRETS if stored.get(name) and not getattr(definition, name)}


def _locked(connection: Connection) -> Connection:
    locked = Connection.objects.select_for_update(of=("self",)).select_related("tenant").filter(pk=connection.pk)
    found = locked.first()
    if found is None:
        raise ConnectionNotFound
    return found


def _record(action: Action, connection: Connection, actor: User, **details: object) -> None:
    audit.record_all([to_database.audit_entry(action, connection, **details)], actor)
