"""Makes tenants, users and data sources in the database match the definitions, for reports.actions.apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.functions import Now  # noqa: TID251 - milliseconds don't matter here

from accounts.models import RefreshSession, Tenant, User
from accounts.names import NOT_AVAILABLE, is_reserved
from accounts.roles import role_group, role_name
from reports import sql
from reports.definitions import DataSourceDefinition, Definitions, TenantDefinition, UserDefinition
from reports.definitions.errors import FieldErrors
from reports.exceptions import SourceInUse, WrongKey
from reports.models import DataSource, location_rules
from reports.parameters.caller import as_json, attribute_errors
from reports.sources.adbc import url as adbc_url
from reports.sources.lake import url as lake_url
from reports.uploads.storage import uploads_location

#: Any number that nothing else in this database locks.
_RUN_LOCK = 0x5265706F7274


@dataclass
class Sync:
    """One run of `apply`: the environment, and the results so far.

    `differences` are sentences about what was changed. `errors` are by path in the definitions; if there are any, the
    whole run is rolled back, as in a `dry_run`.
    """

    env: Mapping[str, str] = field(repr=False)
    dry_run: bool = False
    differences: list[str] = field(default_factory=list)
    errors: FieldErrors = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)

    def add_error(self, path: str, sentence: str) -> None:
        self.errors.setdefault(path, []).append(sentence)

    def tenant_of(self, slug: str, path: str) -> Tenant | None:
        """Return the tenant, which the file or the database may define; None after adding an error."""
        if slug not in self.tenants:
            self.add_error(path, f"Tenant {slug} does not exist.")
        return self.tenants.get(slug)

    def secret(self, variable: str | None) -> str:
        """Return the value of an environment variable, "" if it is not set."""
        return self.env.get(variable, "") if variable else ""


def weak_passwords(definitions: Definitions, env: Mapping[str, str]) -> list[str]:
    """Return warnings about passwords that Django's rules would refuse. They are accepted: operators decide."""
    warnings = []
    for user in definitions.users:
        password = env.get(user.password_env or "", "")
        try:
            if password:
                validate_password(password, User(username=user.username))
        except ValidationError as error:
            warnings.append(f"the password of {user.username} is weak: {' '.join(error.messages)}")
    return warnings


def wait_for_other_runs() -> None:
    """Run alone until the transaction ends. Two hosts that start together would both create what is missing."""
    # There may be no row yet to lock. On SQLite, transactions that write run one after the other anyway.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql.LOCK_UNTIL_COMMIT, [_RUN_LOCK])


def sync_tenants(sync: Sync, definitions: Iterable[TenantDefinition]) -> None:
    """Create tenants, and update what differs."""
    sync.tenants |= {tenant.slug: tenant for tenant in Tenant.objects.all()}
    for definition in definitions:
        tenant = sync.tenants.get(definition.slug)
        new: dict[str, Any] = {
            "name": definition.name,
            "time_zone": definition.time_zone or "",
            "recipient_domains": " ".join(definition.recipient_domains),
            "require_second_factor": definition.require_second_factor,
            "locale": definition.locale or "",
        }
        if definition.attributes is not None:
            new["attributes"] = {name: each.model_dump() for name, each in definition.attributes.items()}
        if tenant is None:
            sync.tenants[definition.slug] = Tenant.objects.create(slug=definition.slug, **new)
            sync.differences.append(f"create tenant {definition.slug}")
        elif changed := [attribute for attribute in new if getattr(tenant, attribute) != new[attribute]]:
            for attribute in changed:
                setattr(tenant, attribute, new[attribute])
            tenant.save(update_fields=changed)
            sync.differences.append(f"update tenant {definition.slug}: {', '.join(changed)}")


# --- Users ------------------------------------------------------------------------------------------------------------


def sync_users(sync: Sync, definitions: Iterable[UserDefinition]) -> None:
    """Create users, and update the roles and passwords that differ."""
    defined = list(definitions)
    stored = User.objects.filter(username__in=[user.username for user in defined]).prefetch_related("groups__role")
    users = {user.username: user for user in stored}
    for at, definition in enumerate(defined):
        path = f"users[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        user = users.get(definition.username)
        for name, value in (definition.attributes or {}).items():
            for sentence in attribute_errors(tenant.attributes, name, as_json(value)):
                sync.add_error(f"{path}.attributes.{name}", sentence)
        if user:
            _update_user(sync, path, user, definition, tenant)
        else:
            _create_user(sync, path, definition, tenant)


def _create_user(sync: Sync, path: str, definition: UserDefinition, tenant: Tenant) -> None:
    if is_reserved(definition.username):
        sync.add_error(f"{path}.username", NOT_AVAILABLE)
        return
    variable = definition.password_env
    password = sync.secret(variable)
    if variable is None and not definition.service and not definition.identities:
        sync.add_error(f"{path}.password_env", "Required for a new user.")
    elif variable and not password:
        sentence = f"The environment variable {variable} is not set. Set it to the new user's password."
        sync.add_error(f"{path}.password_env", sentence)
    # Also created without a password, although that is rolled back: grants to a missing user would be a second error.
    user = User.objects.create_user(
        definition.username,
        definition.email,
        password or None,
        tenant=tenant,
        service=definition.service,
        attributes=as_json(definition.attributes or {}),
    )
    user.groups.set(_roles(definition, tenant))
    sync.differences.append(f"create {'service account' if user.service else 'user'} {definition.username}")


def _update_user(sync: Sync, path: str, user: User, definition: UserDefinition, tenant: Tenant) -> None:
    if user.is_superuser:
        sync.add_error(f"{path}.username", "A definitions file can't change a superuser.")
        return
    if user.tenant_id != tenant.pk:
        # The user would keep grants and jobs of the old tenant.
        sync.add_error(f"{path}.username", NOT_AVAILABLE)
        return
    if {role_name(group) for group in user.groups.all()} != set(definition.roles):
        user.groups.set(_roles(definition, tenant))
        sync.differences.append(f"change roles of user {user.username}")
    _update_attributes(sync, user, definition)
    password = sync.secret(definition.password_env)
    if definition.service != user.service:
        if user.service and not password:
            sync.add_error(f"{path}.password_env", "Required for a service account that becomes a person.")
        user.service = definition.service
        user.save(update_fields=["service"])
        _set_password(user, password or None)
        sync.differences.append(f"make user {user.username} a {'service account' if user.service else 'person'}")
    elif password and not user.check_password(password):
        _set_password(user, password)
        sync.differences.append(f"set password of user {user.username}")


def _update_attributes(sync: Sync, user: User, definition: UserDefinition) -> None:
    """Set the e-mail address and the attributes if the definition has them."""
    defined = {"email": definition.email, "attributes": as_json(definition.attributes)}
    changed = {name: value for name, value in defined.items() if value is not None and value != getattr(user, name)}
    for name, value in changed.items():
        setattr(user, name, value)
    if changed:
        user.save(update_fields=list(changed))
        sync.differences.append(f"change {' and '.join(changed)} of user {user.username}")


def _set_password(user: User, password: str | None) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    # Somebody who knew the old password may have signed in with it.
    RefreshSession.objects.filter(user=user, revoked_at=None).update(revoked_at=Now())


def _roles(definition: UserDefinition, tenant: Tenant) -> list[Group]:
    return [role_group(tenant, name) for name in dict.fromkeys(definition.roles)]


def prune_users(sync: Sync, definitions: Definitions) -> None:
    """Delete the users of the file's tenants that it does not list, except superusers."""
    tenants = [tenant.slug for tenant in definitions.tenants]
    kept = [user.username for user in definitions.users]
    unlisted = User.objects.filter(tenant__slug__in=tenants, is_superuser=False).exclude(username__in=kept)
    for user in unlisted.order_by("username"):
        user.delete()
        sync.differences.append(f"delete user {user.username}")


# --- Data sources -----------------------------------------------------------------------------------------------------


def sync_sources(sync: Sync, definitions: Iterable[DataSourceDefinition]) -> None:
    """Create data sources and update what differs. URLs come from the environment."""
    stored = {(source.tenant_id, source.slug): source for source in DataSource.objects.all()}
    for at, definition in enumerate(definitions):
        path = f"data_sources[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        source = stored.get((tenant.pk, definition.slug)) or DataSource(tenant=tenant, slug=definition.slug)
        if source.is_uploads != bool(definition.uploads) and not source._state.adding:
            sync.add_error(f"{path}.uploads", "Can't change. Use another slug.")
            continue
        if definition.location and (sentence := location_rules(by_operator=True).error(definition.location)):
            sync.add_error(f"{path}.location", sentence)
        _write_source(sync, source, definition, _url(sync, path, definition, source))


_URL_ERRORS = {"adbc": adbc_url.url_error, "lake": lake_url.url_error}


def url_error(kind: str, url: str) -> str | None:
    """Return what is wrong with a server's URL. The sentence doesn't quote the URL, which has a password."""
    if kind in _URL_ERRORS:
        return _URL_ERRORS[kind](url)
    is_postgresql = url.startswith(("postgresql://", "postgres://"))
    if kind == "postgresql":
        return None if is_postgresql else "Must start with postgresql://."
    if is_postgresql:
        return "This is the URL of a PostgreSQL server. Use kind postgresql."
    return None if "://" in url else "Must be a URL like mysql://user:password@host/database."


def _url(sync: Sync, path: str, definition: DataSourceDefinition, source: DataSource) -> str:
    """Return the URL for the source, "" if it has a path. A stored URL stays if the variable is not set."""
    if definition.url_env is None:
        return ""
    url = sync.secret(definition.url_env)
    if not url:
        if stored := _stored_url(source):
            return stored
        sync.add_error(f"{path}.url_env", f"The environment variable {definition.url_env} is not set.")
        # Any valid URL will do: the error rolls everything back.
        return "postgresql://"
    if sentence := url_error(definition.kind, url):
        sync.add_error(f"{path}.url_env", f"The value of {definition.url_env} is not valid. {sentence}")
    return url


def _stored_url(source: DataSource) -> str | None:
    """Return the stored URL; None if it was encrypted with a key that this server no longer has."""
    try:
        return source.url
    except WrongKey:
        return None


def _write_source(sync: Sync, source: DataSource, definition: DataSourceDefinition, url: str) -> None:
    location = uploads_location(source) if definition.uploads else definition.location or ""
    new = {"kind": definition.kind, "is_uploads": bool(definition.uploads), "location": location, "url": url}
    old = {
        "kind": source.kind,
        "is_uploads": source.is_uploads,
        "location": source.location,
        "url": _stored_url(source),
    }
    changed = [attribute for attribute in new if new[attribute] != old[attribute]]
    # A stored URL that the environment doesn't have may be an Administrator's.
    is_set = definition.url_env is None or bool(sync.secret(definition.url_env))
    place = "url" if definition.url_env else "location" if definition.location else ""
    if place and is_set and not source.is_operators and place not in changed:
        changed.append(place)
    if not changed:
        return
    source.is_operators = source.is_operators or is_set
    created = source._state.adding
    # Only what differs: encrypting the same URL again gives another text, and so a write at every run.
    for attribute in changed:
        setattr(source, attribute, new[attribute])
    source.save()
    name = f"data source {source.slug} in {source.tenant.slug}"
    sync.differences.append(f"create {name}" if created else f"update {name}: {', '.join(changed)}")


def prune_sources(sync: Sync, definitions: Definitions) -> None:
    """Delete the data sources of the file's tenants that it does not list. One that is used is an error."""
    tenants = [tenant.slug for tenant in definitions.tenants]
    kept = {(source.tenant, source.slug) for source in definitions.data_sources}
    for source in DataSource.objects.filter(tenant__slug__in=tenants).select_related("tenant"):
        if (source.tenant.slug, source.slug) not in kept:
            try:
                source.delete()
            except SourceInUse as error:
                sync.add_error("data_sources", error.message)
            else:
                sync.differences.append(f"delete data source {source.slug} in {source.tenant.slug}")
