"""Users, roles, and what they permit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.backends import ADMINISTRATOR_PERMISSIONS, AdministratorBackend
from accounts.models import RefreshSession, Tenant, User


@pytest.fixture
def acme(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme")


@pytest.fixture
def alice(acme: Tenant) -> User:
    """An Administrator."""
    user = User.objects.create_user("alice", tenant=acme)
    user.groups.add(Group.objects.create(name="Administrator"))
    return user


def sign_in(user: User) -> RefreshSession:
    return RefreshSession.objects.create(user=user, digest="x", expires_at=timezone.now())


def test_one_query_loads_a_user_and_its_role(
    alice: User, acme: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    bob = User.objects.create_user("bob", tenant=acme)
    sessions = [sign_in(user) for user in (alice, bob)]
    with django_assert_num_queries(2):
        users = [User.objects.get_signed_in(session.user_id, session.pk) for session in sessions]
        assert [user and (user.username, user.is_administrator) for user in users] == [("alice", True), ("bob", False)]


@pytest.mark.parametrize("user_id", [0, -1, 2**63 - 1, 2**63, 10**40])
def test_an_unknown_id_finds_nobody(alice: User, user_id: int) -> None:
    assert User.objects.get_signed_in(user_id, sign_in(alice).pk) is None


def test_an_inactive_user_is_not_found_and_has_no_rights(alice: User) -> None:
    session = sign_in(alice)
    alice.is_active = False
    alice.save()
    assert User.objects.get_signed_in(alice.pk, session.pk) is None
    assert not User.objects.get(pk=alice.pk).is_administrator
    assert AdministratorBackend().get_all_permissions(alice) == set()


def test_only_an_open_session_of_the_user_itself_signs_it_in(alice: User, acme: Tenant) -> None:
    session = sign_in(alice)
    others = sign_in(User.objects.create_user("bob", tenant=acme))
    assert User.objects.get_signed_in(alice.pk, session.pk) == alice
    assert User.objects.get_signed_in(alice.pk, others.pk) is None
    assert User.objects.get_signed_in(alice.pk, uuid4()) is None
    RefreshSession.objects.filter(pk=session.pk).update(revoked_at=timezone.now())
    assert User.objects.get_signed_in(alice.pk, session.pk) is None


CHANGES = {
    "saved": lambda user, active: _save(user, active),
    "updated": lambda user, active: User.objects.filter(pk=user.pk).update(is_active=active),
    "by another program": lambda user, active: _execute(
        "update accounts_user set is_active = %s where id = %s", active, user.pk
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_nothing_brings_the_sessions_of_a_deactivated_user_back(
    alice: User, change: Callable[[User, bool], Any]
) -> None:
    stale = User.objects.get(pk=alice.pk)
    before = alice.get_session_auth_hash()
    change(alice, False)
    change(alice, True)
    assert (alice_again := User.objects.get(pk=alice.pk)).is_active
    assert alice_again.get_session_auth_hash() != before
    stale.save()
    assert User.objects.get(pk=alice.pk).get_session_auth_hash() != before, "a save of an older copy"


def _save(user: User, active: bool) -> None:
    user.is_active = active
    user.save()


def _execute(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_an_administrator_administers_its_own_tenant_only(alice: User, acme: Tenant) -> None:
    assert alice.is_administrator
    assert [alice.administers(tenant_id) for tenant_id in (acme.pk, acme.pk + 1, None)] == [True, False, False]
    bob = User.objects.create_user("bob", tenant=acme)
    assert not bob.administers(acme.pk)


def test_a_superuser_administers_every_tenant(acme: Tenant) -> None:
    root = User.objects.create_superuser("root")
    assert all(root.administers(tenant_id) for tenant_id in (acme.pk, acme.pk + 1, None))


def test_only_a_superuser_has_no_tenant(db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("homeless")
    assert User.objects.create_superuser("root").tenant is None


def test_the_role_gives_permissions_in_the_admin(alice: User, acme: Tenant) -> None:
    bob = User.objects.create_user("bob", tenant=acme)
    assert alice.has_perms(ADMINISTRATOR_PERMISSIONS)
    assert alice.has_module_perms("reports") and not alice.has_module_perms("sessions")
    assert not alice.has_perm("reports.add_datasource"), "a location is the operator's choice"
    assert not alice.has_perm("accounts.view_tenant", acme), "these are not permissions on single objects"
    assert not bob.has_perm("accounts.view_user") and not bob.has_module_perms("accounts")
