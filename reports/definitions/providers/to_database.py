"""Stores identity providers and linked identities: one by one for the API, or as the definitions file has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models.functions import Now  # noqa: TID251 - milliseconds don't matter here

from accounts.models import IdentityProvider, LinkedIdentity, ProviderRole, Tenant, User
from accounts.roles import role_group
from reports import crypto
from reports.definitions import Definitions, UserDefinition
from reports.definitions.accounts_and_sources import Sync
from reports.definitions.errors import FieldErrors
from reports.definitions.providers.definition import (
    IdentityDefinition,
    IdentityProviderDefinition,
    ProviderFields,
)
from reports.exceptions import WrongKey

_FIELDS = ("name", "issuer", "client_id", "provision")


def client_secret(provider: IdentityProvider) -> str:
    """The decrypted secret, "" for a public client. Raises WrongKey."""
    token = provider.encrypted_client_secret
    return crypto.decrypt(token, owner=provider.secret_owner) if token else ""


def provider_errors(definition: ProviderFields, tenant: Tenant) -> FieldErrors:
    """Return what is wrong with a definition in this tenant."""
    return {
        f"attributes.{claim}": ["The tenant has no such attribute."]
        for claim, name in definition.attributes.items()
        if name not in tenant.attributes
    }


def write_provider(
    provider: IdentityProvider, definition: ProviderFields, secret: str | None, roles: Mapping[str, Group]
) -> list[str]:
    """Store the definition. Returns the fields that changed. `secret` None keeps the stored one.

    `roles` are those of the tenant, by name.
    """
    created = provider._state.adding
    new: dict[str, Any] = {name: getattr(definition, name) for name in _FIELDS}
    new |= {"groups_claim": definition.groups_claim or "", "attributes": dict(definition.attributes)}
    if definition.enabled is not None:
        new["enabled"] = definition.enabled
    changed = [name for name, value in new.items() if getattr(provider, name) != value]
    for name in changed:
        setattr(provider, name, new[name])
    if secret is not None and secret != _stored_secret(provider):
        provider.encrypted_client_secret = crypto.encrypt(secret, owner=provider.secret_owner) if secret else ""
        changed.append("client_secret")
    if created or changed:
        provider.save()
    if _write_roles(provider, {value: roles[name] for value, name in definition.roles.items()}):
        changed.append("roles")
    return changed


def sync_providers(sync: Sync, definitions: Iterable[IdentityProviderDefinition]) -> None:
    """Create identity providers and update what differs. Secrets come from the environment."""
    stored = {(provider.tenant_id, provider.slug): provider for provider in IdentityProvider.objects.all()}
    for at, definition in enumerate(definitions):
        path = f"identity_providers[{at}]"
        tenant = sync.tenant_of(definition.tenant, f"{path}.tenant")
        if tenant is None:
            continue
        for below, sentences in provider_errors(definition, tenant).items():
            sync.errors[f"{path}.{below}"] = sentences
        provider = stored.get((tenant.pk, definition.slug)) or IdentityProvider(tenant=tenant, slug=definition.slug)
        created = provider._state.adding
        secret = _secret(sync, path, definition, provider)
        roles = {name: role_group(tenant, name) for name in definition.roles.values()}
        changed = write_provider(provider, definition, secret, roles)
        name = f"identity provider {provider.slug} in {tenant.slug}"
        if created:
            sync.differences.append(f"create {name}")
        elif changed:
            sync.differences.append(f"update {name}: {', '.join(changed)}")


def prune_providers(sync: Sync, definitions: Definitions) -> None:
    """Delete the identity providers of the file's tenants that it does not list."""
    kept = {(provider.tenant, provider.slug) for provider in definitions.identity_providers}
    tenants = [tenant.slug for tenant in definitions.tenants]
    for provider in IdentityProvider.objects.filter(tenant__slug__in=tenants).select_related("tenant"):
        if (provider.tenant.slug, provider.slug) not in kept:
            provider.delete()
            sync.differences.append(f"delete identity provider {provider.slug} in {provider.tenant.slug}")


def sync_identities(sync: Sync, definitions: Iterable[UserDefinition]) -> None:
    """Link users whose definition has `identities` to these, and to no others."""
    missing: list[tuple[str, User, IdentityProvider, str]] = []
    for at, definition in enumerate(definitions):
        if definition.identities is None or definition.tenant not in sync.tenants:
            continue
        user = User.objects.filter(username=definition.username, tenant__slug=definition.tenant).first()
        if user is None:
            continue
        wanted = _wanted(sync, f"users[{at}].identities", user, definition.identities)
        held = {(each.provider_id, each.issuer, each.subject): each for each in user.identities.all()}
        for key, identity in held.items():
            if key not in wanted:
                identity.delete()
        missing += [(*wanted[key], key[2]) for key in wanted if key not in held]
        if set(wanted) != set(held):
            sync.differences.append(f"change identities of user {user.username}")
    # After all have lost theirs: an identity may pass from one user to another.
    for path, user, provider, subject in missing:
        _link(sync, path, user, provider, subject)


_Key = tuple[UUID, str, str]


def _wanted(
    sync: Sync, path: str, user: User, identities: Iterable[IdentityDefinition]
) -> dict[_Key, tuple[str, User, IdentityProvider]]:
    providers = {provider.slug: provider for provider in IdentityProvider.objects.filter(tenant=user.tenant)}
    wanted: dict[_Key, tuple[str, User, IdentityProvider]] = {}
    for number, identity in enumerate(identities):
        provider = providers.get(identity.provider)
        if provider is None:
            sync.add_error(f"{path}[{number}].provider", f"Identity provider {identity.provider} does not exist.")
        elif not provider.can_be_used_by(user):
            sync.add_error(f"{path}[{number}].provider", "A service account can't sign in.")
        else:
            key = (provider.pk, provider.issuer, identity.sub)
            wanted[key] = (f"{path}[{number}].sub", user, provider)
    return wanted


def _link(sync: Sync, path: str, user: User, provider: IdentityProvider, subject: str) -> None:
    _, created = LinkedIdentity.objects.get_or_create(
        provider=provider, issuer=provider.issuer, subject=subject, defaults={"user": user, "created_at": Now()}
    )
    if not created:
        sync.add_error(path, "Another user has this identity.")


def _secret(sync: Sync, path: str, definition: IdentityProviderDefinition, provider: IdentityProvider) -> str | None:
    """Return the secret of the environment; None to keep a stored one if the variable is not set."""
    variable = definition.client_secret_env
    if variable is None:
        return ""
    secret = sync.secret(variable)
    if secret:
        return secret
    if not provider.encrypted_client_secret or _stored_secret(provider) is None:
        sync.add_error(f"{path}.client_secret_env", f"The environment variable {variable} is not set.")
    return None


def _stored_secret(provider: IdentityProvider) -> str | None:
    """Return the stored secret; None if it was encrypted with a key that this server no longer has."""
    try:
        return client_secret(provider)
    except WrongKey:
        return None


def _write_roles(provider: IdentityProvider, wanted: Mapping[str, Group]) -> bool:
    """Map these groups of the provider to roles, and no others. Returns whether that was a change."""
    held = {role.value: role.group_id for role in provider.roles.all()}
    if held == {value: group.pk for value, group in wanted.items()}:
        return False
    provider.roles.all().delete()
    ProviderRole.objects.bulk_create(
        ProviderRole(provider=provider, value=value, group=group) for value, group in wanted.items()
    )
    return True
