"""Forms that are sent after the session has ended."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import get_messages
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.models import User
from common import form_recovery
from common.form_recovery import OWNER_FIELD, login_keeping_form, restore_form, save_form, sign_owner

ALICE, BOB, NOBODY = User(pk=1, username="alice"), User(pk=2, username="bob"), AnonymousUser()


def request(user: Any, session: dict[str, Any], data: dict[str, Any] | None = None, path: str = "/edit") -> HttpRequest:
    factory = RequestFactory()
    made: Any = factory.get(path) if data is None else factory.post(path, data)
    made.user, made.session = user, session
    made._messages = SessionStorage(made)
    return made  # type: ignore[no-any-return]


def form_of(user: User, **fields: str) -> dict[str, str]:
    return {OWNER_FIELD: sign_owner(user), "csrfmiddlewaretoken": "t", **fields}


def test_a_form_is_restored_once_for_the_same_user() -> None:
    session: dict[str, Any] = {}
    assert save_form(request(NOBODY, session, form_of(ALICE, name="Ä & b")))
    again = request(ALICE, session)
    restored = restore_form(again, "Here it is again.")
    assert restored is not None
    assert (restored["name"], "csrfmiddlewaretoken" in restored) == ("Ä & b", False)
    assert [str(message) for message in get_messages(again)] == ["Here it is again."]
    assert restore_form(request(ALICE, session), "Again") is None


def test_a_form_is_restored_at_its_own_address_only() -> None:
    session: dict[str, Any] = {}
    save_form(request(NOBODY, session, form_of(ALICE), path="/edit?x=1"))
    assert restore_form(request(ALICE, session, path="/edit"), "") is None
    assert restore_form(request(ALICE, session, path="/edit?x=1"), "") is not None


def test_a_form_is_not_shown_to_another_user() -> None:
    session: dict[str, Any] = {}
    save_form(request(NOBODY, session, form_of(ALICE)))
    assert restore_form(request(BOB, session), "") is None
    assert session == {}, "it is forgotten"


def test_another_users_form_is_forgotten_at_sign_in() -> None:
    session: dict[str, Any] = {}
    save_form(request(NOBODY, session, form_of(ALICE)))
    form_recovery.discard_others_form(request(ALICE, session))
    assert session
    form_recovery.discard_others_form(request(BOB, session))
    assert not session


@pytest.mark.parametrize("owner", ["", "1", "1:forged", sign_owner(ALICE)[:-1]])
def test_a_form_without_a_valid_owner_is_not_kept(owner: str) -> None:
    session: dict[str, Any] = {}
    assert not save_form(request(NOBODY, session, {OWNER_FIELD: owner, "name": "x"}))
    assert not session


def test_a_signed_in_user_can_not_leave_a_form_for_somebody_else() -> None:
    session: dict[str, Any] = {}
    assert not save_form(request(BOB, session, form_of(ALICE)))
    assert save_form(request(BOB, session, form_of(BOB)))


@pytest.mark.parametrize(("user", "kept"), [(NOBODY, True), (ALICE, False)])
def test_the_decorator_keeps_forms_that_are_sent_without_a_session(user: Any, kept: bool) -> None:
    session: dict[str, Any] = {}
    view = login_keeping_form(lambda request: HttpResponse("viewed"))
    response = view(request(user, session, form_of(ALICE)))
    assert (response.status_code == 302, bool(session)) == (kept, kept)
