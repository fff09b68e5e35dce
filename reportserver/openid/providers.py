"""What Administrators do with the identity providers of their tenant: each in one transaction with its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from accounts.models import IdentityProvider, Tenant, User
from accounts.roles import role_name, roles_to_hand_out
from audit import actions as audit
from audit.models import Action
from common.ids import parse_uuid
from reports.definitions import merge_patch
from reports.definitions.errors import invalid_definition
from reports.definitions.providers.definition import IdentityProviderRequest, parse_provider
from reports.definitions.providers.to_database import provider_errors, write_provider
from reportserver.openid.calls import get_json, place
from reportserver.openid.exceptions import ProviderError, ProviderNotFound
from reportserver.openid.flow import usable_keys
from reportserver.openid.metadata import read_metadata

_TAKEN = "The tenant has an identity provider with this slug."


def providers_of(actor: User) -> QuerySet[IdentityProvider]:
    """The providers of the actor's tenant, with what their representation needs; for a superuser, all."""
    providers = IdentityProvider.objects.select_related("tenant").prefetch_related("roles__group__role")
    providers = providers.annotate(
        people=Count("identities__user", filter=Q(identities__user__is_active=True), distinct=True)
    )
    return providers if actor.is_superuser else providers.filter(tenant=actor.tenant_id)


def provider_to_manage(actor: User, provider_id: str) -> IdentityProvider:
    """Raises ProviderNotFound."""
    uuid = parse_uuid(provider_id)
    provider = providers_of(actor).filter(pk=uuid).first() if uuid else None
    if provider is None:
        raise ProviderNotFound
    return provider


def definition_of(provider: IdentityProvider) -> IdentityProviderRequest:
    """The stored definition, without the secret."""
    return IdentityProviderRequest.model_construct(
        slug=provider.slug,
        tenant=provider.tenant.slug,
        name=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        groups_claim=provider.groups_claim or None,
        roles={role.value: role_name(role.group) for role in provider.roles.all()},
        attributes=provider.attributes,
        provision=provider.provision,
        enabled=provider.enabled,
    )


def create_provider(*, definition: IdentityProviderRequest, tenant: Tenant, actor: User) -> IdentityProvider:
    """Create a provider. Raises InvalidDefinition."""
    provider = IdentityProvider(tenant=tenant, slug=definition.slug)
    roles = _check(definition, tenant, actor, held={})
    try:
        with transaction.atomic():
            if IdentityProvider.objects.filter(tenant=tenant, slug=definition.slug).exists():
                raise invalid_definition({"slug": [_TAKEN]})
            write_provider(provider, definition, definition.client_secret or "", roles)
            _record(Action.PROVIDER_CREATE, provider, actor, issuer=provider.issuer)
    except IntegrityError:
        raise invalid_definition({"slug": [_TAKEN]}) from None
    return provider


def patch_provider(*, provider: IdentityProvider, patch: Mapping[str, Any], actor: User) -> None:
    """Apply a JSON merge patch to the provider's definition. Raises InvalidDefinition, ProviderNotFound."""
    with transaction.atomic():
        locked = IdentityProvider.objects.select_for_update(of=("self",)).select_related("tenant")
        stored = locked.filter(pk=provider.pk).first()
        if stored is None:
            raise ProviderNotFound
        definition = parse_provider(merge_patch(definition_of(stored).entry(), patch))
        for name, old in (("slug", stored.slug), ("tenant", stored.tenant.slug)):
            if getattr(definition, name) != old:
                raise invalid_definition({name: ["Can't be changed: the redirect URI contains it."]})
        # Otherwise whoever changes the issuer would be sent a secret that somebody else entered.
        if definition.issuer != stored.issuer and stored.encrypted_client_secret and definition.client_secret is None:
            raise invalid_definition({"client_secret": ["Enter the secret again: it was for the earlier issuer."]})
        held = {role_name(role.group): role.group for role in stored.roles.select_related("group__role")}
        roles = _check(definition, stored.tenant, actor, held)
        if changed := write_provider(stored, definition, definition.client_secret, roles):
            _record(Action.PROVIDER_UPDATE, stored, actor, changed=changed)


def delete_provider(*, provider: IdentityProvider, actor: User) -> None:
    """Delete the provider with all links to its identities. Its users stay."""
    with transaction.atomic():
        provider_id, people = provider.pk, provider.identities.count()
        provider.delete()
        provider.pk = provider_id
        _record(Action.PROVIDER_DELETE, provider, actor, identities=people)


def test_provider(provider: IdentityProvider) -> list[str]:
    """Ask the provider for its configuration and keys. Returns what is wrong, as sentences."""
    try:
        with place(provider.pk):
            metadata = read_metadata(provider.issuer)
            if not usable_keys(get_json(metadata.jwks_uri, "its keys")):
                return ["The provider has no key that this server can use."]
    except ProviderError as error:
        return [error.reason]
    return []


def _check(
    definition: IdentityProviderRequest, tenant: Tenant, actor: User, held: Mapping[str, Group]
) -> dict[str, Group]:
    """Return the roles that the definition names, by name. Raises InvalidDefinition.

    They are roles that the actor may hand out, or that the provider hands out already.
    """
    allowed = roles_to_hand_out(actor).filter(Q(role__tenant=tenant) | Q(role=None)).select_related("role")
    roles = {role_name(role): role for role in allowed} | dict(held)
    errors = provider_errors(definition, tenant)
    errors |= {
        f"roles.{group}": ["You can't give a role of this name."]
        for group, name in definition.roles.items()
        if name not in roles
    }
    if errors:
        raise invalid_definition(errors)
    return roles


def _record(action: Action, provider: IdentityProvider, actor: User, **details: object) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=provider.tenant_id,
        target=("identity provider", provider.pk),
        details={"provider": provider.slug, **details},
    )
