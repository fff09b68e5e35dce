"""Users as a provider knows them: finding and creating them, and giving them the roles and attributes it decides on."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from accounts.models import IdentityProvider, LinkedIdentity, User
from accounts.names import NOT_AVAILABLE
from accounts.roles import role_name, roles_of
from audit import actions as audit
from audit.models import Action
from jobs.clock import Now
from reports.parameters.caller import attribute_errors
from reportserver.openid.exceptions import SignInRefused
from reportserver.openid.flow import SignedIn

_MAX_GROUPS = 10_000


def user_of(provider: IdentityProvider, signed_in: SignedIn) -> User:
    """Return the user whose identity this is, or create one if the provider may. Raises SignInRefused.

    In the caller's transaction. A name or an e-mail address never decides: the provider's people can often change them.
    """
    identities = LinkedIdentity.objects.filter(provider=provider, issuer=provider.issuer, subject=signed_in.subject)
    identity = identities.first()
    # Locked before the first audit entry: others lock a user and then the end of the log.
    locked = User.objects.select_for_update(of=("self",)).select_related("tenant")
    known = locked.filter(pk=identity.user_id).first() if identity else None
    user = known or _provision(provider, signed_in)
    if not user.is_active:
        raise SignInRefused(gettext("Your user is deactivated. Ask an administrator."), "The user is deactivated.")
    if not provider.can_be_used_by(user):
        raise SignInRefused(
            gettext("Sign in with your user name and password."), "The user can't use this tenant's providers."
        )
    identities.update(last_used_at=Now())
    _synchronize(user, provider, signed_in.claims)
    return user


def claim_value(claims: dict[str, Any], name: str) -> Any:
    """The value of a claim, whose name may be a path with dots. None without it."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _provision(provider: IdentityProvider, signed_in: SignedIn) -> User:
    if not provider.provision:
        message = gettext(
            "Your account at %(provider)s is linked to no user here. Sign in with your password and link it on your "
            "account page, or ask an administrator."
        )
        raise SignInRefused(message % {"provider": provider.name}, "The identity is linked to no user.")
    user = User(username=_name(provider, signed_in.claims), email=_email(signed_in.claims), tenant=provider.tenant)
    user.set_unusable_password()
    try:
        # Users whose names differ in case alone would look like one.
        if User.objects.filter(username__iexact=user.username).exists():
            raise ValidationError({"username": gettext(NOT_AVAILABLE)})
        user.full_clean()
        with transaction.atomic():
            user.save()
            LinkedIdentity.objects.create(
                provider=provider,
                user=user,
                issuer=provider.issuer,
                subject=signed_in.subject,
                created_at=Now(),
            )
    except ValidationError as error:
        raise SignInRefused(" ".join(error.messages), "The name of the new user is not available.") from None
    except IntegrityError:
        raise SignInRefused(gettext(NOT_AVAILABLE), "The name of the new user is not available.") from None
    _record(Action.USER_CREATE, user, provider)
    return user


def _name(provider: IdentityProvider, claims: dict[str, Any]) -> str:
    for claim in ("preferred_username", "email"):
        name = claims.get(claim)
        if isinstance(name, str) and name:
            return User.normalize_username(name)
    message = gettext("%(provider)s sent no user name. Tell your administrator.") % {"provider": provider.name}
    raise SignInRefused(message, "There is neither preferred_username nor email.")


def _email(claims: dict[str, Any]) -> str:
    """The e-mail address if the provider has verified it: reports can depend on it."""
    address = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(address, str):
        return ""
    try:
        validate_email(address)
    except ValidationError:
        return ""
    return address


def _synchronize(user: User, provider: IdentityProvider, claims: dict[str, Any]) -> None:
    """Give and take the mapped roles and attributes, and no others."""
    changes = _set_roles(user, provider, claims) | _set_attributes(user, provider, claims)
    if changes:
        _record(Action.USER_UPDATE, user, provider, **changes)


def _set_roles(user: User, provider: IdentityProvider, claims: dict[str, Any]) -> dict[str, object]:
    if not provider.groups_claim:
        return {}
    groups = _groups(claim_value(claims, provider.groups_claim))
    mapped = {role.pk: role for role in roles_of(provider.tenant_id).filter(pk__in=provider.roles.values("group"))}
    wanted = {role.group_id for role in provider.roles.all() if role.value in groups} & set(mapped)
    held = set(user.groups.filter(pk__in=mapped).values_list("pk", flat=True))
    if wanted == held:
        return {}
    user.groups.add(*wanted - held)
    user.groups.remove(*held - wanted)
    return {
        "rolesGiven": sorted(role_name(mapped[pk]) for pk in wanted - held),
        "rolesTaken": sorted(role_name(mapped[pk]) for pk in held - wanted),
    }


def _groups(value: Any) -> set[str]:
    """The groups in a claim: a list, or a single one. Anything else is none, so it gives no role."""
    values = value if isinstance(value, list) else [value]
    return {group for group in values[:_MAX_GROUPS] if isinstance(group, str)}


def _set_attributes(user: User, provider: IdentityProvider, claims: dict[str, Any]) -> dict[str, object]:
    """A value of a wrong type counts as missing, so that reports that depend on it refuse to run."""
    declared = provider.tenant.attributes
    attributes = dict(user.attributes)
    refused = []
    for claim, name in provider.attributes.items():
        attributes.pop(name, None)
        value = claim_value(claims, claim)
        if value is None or name not in declared:
            continue
        value = _fitting(value, multiple=bool(declared[name].get("multiple")))
        if attribute_errors(declared, name, value):
            refused.append(claim)
        else:
            attributes[name] = value
    changed = [name for name in provider.attributes.values() if attributes.get(name) != user.attributes.get(name)]
    if changed:
        user.attributes = attributes
        user.save(update_fields=["attributes"])
    return ({"attributes": sorted(changed)} if changed else {}) | ({"refusedClaims": refused} if refused else {})


def _fitting(value: Any, *, multiple: bool) -> Any:
    """Providers write a single value with or without a list."""
    if multiple:
        return value if isinstance(value, list) else [value]
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _record(action: Action, user: User, provider: IdentityProvider, **details: object) -> None:
    audit.record(
        action,
        actor=audit.SYSTEM,
        tenant_id=user.tenant_id,
        target=("user", user.pk),
        details={"user": user.username, "provider": provider.slug, **details},
    )
