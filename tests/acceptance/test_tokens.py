"""Sign-in and tokens."""

from __future__ import annotations

import sqlite3
import time
import uuid

import jwt
import pytest

from tests.acceptance.conftest import SMALL
from tests.acceptance.helpers import assert_error, database, query, run_concurrently, wait_for_window

REFRESH, VERIFY, REVOKE = "/auth/token/refresh", "/auth/token/verify", "/auth/token/revoke"


@pytest.fixture
def nobody(idle):
    return idle.client()


def sign_in(nobody, name="bob", password=None):
    answer = nobody.post("/auth/token", json={"username": name, "password": password or f"{name}-password-1"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def works(nobody, access):
    return nobody.get("/jobs", headers={"Authorization": f"Bearer {access}"}).status_code == 200


def assert_unauthorized(answer):
    body = assert_error(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return body


def signed(idle, token, **changes):
    """Return the token with changed claims, signed with the server's key."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims | changes, (idle.folder / "keys" / "jwt_key").read_text().strip(), algorithm="HS256")


def test_signing_in_returns_an_access_and_a_refresh_token(idle, nobody):
    pair = sign_in(nobody)
    assert sorted(pair) == ["access", "refresh"]
    assert works(nobody, pair["access"])
    assert not works(nobody, pair["refresh"])


@pytest.mark.parametrize(
    ("name", "password"), [("bob", "wrong"), ("no-such-person", "wrong"), ("BOB", "BOB-password-1")]
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(nobody, name, password):
    body = assert_unauthorized(nobody.post("/auth/token", json={"username": name, "password": password}))
    assert body["error"] == "The user name or the password is wrong."


def test_a_sign_in_without_a_required_field_names_it(nobody):
    for sent, missing in (({}, ["password", "username"]), ({"username": "bob"}, ["password"])):
        body = assert_error(nobody.post("/auth/token", json=sent), 400, "invalid_parameters")
        assert sorted(body["fields"]) == missing


@pytest.mark.parametrize("path", ["", "/refresh", "/verify", "/revoke"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"refresh": [], "token": [], "username": {}}'])
def test_an_unreadable_body_is_refused(nobody, path, body):
    answer = nobody.post(f"/auth/token{path}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text


def test_repeated_failures_are_answered_with_429_even_with_the_right_password(limited):
    nobody = limited.client()
    wait_for_window(15)
    codes = [
        nobody.post("/auth/token", json={"username": "alice", "password": "wrong"}).status_code
        for _ in range(int(SMALL["REPORTSERVER_RATE_SIGN_IN"]) + 1)
    ]
    throttled = nobody.post("/auth/token", json={"username": "alice", "password": "alice-password-1"})
    assert codes == [401, 401, 401, 429]
    assert_error(throttled, 429, "throttled")
    assert 1 <= int(throttled.headers["Retry-After"]) <= 60
    assert throttled.headers["RateLimit"].startswith('"sign_in";r=0;t=')
    assert nobody.post("/auth/token", json={"username": "carol", "password": "carol-password-1"}).status_code == 200


def test_concurrent_guesses_cannot_exceed_the_limit(limited):
    nobody, name, limit = limited.client(), f"nobody-{uuid.uuid4()}", int(SMALL["REPORTSERVER_RATE_SIGN_IN"])
    wait_for_window(15)
    guess = {"username": name, "password": "wrong"}
    answers = run_concurrently(*[lambda: nobody.post("/auth/token", json=guess)] * 16)
    assert sorted(answer.status_code for answer in answers) == [401] * limit + [429] * (16 - limit)


def test_successful_sign_ins_are_not_limited(limited):
    nobody, limit = limited.client(), int(SMALL["REPORTSERVER_RATE_SIGN_IN"])
    wait_for_window(30)
    wrong = {"username": "hank", "password": "wrong"}
    assert nobody.post("/auth/token", json=wrong).status_code == 401
    for _ in range(limit):
        sign_in(nobody, "hank")
    right = {"username": "hank", "password": "hank-password-1"}
    answers = run_concurrently(*[lambda: nobody.post("/auth/token", json=right)] * 8)
    assert {answer.status_code for answer in answers} == {200}
    codes = [nobody.post("/auth/token", json=wrong).status_code for _ in range(limit)]
    assert codes == [401] * (limit - 1) + [429]


def test_a_refresh_token_is_exchanged_for_a_new_pair(nobody):
    old = sign_in(nobody)
    answer = nobody.post(REFRESH, json={"refresh": old["refresh"]})
    assert answer.status_code == 200
    new = answer.json()
    assert works(nobody, new["access"])
    assert new["refresh"] != old["refresh"]


def test_reusing_a_refresh_token_ends_the_session(nobody):
    old = sign_in(nobody)["refresh"]
    new = nobody.post(REFRESH, json={"refresh": old}).json()["refresh"]
    assert_unauthorized(nobody.post(REFRESH, json={"refresh": old}))
    assert_unauthorized(nobody.post(REFRESH, json={"refresh": new}))


def test_only_one_of_several_concurrent_refreshes_succeeds(nobody):
    refresh = sign_in(nobody)["refresh"]
    answers = run_concurrently(*[lambda: nobody.post(REFRESH, json={"refresh": refresh})] * 5)
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


def test_a_revoked_refresh_token_is_refused(nobody):
    refresh = sign_in(nobody)["refresh"]
    answer = nobody.post(REVOKE, json={"refresh": refresh})
    assert (answer.status_code, answer.content) == (204, b"")
    for path in (REFRESH, REVOKE):
        assert_unauthorized(nobody.post(path, json={"refresh": refresh}))
    assert_unauthorized(nobody.post(VERIFY, json={"token": refresh}))


def test_signing_out_of_one_session_keeps_the_others(nobody):
    first, second = sign_in(nobody), sign_in(nobody)
    nobody.post(REVOKE, json={"refresh": first["refresh"]})
    assert nobody.post(REFRESH, json={"refresh": second["refresh"]}).status_code == 200


def test_verify_accepts_both_kinds_of_tokens(nobody):
    for token in sign_in(nobody).values():
        assert nobody.post(VERIFY, json={"token": token}).status_code == 200


def test_verify_refuses_a_used_token_without_ending_the_session(nobody):
    old = sign_in(nobody)["refresh"]
    new = nobody.post(REFRESH, json={"refresh": old}).json()["refresh"]
    assert_unauthorized(nobody.post(VERIFY, json={"token": old}))
    assert nobody.post(VERIFY, json={"token": new}).status_code == 200


BAD = {
    "a word": lambda idle, good: "word",
    "nothing": lambda idle, good: " ",
    "an expired token": lambda idle, good: signed(idle, good, exp=int(time.time()) - 1),
    "a tampered token": lambda idle, good: good[:-6] + "AAAAAA",
    "an access token as refresh token": lambda idle, good: signed(idle, good, token_type="access"),
    "another session": lambda idle, good: signed(idle, good, sid=str(uuid.uuid4())),
    "a session that is no id": lambda idle, good: signed(idle, good, sid="x"),
    "a session that is a list": lambda idle, good: signed(idle, good, sid=[1]),
    "another user": lambda idle, good: signed(idle, good, user_id="1"),
    "a user that is none": lambda idle, good: signed(idle, good, user_id="999999"),
    "a user that is a huge number": lambda idle, good: signed(idle, good, user_id="9" * 40),
    "a user that is an object": lambda idle, good: signed(idle, good, user_id={}),
    "a token of another signature": lambda idle, good: jwt.encode({"sub": "x"}, "k" * 40, algorithm="HS256"),
    "a token without signature": lambda idle, good: jwt.encode({"token_type": "refresh"}, None, algorithm="none"),
    "text with a NUL": lambda idle, good: "a\x00b",
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("path", [REFRESH, REVOKE])
def test_an_invalid_refresh_token_is_refused(idle, nobody, case, path):
    answer = nobody.post(path, json={"refresh": BAD[case](idle, sign_in(nobody)["refresh"])})
    assert answer.status_code in ((400, 401) if case in ("nothing", "text with a NUL") else (401,)), answer.text


def copy_bob(idle, name):
    """Insert a copy of bob under another name."""
    with database(idle) as connection:
        (bob,) = connection.execute("select * from accounts_user where username = 'bob'")
        row = dict(bob) | {"username": name}
        del row["id"]
        marks = ", ".join("?" * len(row))
        connection.execute(f"insert into accounts_user ({', '.join(row)}) values ({marks})", list(row.values()))


def change(idle, statement, name):
    with database(idle) as connection:
        connection.execute("pragma foreign_keys = on")
        connection.execute(statement, [name])


def test_tokens_of_an_inactive_user_are_refused(idle, nobody):
    name = f"user-{uuid.uuid4().hex[:8]}"
    copy_bob(idle, name)
    pair = sign_in(nobody, name, "bob-password-1")
    change(idle, "update accounts_user set is_active = 0 where username = ?", name)
    assert not works(nobody, pair["access"])
    assert_unauthorized(nobody.post(REFRESH, json={"refresh": pair["refresh"]}))
    assert_unauthorized(nobody.post("/auth/token", json={"username": name, "password": "bob-password-1"}))
    assert_unauthorized(nobody.post(VERIFY, json={"token": pair["access"]}))


def test_tokens_of_a_deleted_user_are_refused(idle, nobody):
    name = f"user-{uuid.uuid4().hex[:8]}"
    copy_bob(idle, name)
    pair = sign_in(nobody, name, "bob-password-1")
    by_name = "(select id from accounts_user where username = ?)"
    change(idle, f"delete from accounts_refreshsession where user_id = {by_name}", name)
    change(idle, "delete from accounts_user where username = ?", name)
    assert not works(nobody, pair["access"])
    for path in (REFRESH, REVOKE):
        assert_unauthorized(nobody.post(path, json={"refresh": pair["refresh"]}))
    assert_unauthorized(nobody.post(VERIFY, json={"token": pair["refresh"]}))


def test_changing_the_password_ends_the_sessions(server):
    nobody = server.client()
    code = "from accounts.models import User; u = User.objects.get(username='judy'); u.set_password('{}'); u.save()"
    tokens = sign_in(nobody, "judy")
    server.manage("shell", "--no-imports", "-c", code.format("another-password-1"))
    try:
        assert_unauthorized(nobody.post(REFRESH, json={"refresh": tokens["refresh"]}))
    finally:
        server.manage("shell", "--no-imports", "-c", code.format("judy-password-1"))


def test_no_token_or_password_is_stored_in_plain_text(idle, nobody):
    pair = sign_in(nobody)
    with database(idle) as connection:
        dump = "\n".join(connection.iterdump())
    assert isinstance(connection, sqlite3.Connection)
    for secret in (*pair.values(), "bob-password-1", *[token.split(".")[2] for token in pair.values()]):
        assert secret not in dump


def test_signing_in_and_out_is_audited(idle, nobody):
    before = query(idle, "select max(sequence) as last from audit_auditlog")[0]["last"]
    refresh = sign_in(nobody)["refresh"]
    nobody.post(REVOKE, json={"refresh": refresh})
    entries = query(idle, "select actor, action from audit_auditlog where sequence > ? order by sequence", before)
    assert entries == [{"actor": "bob", "action": "Sign In"}, {"actor": "bob", "action": "Sign Out"}]
