"""The roles page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import Role, Tenant, User
from accounts.roles import role_group
from audit.models import AuditLog
from reports.models import ReportConfiguration, RoleGrant

pytestmark = pytest.mark.django_db(databases="__all__")

Browse = Callable[[str], Client]


@pytest.fixture
def analysts(acme: Tenant, people: dict[str, User], report: ReportConfiguration) -> Group:
    """A role of Acme that carol has, with a right on the report."""
    group = role_group(acme, "analysts")
    people["carol"].groups.add(group)
    permission = Permission.objects.get(codename="generate_reportconfiguration")
    RoleGrant.objects.create(content_object=report, group=group, permission=permission)
    return group


def test_roles_are_listed_with_members_and_rights(analysts: Group, globex: Tenant, browse: Browse) -> None:
    role_group(globex, "strangers")
    rows = browse("alice").get("/roles").context["roles"]
    found = {row["name"]: (row["members"], row["rights"]) for row in rows}
    assert found == {"Administrator": (["alice"], []), "analysts": (["carol"], [("sales", ["generate"])])}
    assert browse("bob").get("/roles").status_code == 403


def test_a_role_is_created_once(acme: Tenant, people: dict[str, User], browse: Browse) -> None:
    alice = browse("alice")
    assert alice.post("/roles/new", {"tenant": "acme", "name": "readers"}).status_code == 302
    assert Role.objects.get().name == "readers"
    for name in ("readers", "Administrator", "administrator", ""):
        answer = alice.post("/roles/new", {"tenant": "acme", "name": name})
        assert answer.status_code == 400 and answer.context["form"].errors["name"], name
    assert alice.post("/roles/new", {"tenant": "globex", "name": "readers"}).status_code == 400
    assert AuditLog.objects.get().action == "Role Create"


def test_deleting_a_role_takes_its_rights(analysts: Group, people: dict[str, User], browse: Browse) -> None:
    assert browse("gina").post(f"/roles/{analysts.pk}/delete").status_code == 404, "another tenant"
    assert browse("bob").post(f"/roles/{analysts.pk}/delete").status_code == 403
    assert browse("alice").post(f"/roles/{analysts.pk}/delete").status_code == 302
    assert not Role.objects.exists() and not RoleGrant.objects.exists()
    assert User.objects.filter(pk=people["carol"].pk).exists()
    entry = AuditLog.objects.get(action="Role Delete")
    assert (entry.target_id, entry.details) == (str(analysts.pk), {"role": "analysts", "members": 1})


def test_nobody_deletes_the_administrator(people: dict[str, User], browse: Browse) -> None:
    group = Group.objects.get(name="Administrator")
    assert browse("alice").post(f"/roles/{group.pk}/delete").status_code == 404


def test_a_renamed_role_keeps_members_and_rights(analysts: Group, people: dict[str, User], browse: Browse) -> None:
    alice = browse("alice")
    assert alice.post(f"/roles/{analysts.pk}/rename", {"name": "readers"}).status_code == 302
    rows = {row["name"]: (row["members"], row["rights"]) for row in alice.get("/roles").context["roles"]}
    assert rows["readers"] == (["carol"], [("sales", ["generate"])])
    entry = AuditLog.objects.get(action="Role Update")
    assert (entry.target_id, entry.details) == (str(analysts.pk), {"role": "readers", "before": "analysts"})
    assert alice.post("/roles/new", {"tenant": "acme", "name": "analysts"}).status_code == 302, "the name is free"
    for name in ("analysts", "administrator", ""):
        answer = alice.post(f"/roles/{analysts.pk}/rename", {"name": name})
        assert answer.status_code == 400, name
        (row,) = [row for row in answer.context["roles"] if row["role"] == analysts]
        assert row["rename"].errors["name"], name
    assert browse("gina").post(f"/roles/{analysts.pk}/rename", {"name": "x"}).status_code == 404
    assert browse("bob").post(f"/roles/{analysts.pk}/rename", {"name": "x"}).status_code == 403
    administrator = Group.objects.get(name="Administrator")
    assert alice.post(f"/roles/{administrator.pk}/rename", {"name": "x"}).status_code == 404
