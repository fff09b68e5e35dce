"""Creating and changing one connection by its definition, within the caller's transaction."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.models import User
from accounts.roles import role_group, role_name
from audit.actions import PendingEntry
from audit.models import Action
from jobs.connections.definitions import ConnectionDefinition, ConnectionGrants
from jobs.connections.models import Connection
from jobs.exceptions import ConnectionInUse
from reports.definitions.errors import FieldErrors, invalid_definition
from reports.definitions.field_types import principal_of, user_of


def write(
    connection: Connection, definition: ConnectionDefinition, secret: dict[str, str], *, by_operator: bool
) -> list[str]:
    """Make the connection match the definition. Return the names of the changed fields. Raises InvalidDefinition.

    `secret` has the URL and the private key, checked, as they are to be.
    """
    is_new = connection._state.adding
    if errors := _errors(connection, definition):
        raise invalid_definition(errors)
    before, stored = (None, None) if is_new else (entry(connection), connection.readable_secret)
    after = definition.entry()
    changed = [name for name in after if before is None or not _same(name, before[name], after[name])]
    # Only what differs: encrypting the same secret again gives another text, and so a write at every run.
    for name in ("url", "private_key"):
        if stored is None or stored.get(name, "") != secret.get(name, ""):
            changed.append(name)
    if by_operator and not connection.is_operators:
        changed += [] if "url" in changed else ["url"]
    if not changed:
        return []
    connection.slug, connection.kind = definition.slug, definition.kind
    connection.host_key = definition.host_key or ""
    if {"url", "private_key"} & set(changed):
        connection.secret = secret
    if {"url", "private_key", "host_key"} & set(changed):
        # Who enters an address must not reach more than webhooks do, whoever entered the one before.
        connection.is_operators = by_operator
    _save(connection)
    if "grants" in changed:
        _set_grants(connection, definition.grants)
    return changed


def entry(connection: Connection) -> dict[str, object]:
    """Return the stored definition, without secrets."""
    return {
        "slug": connection.slug,
        "tenant": connection.tenant.slug,
        "kind": connection.kind,
        "host_key": connection.host_key or None,
        "grants": {"use": grants(connection)},
    }


def grants(connection: Connection) -> list[str]:
    """Return who may use the connection: first roles, then users, each in the order of names."""
    roles = sorted(role_name(group) for group in connection.roles.select_related("role"))
    return roles + sorted(principal_of(name) for name in connection.users.values_list("username", flat=True))


def delete(connection: Connection) -> None:
    """Raises ConnectionInUse."""
    try:
        connection.delete()
    except ProtectedError as error:
        users = sorted({str(each) for each in error.protected_objects})
        raise ConnectionInUse(f"Schedules send to this connection: {', '.join(users)}. Change them first.") from None


def audit_entry(action: Action, connection: Connection, **details: object) -> PendingEntry:
    named = {"connection": connection.slug, "kind": connection.kind, **details}
    return PendingEntry(action, connection.tenant_id, ("connection", connection.pk), named)


def _same(name: str, before: object, after: object) -> bool:
    if name == "grants" and isinstance(before, dict) and isinstance(after, dict):
        # The order of grants has no meaning.
        return set(before["use"]) == set(after["use"])
    return before == after


def _errors(connection: Connection, definition: ConnectionDefinition) -> FieldErrors:
    errors: FieldErrors = {}
    if definition.tenant != connection.tenant.slug:
        errors["tenant"] = ["A connection can't move to another tenant."]
    if not connection._state.adding and definition.kind != connection.kind:
        errors["kind"] = ["The kind of a connection can't change. Create another connection."]
    named = {at: name for at, principal in enumerate(definition.grants.use) if (name := user_of(principal))}
    found = User.objects.filter(tenant=connection.tenant, username__in=named.values())
    existing = set(found.values_list("username", flat=True))
    for at, name in named.items():
        if name not in existing:
            errors[f"grants.use[{at}]"] = [f"User {name} does not exist in this tenant."]
    return errors


def _save(connection: Connection) -> None:
    # The database decides: two requests may check at the same time and both find the slug free.
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError:
        raise invalid_definition({"slug": ["Another connection already has this slug."]}) from None


def _set_grants(connection: Connection, grants: ConnectionGrants) -> None:
    names = [name for principal in grants.use if (name := user_of(principal))]
    roles = [principal for principal in grants.use if not user_of(principal)]
    connection.users.set(User.objects.filter(tenant=connection.tenant, username__in=names))
    connection.roles.set([role_group(connection.tenant, name) for name in roles])
