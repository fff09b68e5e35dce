"""Forms that are sent after the session has ended."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import get_messages
from django.contrib.messages.storage.session import SessionStorage
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from accounts.models import User
from common import form_recovery
from common.form_recovery import OWNER_FIELD, login_keeping_form, restore_form, save_form, sign_owner
from reportserver.auth.sessions import SessionStore

pytestmark = pytest.mark.django_db
KEY = "the key of the session in which the form was shown"
ALICE, BOB, NOBODY = User(pk=1, username="alice"), User(pk=2, username="bob"), AnonymousUser()


def request(user: Any, session: SessionBase, data: dict[str, Any] | None = None, path: str = "/edit") -> HttpRequest:
    factory = RequestFactory()
    made: Any = factory.get(path) if data is None else factory.post(path, data)
    made.user, made.session = user, session
    made._messages = SessionStorage(made)
    return made  # type: ignore[no-any-return]


def form_of(user: User, **fields: str) -> dict[str, str]:
    return {OWNER_FIELD: sign_owner(user, KEY), "csrfmiddlewaretoken": "t", **fields}


def leave_form(form: dict[str, str], path: str = "/edit") -> SessionBase:
    """Send a form without a session. Return the one that the browser has afterwards."""
    sent = request(NOBODY, SessionStore(), form, path)
    assert save_form(sent)
    sent.session.save()
    return sent.session


def test_a_form_is_restored_once_for_the_same_user() -> None:
    session = leave_form(form_of(ALICE, name="Ä & b"))
    again = request(ALICE, session)
    restored = restore_form(again, "Here it is again.")
    assert restored is not None
    assert (restored["name"], "csrfmiddlewaretoken" in restored) == ("Ä & b", False)
    assert [str(message) for message in get_messages(again)] == ["Here it is again."]
    assert restore_form(request(ALICE, session), "Again") is None


def test_a_form_is_restored_at_its_own_address_only() -> None:
    session = leave_form(form_of(ALICE), path="/edit?x=1")
    assert restore_form(request(ALICE, session, path="/edit"), "") is None
    assert restore_form(request(ALICE, session, path="/edit?x=1"), "") is not None


def test_a_form_is_not_shown_to_another_user() -> None:
    session = leave_form(form_of(ALICE))
    assert restore_form(request(BOB, session), "") is None
    assert not list(session.keys()), "it is forgotten"


def test_another_users_form_is_forgotten_at_sign_in() -> None:
    session = leave_form(form_of(ALICE))
    form_recovery.discard_others_form(request(ALICE, session))
    assert list(session.keys())
    form_recovery.discard_others_form(request(BOB, session))
    assert not list(session.keys())


@pytest.mark.parametrize(
    "owner",
    ["", "1", "1:forged", sign_owner(ALICE, KEY)[:-1]],
    # The last one contains the time, and all processes of a run must know a test by the same name.
    ids=["empty", "id", "forged", "cut off"],
)
def test_a_form_without_a_valid_owner_is_not_kept(owner: str) -> None:
    session = SessionStore()
    sent = request(NOBODY, session, {OWNER_FIELD: owner, "name": "x"})
    assert not save_form(sent)
    assert sent.session.is_empty()


def test_a_mark_is_good_for_one_row_however_often_it_is_sent() -> None:
    """Somebody who has seen a form once sends it, or others, without a cookie."""
    form = form_of(ALICE, name="x")
    sessions = [leave_form({**form, "name": str(n)}, path=f"/edit?{n}") for n in range(20)]
    assert Session.objects.count() == 1
    assert {session.session_key for session in sessions} == {Session.objects.get().session_key}
    assert restore_form(request(ALICE, sessions[-1], path="/edit?19"), "") is not None
    leave_form({**form, OWNER_FIELD: sign_owner(ALICE, "another session")})
    assert Session.objects.count() == 2


def test_a_mark_expires_with_the_session_it_was_made_in(settings: Settings) -> None:
    form = form_of(ALICE)
    settings.SESSION_COOKIE_AGE = -1
    assert not save_form(request(NOBODY, SessionStore(), form))


def test_the_key_of_the_row_can_not_be_derived_from_the_mark() -> None:
    form = form_of(ALICE)
    key = leave_form(form).session_key
    assert key and key not in form[OWNER_FIELD]


def test_a_signed_in_user_can_not_leave_a_form_for_somebody_else() -> None:
    session = SessionStore()
    assert not save_form(request(BOB, session, form_of(ALICE)))
    assert save_form(request(BOB, session, form_of(BOB)))


@pytest.mark.parametrize(("user", "kept"), [(NOBODY, True), (ALICE, False)])
def test_the_decorator_keeps_forms_that_are_sent_without_a_session(user: Any, kept: bool) -> None:
    session = SessionStore()
    view = login_keeping_form(lambda request: HttpResponse("viewed"))
    sent = request(user, session, form_of(ALICE))
    response = view(sent)
    assert (response.status_code == 302, bool(list(sent.session.keys()))) == (kept, kept)
