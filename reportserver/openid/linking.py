"""Linking identities to users, and unlinking them: each in one transaction with its audit entry."""

from __future__ import annotations

from django.db import transaction
from django.http import Http404, HttpRequest
from django.utils.translation import gettext

from accounts.models import IdentityProvider, LinkedIdentity, User
from audit import actions as audit
from audit.models import Action
from jobs.clock import Now
from reportserver.auth.audit_entries import origin
from reportserver.openid.exceptions import SignInRefused


def providers_to_link(user: User) -> list[IdentityProvider]:
    """The providers that this user can link an identity of."""
    if user.is_superuser or user.tenant_id is None:
        return []
    return list(IdentityProvider.objects.filter(tenant=user.tenant_id, enabled=True))


def link(*, request: HttpRequest, user: User, provider: IdentityProvider, subject: str) -> None:
    """Let the provider's subject sign in as this user. Raises SignInRefused if it is another user's."""
    with transaction.atomic():
        identity, created = LinkedIdentity.objects.get_or_create(
            provider=provider,
            issuer=provider.issuer,
            subject=subject,
            defaults={"user": user, "created_at": Now()},
        )
        if identity.user_id != user.pk:
            message = gettext("Your account at %(provider)s is linked to another user.") % {"provider": provider.name}
            raise SignInRefused(message, "The identity is linked to another user.")
        if created:
            _record(Action.IDENTITY_LINK, user, identity, user, **origin(request, "page"))


def unlink(*, user: User, identity_id: str, actor: User) -> LinkedIdentity:
    """Unlink an identity of the user. Raises Http404.

    Raises SignInRefused if users would remove their own only way to sign in. Administrators may remove it: they can
    make a link that sets a password.
    """
    with transaction.atomic():
        # Locked, so of two at once the second sees what the first has left.
        held = {
            str(identity.pk): identity for identity in user.identities.select_for_update().select_related("provider")
        }
        identity = held.get(identity_id)
        if identity is None:
            raise Http404
        if actor == user and len(held) == 1 and not user.has_usable_password():
            message = gettext("This is your only way to sign in. Ask an administrator for a password link first.")
            raise SignInRefused(message, "The only identity of a user without a password.")
        identity.delete()
        _record(Action.IDENTITY_UNLINK, user, identity, actor)
    return identity


def _record(action: Action, user: User, identity: LinkedIdentity, actor: User, **details: object) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=user.tenant_id,
        target=("user", user.pk),
        details={
            "user": user.username,
            "provider": identity.provider.slug,
            "issuer": identity.issuer,
            "subject": identity.subject,
            **details,
        },
    )
