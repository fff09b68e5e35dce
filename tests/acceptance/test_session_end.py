"""Access tokens and page sessions end with what they depend on, at once and in every web process."""

from __future__ import annotations

import uuid

import httpx
import pytest

from tests.acceptance.helpers import assert_error, database
from tests.acceptance.test_tokens import REFRESH, REVOKE, VERIFY, change, copy_bob, sign_in, signed

#: Calls after a change: enough to reach both web processes.
CALLS = 12


@pytest.fixture
def nobody(idle):
    return idle.client()


@pytest.fixture
def name(idle):
    """The name of a user of its own, with bob's password."""
    name = f"user-{uuid.uuid4().hex[:8]}"
    copy_bob(idle, name)
    return name


def statuses(idle, access):
    """The statuses of calls with this token, each over a connection of its own."""
    headers = {"Authorization": f"Bearer {access}"}
    return {httpx.get(f"{idle.url}/api/v1/jobs", headers=headers).status_code for _ in range(CALLS)}


def assert_ended(idle, nobody, pair):
    assert statuses(idle, pair["access"]) == {401}
    refused = nobody.get("/jobs", headers={"Authorization": f"Bearer {pair['access']}"})
    assert_error(refused, 401, "not_authenticated", "The session of this token has ended. Sign in again.")
    for token in pair.values():
        assert nobody.post(VERIFY, json={"token": token}).status_code == 401
    assert nobody.post(REFRESH, json={"refresh": pair["refresh"]}).status_code == 401


def set_active(idle, name, active):
    change(idle, f"update accounts_user set is_active = {active} where username = ?", name)


def set_password(idle, name):
    change(idle, "update accounts_user set password = 'argon2$another' where username = ?", name)


def test_signing_out_ends_the_access_tokens_of_this_session_alone(idle, nobody, name):
    pair, other = (sign_in(nobody, name, "bob-password-1") for _ in range(2))
    assert statuses(idle, pair["access"]) == {200}
    newer = nobody.post(REFRESH, json={"refresh": pair["refresh"]}).json()
    assert statuses(idle, pair["access"]) == {200}, "a refresh ends no token"
    assert nobody.post(REVOKE, json={"refresh": newer["refresh"]}).status_code == 204
    assert_ended(idle, nobody, newer)
    assert statuses(idle, pair["access"]) == {401}
    assert statuses(idle, other["access"]) == {200}


def test_using_a_refresh_token_again_ends_the_access_tokens(idle, nobody, name):
    old = sign_in(nobody, name, "bob-password-1")
    new = nobody.post(REFRESH, json={"refresh": old["refresh"]}).json()
    assert nobody.post(REFRESH, json={"refresh": old["refresh"]}).status_code == 401
    assert_ended(idle, nobody, new)
    assert statuses(idle, old["access"]) == {401}


def test_a_new_password_ends_the_access_tokens(idle, nobody, name):
    pair = sign_in(nobody, name, "bob-password-1")
    set_password(idle, name)
    assert_ended(idle, nobody, pair)


def test_activating_a_user_again_revives_nothing(idle, nobody, name):
    pair = sign_in(nobody, name, "bob-password-1")
    set_active(idle, name, 0)
    assert_ended(idle, nobody, pair)
    set_active(idle, name, 1)
    assert_ended(idle, nobody, pair)
    assert statuses(idle, sign_in(nobody, name, "bob-password-1")["access"]) == {200}


@pytest.mark.parametrize("end", [set_password, lambda idle, name: set_active(idle, name, 0)])
def test_page_sessions_end_with_the_password_and_the_account(idle, name, end):
    with httpx.Client(base_url=idle.url) as browser:
        browser.get("/login")
        fields = {"username": name, "password": "bob-password-1", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post("/login", data=fields)
        assert {browser.get("/jobs").status_code for _ in range(CALLS)} == {200}
        end(idle, name)
        assert {browser.get("/jobs").status_code for _ in range(CALLS)} == {302}
        set_active(idle, name, 1)
        assert {browser.get("/jobs").status_code for _ in range(CALLS)} == {302}


TAMPERED = {
    "no session": {"sid": None},
    "a session that is no id": {"sid": "x"},
    "a session that is a list": {"sid": [1]},
    "another session": {"sid": "6d1f5b8e-2c94-4f0a-9d57-0b1c3e8a7f42"},
    "no state": {"state": None},
    "another state": {"state": "0" * 32},
    "a state that is an object": {"state": {}},
}


@pytest.mark.parametrize("case", TAMPERED)
def test_an_access_token_needs_its_session_and_the_state_of_its_user(idle, nobody, case):
    access = signed(idle, sign_in(nobody)["access"], **TAMPERED[case])
    assert statuses(idle, access) == {401}


def test_a_call_writes_nothing_to_the_database(idle, nobody):
    access = sign_in(nobody)["access"]
    with database(idle) as connection:
        (before,) = connection.execute("pragma data_version").fetchone()
        assert statuses(idle, access) == {200}
        (after,) = connection.execute("pragma data_version").fetchone()
    assert before == after
