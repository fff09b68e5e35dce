"""What Administrators do with the users of their tenant: each in one transaction with its audit entry."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.exceptions import TooManyNames
from accounts.models import Tenant, User
from accounts.roles import may_manage, role_name, roles_to_hand_out
from audit import actions as audit
from audit.models import Action
from common.throttling import count_in_database
from reports.exceptions import InvalidParameters


def people_of(actor: User) -> QuerySet[User]:
    """The users of the actor's tenant; for a superuser, all users."""
    users = User.objects.select_related("tenant", "second_factor").prefetch_related(
        "groups__role", "identities__provider"
    )
    return users if actor.is_superuser else users.filter(tenant=actor.tenant_id, is_superuser=False)


def person_to_manage(actor: User, user_id: int) -> User:
    """Return the user. Raises Http404, or PermissionDenied for one who may do more than the actor."""
    user = people_of(actor).filter(pk=user_id).first()
    if user is None:
        raise Http404
    if not may_manage(actor, user):
        raise PermissionDenied
    return user


def invite(*, actor: User, tenant: Tenant, username: str, email: str, service: bool, roles: Iterable[Group]) -> User:
    """Create a user without a password, who sets one by `password_link`; a service account never has one.

    Raises InvalidParameters, and TooManyNames for an actor who tries out which names exist.
    """
    user = User(username=User.normalize_username(username), email=email, tenant=tenant, service=service)
    user.set_unusable_password()
    _check_name(user, actor)
    allowed = set(roles_to_hand_out(actor))
    with transaction.atomic():
        user.save()
        user.groups.set(allowed.intersection(roles))
        _record(Action.USER_CREATE, user, actor, service=service, roles=_names(user))
    return user


def _check_name(user: User, actor: User) -> None:
    """Raise InvalidParameters unless a user can have this name and address, or TooManyNames."""
    # Names are unique on the whole server: a refusal says that somebody, maybe of another tenant, has this one.
    counted = f"user:{actor.pk}"
    if count_in_database("names", counted, amount=0).used >= settings.RATE_LIMITS["names"]:
        raise TooManyNames
    try:
        user.full_clean()
    except ValidationError as error:
        if "username" in error.message_dict:
            count_in_database("names", counted)
        raise InvalidParameters(error.message_dict) from None


def set_roles(*, user: User, roles: Iterable[Group], actor: User) -> None:
    """Give the user these roles of those that the actor may hand out. The user keeps the others."""
    allowed = set(roles_to_hand_out(actor))
    with transaction.atomic():
        before = set(user.groups.all())
        after = (before - allowed) | (allowed & set(roles))
        if after != before:
            user.groups.set(after)
            _record(Action.USER_UPDATE, user, actor, roles=sorted(role_name(role) for role in after))


def set_active(*, user: User, active: bool, actor: User) -> None:
    """Activate the user, or deactivate: sessions and keys end, and no later activation revives them."""
    if user == actor:
        raise PermissionDenied
    with transaction.atomic():
        if User.objects.filter(pk=user.pk).exclude(is_active=active).update(is_active=active):
            _record(Action.USER_UPDATE, user, actor, active=active)


def password_link(user: User) -> str:
    """A link by which the user sets a password. It is valid for days, until it is used or the user signs in."""
    path = reverse(
        "set-password",
        args=[urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)],
    )
    return f"{settings.PUBLIC_URL}{path}"


def _names(user: User) -> list[str]:
    return sorted(role_name(role) for role in user.groups.select_related("role"))


def _record(action: Action, user: User, actor: User, **details: object) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=user.tenant_id,
        target=("user", user.pk),
        details={"user": user.username, **details},
    )
