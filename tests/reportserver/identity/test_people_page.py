"""The people page: who may open it, and what Administrators do there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client

from accounts.models import PageSession, SecondFactor, Tenant, User
from accounts.roles import role_group
from audit.models import AuditLog
from reportserver.auth import second_factor
from tests.pages.conftest import PASSWORD
from tests.reportserver.identity.conftest import MakeKey, with_key

pytestmark = pytest.mark.django_db(databases="__all__")

Browse = Callable[[str], Client]
NEW = "a quite new password 2"


def create(browser: Client, **fields: Any) -> Any:
    return browser.post("/people/new", {"tenant": "acme", "username": "frank"} | fields)


def command(browser: Client, user: User, name: str, **fields: Any) -> int:
    return int(browser.post(f"/people/{user.pk}/{name}", fields).status_code)


def test_only_administrators_open_it(people: dict[str, User], browse: Browse) -> None:
    assert browse("bob").get("/people").status_code == 403
    assert create(browse("bob")).status_code == 403
    assert command(browse("bob"), people["carol"], "deactivate") == 403
    page = browse("alice").get("/people").content.decode()
    assert "carol" in page and "gina" not in page
    assert not User.objects.filter(username="frank").exists()


def test_a_new_user_sets_a_password_by_a_link(acme: Tenant, people: dict[str, User], browse: Browse) -> None:
    role = role_group(acme, "analysts")
    answer = create(browse("alice"), roles=[str(role.pk)])
    (link,) = re.findall(rf"{settings.PUBLIC_URL}(/set-password/[^<\s]+)", answer.content.decode())
    frank = User.objects.get(username="frank")
    assert not frank.has_usable_password() and list(frank.groups.all()) == [role]
    entry = AuditLog.objects.get(action="User Create")
    assert (entry.actor, entry.details["roles"]) == ("alice", ["analysts"])
    visitor = Client()
    form = visitor.get(link, follow=True)
    url = form.redirect_chain[-1][0]
    assert visitor.post(url, {"new_password1": "short", "new_password2": "short"}).status_code == 200
    assert visitor.post(url, {"new_password1": NEW, "new_password2": NEW})["Location"] == "/login"
    assert visitor.post("/login", {"username": "frank", "password": NEW}).status_code == 302
    assert "no longer valid" in Client().get(link, follow=True).content.decode()
    assert AuditLog.objects.get(action="Password Change").actor == "frank"


def test_the_link_is_mailed(people: dict[str, User], browse: Browse, settings: Any) -> None:
    settings.EMAIL_CONFIGURED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    page = create(browse("alice"), email="frank@example.com").content.decode()
    (message,) = mail.outbox
    assert message.to == ["frank@example.com"] and "/set-password/" in message.body
    assert "/set-password/" not in page


NAMES = {"taken": "bob", "of another tenant": "gina", "reserved": "system", "with a space": "a b", "none": ""}


@pytest.mark.parametrize("case", NAMES)
def test_a_bad_name_is_named(case: str, people: dict[str, User], browse: Browse) -> None:
    answer = create(browse("alice"), username=NAMES[case], email="frank@example.com")
    assert answer.status_code == 400 and answer.context["form"].errors["username"]
    assert "frank@example.com" in answer.content.decode()


def test_names_are_not_tried_out(people: dict[str, User], browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.RATE_LIMITS, "names", 2)
    alice = browse("alice")
    assert [create(alice, username="gina").status_code for _ in range(3)] == [400, 400, 429]


def test_nobody_creates_a_user_elsewhere(globex: Tenant, people: dict[str, User], browse: Browse) -> None:
    assert create(browse("alice"), tenant="globex").status_code == 400


def test_deactivating_ends_sessions_and_keys(people: dict[str, User], browse: Browse, make_key: MakeKey) -> None:
    key, carol, alice = make_key("carol"), browse("carol"), browse("alice")
    assert command(alice, people["carol"], "deactivate") == 302
    assert with_key(key).get("/api/v1/jobs").status_code == 401
    assert carol.get("/jobs").status_code == 302
    command(alice, people["carol"], "activate")
    assert with_key(key).get("/api/v1/jobs").status_code == 401 and carol.get("/jobs").status_code == 302
    assert [entry.details["active"] for entry in AuditLog.objects.filter(action="User Update")] == [True, False]
    assert command(alice, people["alice"], "deactivate") == 403, "nobody locks himself out"
    assert command(alice, people["gina"], "deactivate") == 404


def test_roles_that_the_actor_can_not_hand_out_stay(acme: Tenant, people: dict[str, User], browse: Browse) -> None:
    readers, powerful = role_group(acme, "readers"), role_group(acme, "powerful")
    powerful.permissions.add(Permission.objects.get(codename="delete_user"))
    people["bob"].groups.add(readers)
    administrators = Group.objects.get(name="Administrator")
    chosen = [str(administrators.pk), str(powerful.pk)]
    assert command(browse("alice"), people["bob"], "roles", roles=chosen) == 302
    assert set(people["bob"].groups.all()) == {administrators}
    people["carol"].groups.add(powerful)
    assert command(browse("alice"), people["carol"], "roles", roles=[]) == 403, "she may do more than alice"


def test_sessions_are_ended_and_second_factors_reset(people: dict[str, User], browse: Browse) -> None:
    bob = Client()
    bob.post("/login", {"username": "bob", "password": PASSWORD})
    second_factor.begin(people["bob"])
    alice = browse("alice")
    assert command(alice, people["bob"], "end-sessions") == 302
    assert bob.get("/jobs").status_code == 302 and not PageSession.objects.exists()
    assert command(alice, people["bob"], "reset-second-factor") == 302
    assert not SecondFactor.objects.exists()
    entries = AuditLog.objects.filter(action__in=("Session End", "Second Factor Remove"))
    assert {(entry.actor, entry.target_id) for entry in entries} == {("alice", str(people["bob"].pk))}
    assert command(alice, people["bob"], "explode") == 404


def test_service_accounts_have_no_link(people: dict[str, User], browse: Browse) -> None:
    alice = browse("alice")
    assert create(alice, username="etl", service="true").status_code == 302
    etl = User.objects.get(username="etl")
    assert etl.service and command(alice, etl, "link") == 404
