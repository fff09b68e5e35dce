"""Roles belong to a tenant."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission

from accounts.models import Tenant, User
from accounts.roles import group_name, role_group, role_name, roles_of

pytestmark = pytest.mark.django_db


def test_two_tenants_have_roles_of_the_same_name() -> None:
    acme, globex = (Tenant.objects.create(slug=slug, name=slug) for slug in ("acme", "globex"))
    own, other = role_group(acme, "analysts"), role_group(globex, "analysts")
    assert own != other
    assert (role_name(own), role_name(other)) == ("analysts", "analysts")
    assert role_group(acme, "analysts") == own
    assert list(roles_of(acme.pk)) == [own]


def test_administrator_is_a_role_of_every_tenant() -> None:
    acme, globex = (Tenant.objects.create(slug=slug, name=slug) for slug in ("acme", "globex"))
    assert role_group(acme, "Administrator") == role_group(globex, "Administrator")
    assert list(roles_of(acme.pk)) == list(Group.objects.filter(name="Administrator"))


def test_a_new_role_has_nothing_of_a_group_that_has_its_name(django_user_model: type[User]) -> None:
    """The group of a tenant that was deleted, which a new one with the same slug must not inherit."""
    gone = Tenant.objects.create(slug="acme", name="acme")
    old = role_group(gone, "analysts")
    old.permissions.add(Permission.objects.get(codename="delete_user"))
    dave = django_user_model.objects.create_user("dave", tenant=gone)
    dave.groups.add(old)
    dave.tenant = None
    dave.is_superuser = True
    dave.save()
    gone.delete()
    new = role_group(Tenant.objects.create(slug="acme", name="acme"), "analysts")
    assert new != old and role_name(new) == "analysts"
    assert not new.permissions.exists() and not new.user_set.exists()
    assert Group.objects.filter(pk=old.pk).exists(), "an operator may still need to see it"


def test_a_new_role_is_not_that_of_a_tenant_which_was_called_the_same() -> None:
    renamed = Tenant.objects.create(slug="acme", name="acme")
    old = role_group(renamed, "analysts")
    renamed.slug = "acme-holding"
    renamed.save()
    namesake = Tenant.objects.create(slug="acme", name="Another")
    new = role_group(namesake, "analysts")
    assert new != old
    assert list(roles_of(namesake.pk)) == [new]
    assert (role_group(renamed, "analysts"), role_group(namesake, "analysts")) == (old, new), "existing ones stay"


def test_the_name_of_a_new_group_fits_however_often_the_usual_one_is_taken() -> None:
    for number in range(3):
        tenant = Tenant.objects.create(slug="a" * 50, name=str(number))
        assert len(role_group(tenant, "x" * 150).name) <= 150
        tenant.slug = f"renamed-{number}"
        tenant.save()


def test_long_names_stay_apart() -> None:
    names = {group_name("a" * 50, "x" * 149 + end) for end in "yz"}
    assert len(names) == 2
    assert all(len(name) <= 150 for name in names)
