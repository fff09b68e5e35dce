"""What an Administrator of one tenant can learn and hand out in the admin: nothing of others, no more than he has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import Role, Tenant, User
from accounts.roles import role_group
from reports.models import ReportConfiguration, RoleGrant, UserGrant
from tests.pages.conftest import PASSWORD

Browse = Callable[[str], Client]


@pytest.fixture
def powerful() -> Permission:
    """A permission that Administrators don't have."""
    return Permission.objects.get(codename="change_datasource")


@pytest.fixture
def roles(acme: Tenant, globex: Tenant, powerful: Permission) -> dict[str, Group]:
    """Roles by name: of alice's tenant, of it with a permission, of another tenant, of none."""
    found = {
        "own": role_group(acme, "own-analysts"),
        "powerful": role_group(acme, "own-powerful"),
        "foreign": role_group(globex, "foreign-analysts"),
        "shared": Group.objects.create(name="shared-unassigned"),
    }
    found["powerful"].permissions.add(powerful)
    return found


def change(client: Client, user: User, *groups: Group, **fields: object) -> int:
    address = f"/admin/accounts/user/{user.pk}/change/"
    data = {"username": user.username, "tenant": user.tenant_id, "is_active": "on", "groups": [g.pk for g in groups]}
    return client.post(address, data | fields).status_code


def roles_of(user: User) -> set[Group]:
    return set(user.groups.all())


def test_only_roles_of_the_own_tenant_that_give_no_more_are_handed_out(
    people: dict[str, User], browse: Browse, roles: dict[str, Group]
) -> None:
    alice, dave = browse("alice"), people["dave"]
    assert change(alice, dave, roles["own"]) == 302
    assert roles_of(dave) == {roles["own"]}
    for name in ("powerful", "foreign", "shared"):
        assert change(alice, dave, roles["own"], roles[name]) == 200, name
    assert roles_of(dave) == {roles["own"]}
    assert change(alice, dave, Group.objects.get(name="Administrator")) == 302
    assert dave.groups.filter(name="Administrator").exists()


def test_roles_that_the_actor_cannot_hand_out_are_kept(
    people: dict[str, User], browse: Browse, roles: dict[str, Group]
) -> None:
    dave = people["dave"]
    dave.groups.add(roles["shared"])
    assert change(browse("alice"), dave, roles["own"]) == 302
    assert roles_of(dave) == {roles["own"], roles["shared"]}


def test_nobody_sets_the_password_of_a_user_who_may_do_more(
    people: dict[str, User], browse: Browse, roles: dict[str, Group], powerful: Permission
) -> None:
    dave, alice = people["dave"], browse("alice")
    passwords = {"password1": "another long one 7", "password2": "another long one 7", "usable_password": "true"}
    address = f"/admin/accounts/user/{dave.pk}/password/"
    for give, take in (
        (lambda: dave.groups.add(roles["powerful"]), lambda: dave.groups.clear()),
        (lambda: dave.user_permissions.add(powerful), lambda: dave.user_permissions.clear()),
    ):
        give()
        assert alice.post(address, passwords).status_code == 403
        assert change(alice, dave, is_active="") == 403
        take()
    assert alice.post(address, passwords).status_code == 302


def test_staff_without_the_role_administrator_neither_give_it_nor_take_over_who_has_it(
    people: dict[str, User], browse: Browse, roles: dict[str, Group]
) -> None:
    bob = people["bob"]
    bob.is_staff = True
    bob.save()
    bob.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    administrator = Group.objects.get(name="Administrator")
    assert change(browse("bob"), people["dave"], administrator) == 200
    assert change(browse("bob"), people["dave"], roles["own"]) == 200
    assert change(browse("bob"), people["alice"], administrator) == 403
    bob.groups.add(roles["own"])
    assert change(browse("bob"), people["dave"], roles["own"]) == 302


@pytest.fixture
def helpdesk(people: dict[str, User], browse: Browse) -> Client:
    """Signed in as dave, who may change users and has no rights on reports."""
    dave = people["dave"]
    dave.is_staff = True
    dave.save()
    dave.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "delete_user", "view_user"]))
    return browse("dave")


def takes_over(client: Client, user: User) -> bool:
    """True if the client can set the user's password and activate the user, False if it can do neither, nor delete."""
    passwords = {"password1": "another long one 7", "password2": "another long one 7", "usable_password": "true"}
    answers = {
        client.post(f"/admin/accounts/user/{user.pk}/password/", passwords).status_code,
        change(client, user),
    }
    assert answers in ({302}, {403})
    if answers == {403}:
        assert client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"}).status_code == 403
        return False
    user.refresh_from_db()
    assert user.check_password("another long one 7"), "redirected to the sign-in page"
    return True


def test_staff_take_over_nobody_who_has_a_role_or_a_right_on_a_report_that_they_lack(
    people: dict[str, User], helpdesk: Client, roles: dict[str, Group], report: ReportConfiguration
) -> None:
    dave, carol, alice = people["dave"], people["carol"], people["alice"]
    frank = User.objects.create_user("frank", tenant=dave.tenant)
    view = Permission.objects.get(codename="view_reportconfiguration")
    assert takes_over(helpdesk, frank)
    frank.groups.add(roles["own"])
    RoleGrant.objects.create(group=roles["own"], content_object=report, permission=view)
    assert not takes_over(helpdesk, frank), "he has a role that dave lacks"
    assert not takes_over(helpdesk, carol), "she has a right by name that dave lacks"
    dave.groups.add(roles["own"])
    UserGrant.objects.create(user=dave, content_object=report, permission=view)
    assert takes_over(helpdesk, frank)
    assert takes_over(helpdesk, carol)
    assert not takes_over(helpdesk, people["erin"]), "she may generate, dave only view"
    assert not takes_over(helpdesk, alice), "she is an Administrator"


def test_a_deactivated_user_is_taken_over_no_more_than_an_active_one(
    people: dict[str, User], helpdesk: Client, browse: Browse, roles: dict[str, Group]
) -> None:
    alice, bob = people["alice"], people["bob"]
    bob.groups.add(roles["powerful"])
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert not takes_over(browse("alice"), bob)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not takes_over(helpdesk, alice)


def test_a_user_who_moves_to_another_tenant_loses_the_roles_of_the_old_one(
    root: Client, people: dict[str, User], roles: dict[str, Group], globex: Tenant
) -> None:
    dave = people["dave"]
    dave.groups.add(roles["own"])
    assert change(root, dave, roles["own"], roles["foreign"], tenant=globex.pk) == 302
    assert roles_of(dave) == {roles["foreign"]}


def test_no_page_shows_the_name_of_another_tenants_role(
    people: dict[str, User], browse: Browse, roles: dict[str, Group], report: ReportConfiguration
) -> None:
    people["gina"].groups.add(roles["foreign"])
    people["dave"].groups.add(roles["own"])
    addresses = [
        "/admin/auth/group/",
        f"/admin/auth/group/{roles['own'].pk}/change/",
        "/admin/accounts/user/",
        f"/admin/accounts/user/{people['dave'].pk}/change/",
        f"/admin/reports/reportconfiguration/{report.pk}/permissions/",
        "/reports/sales/edit",
    ]
    alice = browse("alice")
    for address in addresses:
        answer = alice.get(address)
        assert answer.status_code == 200, address
        text = answer.content.decode()
        assert "foreign-analysts" not in text and "shared-unassigned" not in text, address
    assert "own-analysts" in alice.get("/admin/auth/group/").content.decode()
    assert "own-analysts" in alice.get("/admin/accounts/user/").content.decode()
    for role in ("foreign", "shared"):
        assert alice.get(f"/admin/auth/group/{roles[role].pk}/change/").status_code == 302


def test_users_and_roles_of_other_tenants_are_found_no_more_than_missing_ones(
    people: dict[str, User], browse: Browse, roles: dict[str, Group], report: ReportConfiguration
) -> None:
    manage = f"/admin/reports/reportconfiguration/{report.pk}/permissions/"
    alice = browse("alice")

    def answer(**fields: str) -> str:
        kind = "user" if "user" in fields else "group"
        response = alice.post(manage, {**fields, f"submit_manage_{kind}": "1"})
        return str(response.status_code) + response.content.decode().replace(next(iter(fields.values())), "NAME")

    def without_token(text: str) -> str:
        return "".join(line for line in text.splitlines() if "csrfmiddlewaretoken" not in line)

    assert without_token(answer(user="gina")) == without_token(answer(user="nobody-at-all"))
    assert answer(user="dave").startswith("302")
    missing = without_token(answer(group="missing-role"))
    for name in ("foreign-analysts", "globex/foreign-analysts", "shared-unassigned"):
        assert without_token(answer(group=name)) == missing
    assert answer(group="own-analysts").startswith("302")
    for role, status in (("own", 200), ("foreign", 404), ("shared", 404)):
        assert alice.get(f"{manage}group-manage/{roles[role].pk}/").status_code == status


@pytest.mark.parametrize("name", ["gina", "GINA", "dave", "system", "operator:x"])
def test_a_taken_or_reserved_name_is_not_available_and_nothing_more(
    people: dict[str, User], browse: Browse, acme: Tenant, name: str
) -> None:
    alice = browse("alice")
    fields = {"tenant": acme.pk, "password1": "another long one 7", "password2": "another long one 7"}
    fields["usable_password"] = "true"
    text = alice.post("/admin/accounts/user/add/", {**fields, "username": name}).content.decode()
    assert "This name isn&#x27;t available." in text
    assert "already exists" not in text
    fields = {"username": name, "tenant": acme.pk, "is_active": "on"}
    if name not in ("dave", "GINA"):
        page = alice.post(f"/admin/accounts/user/{people['dave'].pk}/change/", fields).content.decode()
        assert "This name isn&#x27;t available." in page


def test_tries_of_names_are_limited(people: dict[str, User], browse: Browse, acme: Tenant) -> None:
    alice = browse("alice")
    fields = {"tenant": acme.pk, "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    answers = [
        alice.post("/admin/accounts/user/add/", {**fields, "username": "gina"}).status_code
        for _ in range(settings.RATE_LIMITS["names"] + 1)
    ]
    assert (answers[0], answers[-2], answers[-1]) == (200, 200, 429)


def test_a_superuser_gives_a_role_to_a_tenant(root: Client, acme: Tenant) -> None:
    fields = {
        "name": "acme/auditors", "role-TOTAL_FORMS": 1, "role-INITIAL_FORMS": 0, "role-0-tenant": acme.pk,
        "role-0-name": "auditors",
    }  # fmt: skip
    assert root.post("/admin/auth/group/add/", fields).status_code == 302
    assert Role.objects.get(tenant=acme, name="auditors").group.name == "acme/auditors"
