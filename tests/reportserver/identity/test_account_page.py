"""The account page: password, sessions and keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, PageSession, RefreshSession, Tenant, User
from audit.models import Action, AuditLog
from reports.models import ReportConfiguration
from tests.pages.conftest import PASSWORD
from tests.reportserver.identity.conftest import MakeKey, with_key

pytestmark = pytest.mark.django_db(databases="__all__")

NEW = "a quite new password 2"
Browse = Callable[[str], Client]


def sign_in(name: str = "bob", password: str = PASSWORD, agent: str = "Firefox") -> Client:
    browser = Client(headers={"user-agent": agent})
    assert browser.post("/login", {"username": name, "password": password}).status_code == 302
    return browser


def tokens(name: str = "bob") -> APIClient:
    caller = APIClient()
    credentials = {"username": name, "password": PASSWORD}
    access = caller.post("/api/v1/auth/token", credentials, format="json").json()["access"]
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return caller


def change(browser: Client, **fields: str) -> Any:
    return browser.post("/account/password", {"current": PASSWORD, "new": NEW, "repeated": NEW} | fields)


def test_a_new_password_ends_the_other_sessions(people: dict[str, User], make_key: MakeKey) -> None:
    text = make_key("bob")
    browser, other, program = sign_in(), sign_in(), tokens()
    answer = change(browser)
    assert (answer.status_code, answer["Location"]) == (302, "/account")
    assert browser.get("/account").status_code == 200, "this session goes on"
    assert other.get("/account").status_code == 302
    assert program.get("/api/v1/jobs").status_code == 401
    assert with_key(text).get("/api/v1/jobs").status_code == 200, "keys stay"
    sign_in(password=NEW)
    assert AuditLog.objects.get(action=Action.PASSWORD_CHANGE).actor == "bob"
    assert [session.is_current for session in browser.get("/account").context["sessions"]] == [True, False]


WRONG = {
    "current": ({"current": "wrong"}, "The current password is wrong."),
    "repeated": ({"repeated": "another one"}, "The two passwords are not the same."),
    "new": ({"new": "short", "repeated": "short"}, "at least 10 characters"),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_entry_is_named_and_changes_nothing(field: str, people: dict[str, User]) -> None:
    fields, sentence = WRONG[field]
    answer = change(sign_in(), **fields)
    assert answer.status_code == 400
    assert sentence in str(answer.context["password_form"].errors[field])
    assert PASSWORD not in answer.content.decode() and NEW not in answer.content.decode()
    assert User.objects.get(username="bob").check_password(PASSWORD)


def test_guesses_of_the_current_password_are_limited(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    browser = sign_in()
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 2)
    for _ in range(2):
        change(browser, current="wrong")
    assert "Too many wrong passwords" in change(browser).content.decode()
    assert User.objects.get(username="bob").check_password(PASSWORD)


def test_sessions_are_listed_and_ended(people: dict[str, User]) -> None:
    browser, other, program = sign_in(agent="Firefox"), sign_in(agent="Opera"), tokens()
    sign_in("carol")
    page = browser.get("/account")
    found = {(session.kind, session.agent, session.is_current): session for session in page.context["sessions"]}
    assert set(found) == {("page", "Firefox", True), ("page", "Opera", False), ("API", "", False)}
    keys = PageSession.objects.values_list("session_id", flat=True)
    assert not [key for key in keys if key in page.content.decode()], "a session's key is a secret"
    browser.post("/account/sessions/end", {"session": found["page", "Opera", False].id})
    assert other.get("/account").status_code == 302
    assert program.get("/api/v1/jobs").status_code == 200
    browser.post("/account/sessions/end", {"session": found["API", "", False].id})
    assert program.get("/api/v1/jobs").status_code == 401
    assert AuditLog.objects.filter(action=Action.SESSION_END, actor="bob").count() == 2


def test_nobody_ends_the_session_of_another_user(people: dict[str, User]) -> None:
    browser, carols, program = sign_in(), sign_in("carol"), tokens("carol")
    for session in (PageSession.objects.get(user=people["carol"]), RefreshSession.objects.get()):
        assert browser.post("/account/sessions/end", {"session": str(session.pk)}).status_code == 302
    browser.post("/account/sessions/end", {"session": "no id"})
    browser.post("/account/sessions/end")
    assert carols.get("/account").status_code == 200 and program.get("/api/v1/jobs").status_code == 200
    assert not AuditLog.objects.filter(action=Action.SESSION_END).exists()


def test_all_other_sessions_end_at_once(people: dict[str, User]) -> None:
    browser, other, program = sign_in(), sign_in(), tokens()
    browser.post("/account/sessions/end")
    assert browser.get("/account").status_code == 200
    assert other.get("/account").status_code == 302 and program.get("/api/v1/jobs").status_code == 401
    assert AuditLog.objects.filter(action=Action.SESSION_END).count() == 1


def test_signing_out_forgets_the_session(people: dict[str, User]) -> None:
    sign_in().post("/logout")
    assert not PageSession.objects.exists()


def new_key(browser: Client, **fields: Any) -> Any:
    day = (timezone.now() + timedelta(days=30)).date().isoformat()
    asked = {"name": "nightly", "expires": day, "owner": "bob", "rights": ["view", "generate"]}
    return browser.post("/account/keys", asked | fields)


def test_a_key_is_shown_once_and_revoked(report: ReportConfiguration, browse: Browse) -> None:
    bob = browse("bob")
    answer = new_key(bob, reports=[str(report.pk)])
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    (text,) = set(re.findall(r"rsk_[0-9a-f]{16}_[0-9a-f]{64}", answer.content.decode()))
    assert with_key(text).get("/api/v1/reports/sales").status_code == 200
    page = bob.get("/account").content.decode()
    assert text not in page and "nightly" in page
    key = ApiKey.objects.get()
    assert key.reports == [str(report.pk)] and (key.expires_at.hour, key.expires_at.minute) == (0, 0)
    assert browse("carol").post(f"/account/keys/{key.pk}/revoke").status_code == 404
    assert bob.post(f"/account/keys/{key.pk}/revoke").status_code == 302
    assert with_key(text).get("/api/v1/reports/sales").status_code == 401


BAD_KEYS: dict[str, dict[str, Any]] = {
    "name": {"name": ""},
    "expires": {"expires": "2020-01-01"},
    "a far day": {"expires": "9999-12-31"},
    "no day": {"expires": "soon"},
    "rights": {"rights": []},
    "a right of Administrators": {"rights": ["administer"]},
    "reports": {"reports": ["nothing"]},
    "owner": {"owner": "carol"},
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_a_form_with_an_error_keeps_its_input(case: str, report: ReportConfiguration, browse: Browse) -> None:
    answer = new_key(browse("bob"), **BAD_KEYS[case])
    assert answer.status_code == 400 and answer.context["key_form"].errors
    assert case == "name" or 'value="nightly"' in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_administrators_manage_the_keys_of_service_accounts(
    acme: Tenant, people: dict[str, User], browse: Browse, make_key: MakeKey
) -> None:
    User.objects.create_user("etl", tenant=acme, service=True)
    alice = browse("alice")
    assert new_key(alice, owner="etl", rights=["administer"]).status_code == 200
    key = ApiKey.objects.get()
    assert (key.user.username, key.created_by) == ("etl", "alice")
    page = alice.get("/account").content.decode()
    assert "· etl" in page and "(service account)" in page
    assert alice.post(f"/account/keys/{key.pk}/revoke").status_code == 302
    assert new_key(browse("gina"), owner="etl").status_code == 400, "an Administrator of another tenant"


def test_a_visitor_signs_in_first(db: None) -> None:
    assert Client().get("/account")["Location"] == "/login?next=/account"
