"""The page of a person's sessions and keys, and the second factor of an organization."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, PageSession, RefreshSession, SecondFactor, Tenant, User
from audit.models import AuditLog
from tests.pages.html import Page
from tests.reportserver.identity.conftest import MakeKey, with_key
from tests.reportserver.identity.test_account_page import sign_in, tokens

pytestmark = pytest.mark.django_db(databases="__all__")

Browse = Callable[[str], Client]


def test_an_administrator_ends_one_session_of_somebody(people: dict[str, User], browse: Browse) -> None:
    bobs, program, alice = sign_in("bob", agent="Opera"), tokens("bob"), browse("alice")
    url = f"/people/{people['bob'].pk}"
    page = alice.get(url).content.decode()
    assert "Opera" in page and not any(key in page for key in PageSession.objects.values_list("session_id", flat=True))
    session = PageSession.objects.get(user=people["bob"])
    assert alice.post(f"{url}/sessions/end", {"session": str(session.pk)})["Location"] == url
    assert bobs.get("/account").status_code == 302 and program.get("/api/v1/jobs").status_code == 200
    assert alice.post(f"{url}/sessions/end", {"session": str(RefreshSession.objects.get().pk)}).status_code == 302
    assert program.get("/api/v1/jobs").status_code == 401
    entries = AuditLog.objects.filter(action="Session End")
    assert {(entry.actor, entry.details["user"]) for entry in entries} == {("alice", "bob")} and len(entries) == 2
    again = alice.post(f"{url}/sessions/end", {"session": str(session.pk)}, follow=True)
    assert "had ended already" in again.content.decode()


def test_a_session_ends_only_on_the_page_of_its_user(people: dict[str, User], browse: Browse) -> None:
    bobs = sign_in("bob")
    session = str(PageSession.objects.get(user=people["bob"]).pk)
    for identifier in (session, "nothing"):
        browse("alice").post(f"/people/{people['carol'].pk}/sessions/end", {"session": identifier})
    assert bobs.get("/account").status_code == 200


def test_an_administrator_revokes_a_key_of_somebody(people: dict[str, User], browse: Browse, make_key: MakeKey) -> None:
    text, alice, url = make_key("bob"), browse("alice"), f"/people/{people['bob'].pk}"
    key = ApiKey.objects.get()
    assert "nightly" in alice.get(url).content.decode()
    assert alice.post(f"/people/{people['carol'].pk}/keys/{key.pk}/revoke").status_code == 404
    assert with_key(text).get("/api/v1/jobs").status_code == 200
    assert alice.post(f"{url}/keys/{key.pk}/revoke")["Location"] == url
    assert with_key(text).get("/api/v1/jobs").status_code == 401
    assert alice.post(f"{url}/keys/{key.pk}/revoke").status_code == 404
    assert AuditLog.objects.get(action="Key Revoke").actor == "alice"


@pytest.mark.parametrize("name", ["bob", "gina"])
def test_nobody_else_sees_or_changes_it(name: str, people: dict[str, User], browse: Browse, make_key: MakeKey) -> None:
    make_key("carol")
    url, key = f"/people/{people['carol'].pk}", ApiKey.objects.get()
    browser, status = browse(name), 403 if name == "bob" else 404
    answers = [browser.get(url), browser.post(f"{url}/sessions/end"), browser.post(f"{url}/keys/{key.pk}/revoke")]
    assert [answer.status_code for answer in answers] == [status] * 3
    assert ApiKey.objects.get().revoked_at is None


def test_a_second_factor_is_required_and_no_longer(acme: Tenant, people: dict[str, User], browse: Browse) -> None:
    SecondFactor.objects.create(user=people["carol"], created_at=timezone.now(), confirmed_at=timezone.now())
    User.objects.create_user("etl", tenant=acme, service=True)
    alice = browse("alice")
    panel = Page(alice.get("/people")).get("region", "Second factor").text
    assert "Have to set one up" in panel and "alice, bob" in panel and "carol" not in panel and "etl" not in panel
    alice.post("/people/second-factor", {"required": "true"})
    acme.refresh_from_db()
    assert acme.require_second_factor
    assert "Without one so far: alice, bob" in " ".join(
        Page(alice.get("/people")).get("region", "Second factor").text.split()
    )
    alice.post("/people/second-factor", {"required": "true"})
    alice.post("/people/second-factor", {})
    acme.refresh_from_db()
    assert not acme.require_second_factor
    entries = AuditLog.objects.filter(action="Organization Update").order_by("sequence")
    assert [entry.details["require_second_factor"] for entry in entries] == [True, False]
    assert browse("bob").post("/people/second-factor", {"required": "true"}).status_code == 403
