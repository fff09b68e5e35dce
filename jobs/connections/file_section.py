"""The section `connections` of the definitions file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from accounts.models import Tenant, User
from audit.actions import PendingEntry
from audit.models import Action
from jobs.connections import to_database
from jobs.connections.definitions import FileConnection, secret_errors
from jobs.connections.models import Connection
from jobs.exceptions import ConnectionInUse
from reports.definitions.accounts_and_sources import Sync
from reports.definitions.errors import FieldErrors, errors_in, invalid_definition, join_path
from reports.definitions.file_sections import VariableNames
from reports.exceptions import InvalidDefinition


class ConnectionsSection:
    """See reports.definitions.file_sections.FileSection."""

    name = "connections"
    definition = FileConnection
    # A schedule of the file may use one until it is changed.
    prunes_last = True

    def lock(self, tenants: Collection[str]) -> None:
        rows = Connection.objects.filter(tenant__slug__in=tenants).order_by("pk")
        list(rows.select_for_update(of=("self",)).values_list("pk"))

    def prune(self, sync: Sync, tenants: Collection[str], kept: Sequence[FileConnection]) -> list[PendingEntry]:
        listed = {(entry.tenant, entry.slug) for entry in kept}
        entries = []
        for connection in Connection.objects.filter(tenant__slug__in=tenants).select_related("tenant"):
            if (connection.tenant.slug, connection.slug) not in listed:
                entry = to_database.audit_entry(Action.CONNECTION_DELETE, connection)
                try:
                    to_database.delete(connection)
                except ConnectionInUse as error:
                    sync.add_error(self.name, error.message)
                    continue
                entries.append(entry)
                sync.differences.append(f"delete {_name(connection)}")
        return entries

    def sync(self, sync: Sync, entries: Sequence[FileConnection], actor: User | str) -> list[PendingEntry]:
        stored = {(each.tenant_id, each.slug): each for each in Connection.objects.select_related("tenant")}
        pending: list[PendingEntry] = []
        for at, definition in enumerate(entries):
            path = f"{self.name}[{at}]"
            tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
            if tenant is None:
                continue
            connection = stored.get((tenant.pk, definition.slug)) or Connection(tenant=tenant)
            try:
                pending += _write(sync, connection, definition)
            except InvalidDefinition as error:
                sync.errors |= {join_path(path, below): sentences for below, sentences in errors_in(error).items()}
        return pending

    def export(self, tenants: Iterable[Tenant], variables: VariableNames) -> tuple[list[dict[str, Any]], list[str]]:
        rows = Connection.objects.filter(tenant__in=list(tenants)).select_related("tenant")
        return [_entry(row, variables) for row in rows.order_by("tenant__slug", "slug")], []


def _write(sync: Sync, connection: Connection, definition: FileConnection) -> list[PendingEntry]:
    created = connection._state.adding
    # A stored URL that an Administrator entered must not become the operator's, who may reach any address.
    by_operator = connection.is_operators or bool(sync.secret(definition.url_env))
    secret = _secret(sync, connection, definition, by_operator=by_operator)
    changed = to_database.write(connection, definition, secret, by_operator=by_operator)
    if not changed:
        return []
    name = _name(connection)
    sync.differences.append(f"create {name}" if created else f"update {name}: {', '.join(changed)}")
    if created:
        return [to_database.audit_entry(Action.CONNECTION_CREATE, connection)]
    return [to_database.audit_entry(Action.CONNECTION_UPDATE, connection, changed=changed)]


def _secret(sync: Sync, connection: Connection, definition: FileConnection, *, by_operator: bool) -> dict[str, str]:
    """Return the secrets. A stored one stays if its variable is not set. Raises InvalidDefinition."""
    stored = connection.readable_secret or {}
    variables = {"url": definition.url_env, "private_key": definition.private_key_env}
    secret = {
        name: sync.secret(variable) or stored.get(name, "") if variable else "" for name, variable in variables.items()
    }
    errors: FieldErrors = {
        f"{name}_env": [f"The environment variable {variable} is not set."]
        for name, variable in variables.items()
        if variable and not secret[name]
    }
    names = ("url_env", "private_key_env")
    errors = errors or secret_errors(
        definition.kind, secret["url"], secret["private_key"], names=names, by_operator=by_operator
    )
    if errors:
        raise invalid_definition(errors)
    return secret


def _entry(connection: Connection, variables: VariableNames) -> dict[str, Any]:
    """Return the entry of a file, with names of variables in place of secrets."""
    shown = {name: value for name, value in to_database.entry(connection).items() if value is not None}
    shown["url_env"] = variables.name(connection.slug, "URL")
    if (connection.readable_secret or {}).get("private_key"):
        shown["private_key_env"] = variables.name(connection.slug, "PRIVATE_KEY")
    return shown


def _name(connection: Connection) -> str:
    return f"connection {connection.slug} in {connection.tenant.slug}"
