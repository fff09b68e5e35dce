"""Makes tenants, users and data sources in the database match the definitions; reports.actions.apply calls it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from accounts.models import RefreshSession, Tenant, User
from reports.crypto import WrongKey
from reports.definitions import DataSourceDefinition, Definitions, TenantDefinition, UserDefinition
from reports.definitions.errors import FieldErrors
from reports.models import DataSource

#: Any number that nothing else in this database locks.
_RUN_LOCK = 0x5265706F7274


@dataclass
class Sync:
    """One run: what it reads beside the file, and what it found out so far.

    `differences` are sentences about what was changed; `faults` are by path in the definitions, and if there is one
    the whole run is rolled back.
    """

    env: Mapping[str, str] = field(repr=False)
    differences: list[str] = field(default_factory=list)
    faults: FieldErrors = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)

    def fault(self, path: str, sentence: str) -> None:
        self.faults.setdefault(path, []).append(sentence)

    def tenant_of(self, slug: str, path: str) -> Tenant | None:
        """The tenant, of the file or of the database. None after noting the fault."""
        if slug not in self.tenants:
            self.fault(path, f"There is no tenant {slug}.")
        return self.tenants.get(slug)

    def secret(self, name: str | None) -> str:
        """The value of an environment variable; an empty one counts as not set."""
        return self.env.get(name, "") if name else ""


def weak_passwords(found: Definitions, env: Mapping[str, str]) -> list[str]:
    """Warnings for passwords that the sign-up rules would refuse. The operator may know why, so they are taken."""
    warnings = []
    for user in found.users:
        password = env.get(user.password_env or "", "")
        try:
            validate_password(password, User(username=user.username)) if password else None
        except ValidationError as error:
            warnings.append(f"the password of {user.username} is weak: {' '.join(error.messages)}")
    return warnings


def wait_for_other_runs() -> None:
    """One run at a time: two hosts that start at once would both find that something is missing, and make it."""
    if connection.vendor == "postgresql":
        # There may be no row yet that both could lock. On SQLite, transactions that write run one by one anyway.
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [_RUN_LOCK])


def sync_tenants(sync: Sync, definitions: Iterable[TenantDefinition]) -> None:
    """Create tenants and rename them."""
    sync.tenants |= {tenant.slug: tenant for tenant in Tenant.objects.all()}
    for definition in definitions:
        tenant = sync.tenants.get(definition.slug)
        if tenant is None:
            sync.tenants[definition.slug] = Tenant.objects.create(slug=definition.slug, name=definition.name)
            sync.differences.append(f"create tenant {definition.slug}")
        elif tenant.name != definition.name:
            tenant.name = definition.name
            tenant.save(update_fields=["name"])
            sync.differences.append(f"update tenant {definition.slug}: name")


# --- Users ------------------------------------------------------------------------------------------------------------


def sync_users(sync: Sync, definitions: Iterable[UserDefinition]) -> None:
    """Create users, give them their roles, and set the passwords that differ."""
    wanted = list(definitions)
    known = User.objects.filter(username__in=[user.username for user in wanted]).prefetch_related("groups")
    users = {user.username: user for user in known}
    for at, definition in enumerate(wanted):
        path = f"users[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        if user := users.get(definition.username):
            _update_user(sync, path, user, definition, tenant)
        else:
            _create_user(sync, path, definition, tenant)


def _create_user(sync: Sync, path: str, definition: UserDefinition, tenant: Tenant) -> None:
    password = sync.secret(definition.password_env)
    if not password:
        sync.fault(f"{path}.password_env", _no_password(definition.password_env))
    # Made without a password too, which is rolled back: grants to a user who is not there would be a second fault.
    user = User.objects.create_user(definition.username, password=password or None, tenant=tenant)
    user.groups.set(_roles(definition))
    sync.differences.append(f"create user {definition.username}")


def _no_password(variable: str | None) -> str:
    if variable is None:
        return "A new user needs one."
    return f"The environment variable {variable} is not set; it holds the password of the new user."


def _update_user(sync: Sync, path: str, user: User, definition: UserDefinition, tenant: Tenant) -> None:
    if user.is_superuser:
        sync.fault(f"{path}.username", "This user is a superuser, which a definitions file can't change.")
        return
    if user.tenant_id != tenant.pk:
        # Moved, the user would keep grants and jobs of the old tenant.
        sync.fault(f"{path}.tenant", "This user name is taken in another tenant.")
        return
    if {group.name for group in user.groups.all()} != set(definition.roles):
        user.groups.set(_roles(definition))
        sync.differences.append(f"change roles of user {user.username}")
    password = sync.secret(definition.password_env)
    if password and not user.check_password(password):
        _set_password(user, password)
        sync.differences.append(f"set password of user {user.username}")


def _set_password(user: User, password: str) -> None:
    """Whoever knew the old password may have signed in with it: those sign-ins end."""
    user.set_password(password)
    user.save(update_fields=["password"])
    RefreshSession.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())


def _roles(definition: UserDefinition) -> list[Group]:
    return [Group.objects.get_or_create(name=name)[0] for name in dict.fromkeys(definition.roles)]


def prune_users(sync: Sync, definitions: Definitions) -> None:
    """Delete the users that the file no longer has in its tenants; never superusers."""
    tenants = [tenant.slug for tenant in definitions.tenants]
    kept = [user.username for user in definitions.users]
    gone = User.objects.filter(tenant__slug__in=tenants, is_superuser=False).exclude(username__in=kept)
    for user in gone.order_by("username"):
        user.delete()
        sync.differences.append(f"delete user {user.username}")


# --- Data sources -----------------------------------------------------------------------------------------------------


def sync_sources(sync: Sync, definitions: Iterable[DataSourceDefinition]) -> None:
    """Create data sources and change what differs; a connection URL comes from the environment."""
    known = {(source.tenant_id, source.slug): source for source in DataSource.objects.all()}
    for at, definition in enumerate(definitions):
        path = f"data_sources[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        source = known.get((tenant.pk, definition.slug)) or DataSource(tenant=tenant, slug=definition.slug)
        _write_source(sync, source, definition, _url(sync, path, definition, source))


def _url(sync: Sync, path: str, definition: DataSourceDefinition, source: DataSource) -> str:
    """The URL that the source should have, "" for a path."""
    if definition.url_env is None:
        return ""
    given = sync.secret(definition.url_env)
    if not given and (stored := _stored_url(source)):
        return stored
    # Whatever the value is, it stays out of the sentence.
    if not given:
        sync.fault(f"{path}.url_env", f"The environment variable {definition.url_env} is not set.")
    elif sentence := url_error(definition.kind, given):
        sync.fault(f"{path}.url_env", f"The value of {definition.url_env} {sentence}")
    # After a fault any text will do, since all is rolled back.
    return given or "postgresql://"


def url_error(kind: str, url: str) -> str | None:
    """What is wrong with the URL of a server, as the end of a sentence that does not repeat it."""
    is_postgresql = url.startswith(("postgresql://", "postgres://"))
    if kind == "postgresql":
        return None if is_postgresql else "must begin with postgresql://."
    if is_postgresql:
        return "is of a PostgreSQL server, for which there is the kind postgresql."
    return None if "://" in url else "must be a URL as mysql://user:password@host/database."


def _stored_url(source: DataSource) -> str | None:
    """The URL; None when it was encrypted with a key that this server no longer has."""
    try:
        return source.url
    except WrongKey:
        return None


def _write_source(sync: Sync, source: DataSource, definition: DataSourceDefinition, url: str) -> None:
    wanted = {"kind": definition.kind, "location": definition.location or "", "url": url}
    present = {"kind": source.kind, "location": source.location, "url": _stored_url(source)}
    changed = [name for name in wanted if wanted[name] != present[name]]
    if not changed:
        return
    name = f"data source {source.slug} in {source.tenant.slug}"
    created = source._state.adding
    # Encrypting the same URL again would give another text, and so a write at every run.
    for attribute in changed:
        setattr(source, attribute, wanted[attribute])
    source.save()
    sync.differences.append(f"create {name}" if created else f"update {name}: {', '.join(changed)}")


def prune_sources(sync: Sync, definitions: Definitions) -> None:
    """Delete the data sources that the file no longer has in its tenants."""
    tenants = [tenant.slug for tenant in definitions.tenants]
    kept = {(source.tenant, source.slug) for source in definitions.data_sources}
    for source in DataSource.objects.filter(tenant__slug__in=tenants).select_related("tenant"):
        if (source.tenant.slug, source.slug) not in kept:
            source.delete()
            sync.differences.append(f"delete data source {source.slug} in {source.tenant.slug}")
