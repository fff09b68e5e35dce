"""Roles belong to a tenant."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from accounts.models import Tenant
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


def test_long_names_stay_apart() -> None:
    names = {group_name("a" * 50, "x" * 149 + end) for end in "yz"}
    assert len(names) == 2
    assert all(len(name) <= 150 for name in names)
