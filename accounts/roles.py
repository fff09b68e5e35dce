"""Roles of a tenant, and who may hand them out.

A role is a Django group. All but `Administrator`, which every tenant has, belong to one tenant: two tenants can each
have their own `analysts`. The group's own name is internal, since Django's groups have unique names.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from guardian.models import UserObjectPermissionBase

from accounts.models import Role, Tenant, User
from accounts.querysets import ADMINISTRATOR

_MAX_GROUP_NAME = 150


def role_group(tenant: Tenant, name: str) -> Group:
    """The group of the tenant's role with this name, which is created if it doesn't exist."""
    if name == ADMINISTRATOR:
        return Group.objects.get_or_create(name=name)[0]
    roles = Role.objects.select_related("group").filter(tenant=tenant, name=name)
    if role := roles.first():
        return role.group
    try:
        with transaction.atomic():
            group = Group.objects.create(name=new_group_name(Group.objects.all(), tenant.slug, name))
            Role.objects.create(group=group, tenant=tenant, name=name)
            return group
    except IntegrityError:
        # Another process has created the role meanwhile.
        return roles.get().group


def role_name(group: Group) -> str:
    """The name that people see."""
    role = getattr(group, "role", None)
    return role.name if role else group.name


def group_name(tenant_slug: str, name: str) -> str:
    """The internal name of the group of a tenant's role. A long one ends with a digest."""
    full = f"{tenant_slug}/{name}"
    if len(full) <= _MAX_GROUP_NAME:
        return full
    return f"{full[: _MAX_GROUP_NAME - 17]}~{hashlib.sha256(full.encode()).hexdigest()[:16]}"


def new_group_name(groups: QuerySet[Group], tenant_slug: str, name: str) -> str:
    """A name for the group of a new role, which no group has.

    A group that has the usual one is a deleted or renamed tenant's, or an operator's: its users and its rights are none
    of the new role's.
    """
    usual = group_name(tenant_slug, name)
    if not groups.filter(name=usual).exists():
        return usual
    return f"{usual[: _MAX_GROUP_NAME - 17]}~{secrets.token_hex(8)}"


def roles_of(tenant_id: int | None) -> QuerySet[Group]:
    """The tenant's roles and `Administrator`."""
    return Group.objects.select_related("role").filter(Q(role__tenant=tenant_id) | Q(name=ADMINISTRATOR))


def roles_visible_to(user: User) -> QuerySet[Group]:
    """All groups for a superuser, the roles of their tenant for others."""
    return Group.objects.select_related("role__tenant") if user.is_superuser else roles_of(user.tenant_id)


def roles_to_hand_out(user: User) -> QuerySet[Group]:
    """The roles that this user may give to users of the own tenant: none that gives more than the user has."""
    if user.is_superuser:
        return roles_visible_to(user)
    roles = roles_of(user.tenant_id)
    if not user.is_administrator:
        # A role may have rights on reports, which an Administrator has anyway.
        roles = roles.filter(user=user)
    held = user.get_all_permissions()
    too_much = [
        role.pk
        for role in roles.prefetch_related("permissions__content_type")
        if not names_of(role.permissions.all()) <= held
    ]
    return roles.exclude(pk__in=too_much)


def may_manage(user: User, other: User) -> bool:
    """True if the other user has no rights that this user lacks: whoever sets a password can sign in with it.

    What a deactivated user would have again counts too.
    """
    if user.is_superuser:
        return True
    stored = Permission.objects.filter(Q(user=other) | Q(group__user=other)).select_related("content_type")
    if other.is_superuser or not names_of(stored) <= user.get_all_permissions():
        return False
    # Administrators have every right on the reports of their tenant, and any role there is theirs to hand out.
    if user.is_administrator:
        return True
    # Reports can show more to somebody with other attributes.
    has_own_attributes = bool(other.attributes) and other.attributes != user.attributes
    return not has_own_attributes and _roles_held(other) <= _roles_held(user) and _grants(other) <= _grants(user)


def _roles_held(user: User) -> set[int]:
    return set(user.groups.values_list("pk", flat=True))


def _grants(user: User) -> set[tuple[object, ...]]:
    """The user's rights by name on single objects, such as reports."""
    grants: set[tuple[object, ...]] = set()
    for model in apps.get_models():
        if issubclass(model, UserObjectPermissionBase):
            fields = [field.attname for field in model._meta.concrete_fields if field.name not in ("id", "user")]
            grants |= {(model, *values) for values in model._default_manager.filter(user=user).values_list(*fields)}
    return grants


def names_of(permissions: Iterable[Permission]) -> set[str]:
    """The permissions as `has_perm` takes them."""
    return {f"{permission.content_type.app_label}.{permission.codename}" for permission in permissions}
