"""Creating, renaming and deleting roles of a tenant: each in one transaction with its audit entry."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext_noop

from accounts.models import Role, Tenant, User
from accounts.querysets import ADMINISTRATOR
from accounts.roles import role_group
from audit import actions as audit
from audit.models import Action
from reports.exceptions import InvalidParameters

_TAKEN = gettext_noop("There is a role with this name.")


def create_role(*, actor: User, tenant: Tenant, name: str) -> Group:
    """Create a role without rights. Raises InvalidParameters if the tenant has one of this name."""
    _check_name(tenant, name)
    with transaction.atomic():
        role = role_group(tenant, name)
        _record(Action.ROLE_CREATE, role.role, actor)
    return role


def rename_role(*, role: Role, name: str, actor: User) -> None:
    """Give the role another name. Its members and rights stay. Raises InvalidParameters like create_role."""
    if name == role.name:
        return
    _check_name(role.tenant, name)
    before, role.name = role.name, name
    with transaction.atomic():
        role.save(update_fields=["name"])
        _record(Action.ROLE_UPDATE, role, actor, before=before)


def _check_name(tenant: Tenant, name: str) -> None:
    if name.casefold() == ADMINISTRATOR.casefold() or Role.objects.filter(tenant=tenant, name=name).exists():
        raise InvalidParameters({"name": [_TAKEN]})


def delete_role(*, role: Group, actor: User) -> None:
    """Delete the role. Its members lose the rights that it has on reports."""
    with transaction.atomic():
        members = role.user_set.count()
        entry = role.role
        role_id = role.pk
        role.delete()
        entry.pk = role_id
        _record(Action.ROLE_DELETE, entry, actor, members=members)


def _record(action: Action, role: Role, actor: User, **details: object) -> None:
    audit.record(
        action,
        actor=actor,
        tenant_id=role.tenant_id,
        target=("role", role.pk),
        details={"role": role.name, **details},
    )
