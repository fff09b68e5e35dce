"""US-094 AC-004, US-095 and US-096 AC-006: a call without a valid token gets 401 and a challenge."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

import jwt
import pytest

from tests.acceptance.helpers import GENERATE, assert_error, row_counts
from tests.server import Client, RunningServer


def _claims(idle: RunningServer) -> dict[str, Any]:
    """The claims of a valid access token."""
    token = idle.client("bob").http.headers["Authorization"].split()[1]
    return jwt.decode(token, options={"verify_signature": False})


def _signed(idle: RunningServer, **changes: Any) -> str:
    """Return a token signed with the server's key."""
    key = (idle.folder / "keys" / "jwt_key").read_text().strip()
    return jwt.encode({**_claims(idle), **changes}, key, algorithm="HS256")


def _tampered(idle: RunningServer) -> str:
    head, payload, signature = _signed(idle).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "user_id": "1"}).encode()).decode().rstrip("=")
    return f"{head}.{forged}.{signature}"


def _refresh(idle: RunningServer) -> str:
    return idle.client().post("/auth/token", json={"username": "bob", "password": "bob-password-1"}).json()["refresh"]


HEADERS = {
    "no token": lambda idle: None,
    "an empty header": lambda idle: "",
    "a scheme only": lambda idle: "Bearer",
    "a word": lambda idle: "Bearer word",
    "three words": lambda idle: f"Bearer {_signed(idle)} more",
    "another scheme": lambda idle: f"Token {_signed(idle)}",
    "a basic password": lambda idle: "Basic " + base64.b64encode(b"bob:bob-password-1").decode(),
    "a tampered token": lambda idle: f"Bearer {_tampered(idle)}",
    "a token under another key": lambda idle: "Bearer " + jwt.encode(_claims(idle), "k" * 40, algorithm="HS256"),
    "a token without signature": lambda idle: "Bearer " + jwt.encode(_claims(idle), None, algorithm="none"),
    "an expired token": lambda idle: "Bearer " + _signed(idle, exp=int(time.time()) - 1),
    "a token of another issuer": lambda idle: "Bearer " + _signed(idle, iss="elsewhere"),
    "a token of nobody": lambda idle: "Bearer " + _signed(idle, user_id="999999"),
    "a token of a word": lambda idle: "Bearer " + _signed(idle, user_id="x"),
    "a token of a huge number": lambda idle: "Bearer " + _signed(idle, user_id="9" * 40),
    "a refresh token": lambda idle: f"Bearer {_refresh(idle)}",
    "bytes": lambda idle: b"Bearer \xff\xfe",
}


@pytest.mark.parametrize("header", HEADERS)
def test_us094_ac004_without_a_valid_token_nothing_is_queued(idle, header):
    value = HEADERS[header](idle)
    before = row_counts(idle)
    answer = idle.client().post(GENERATE, headers={} if value is None else {"Authorization": value})
    assert_error(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert row_counts(idle) == before


@pytest.mark.parametrize(
    "call",
    [
        ("GET", "/jobs/{id}"),
        ("GET", "/jobs/{id}/result"),
        ("GET", "/jobs/{id}/events"),
        ("POST", "/jobs/{id}/retry"),
        ("POST", "/jobs/{id}/cancel"),
        ("GET", "/jobs"),
        ("GET", "/reports"),
        ("GET", "/reports/slow"),
        ("POST", "/reports"),
        ("GET", "/audit"),
        ("GET", "/api/schema"),
        ("GET", "/api/docs"),
    ],
)
def test_us094_ac004_us095_us096_ac006_every_call_needs_a_token(idle, idle_bob, call):
    method, path = call
    for job in (idle_bob.generate("slow"), uuid.uuid4(), "no-id"):
        answer = idle.client().request(method, path.format(id=job))
        assert_error(answer, 401, "not_authenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_us094_ac004_the_scheme_may_be_in_any_case(idle, scheme):
    answer = idle.client().get("/jobs", headers={"Authorization": f"{scheme} {_signed(idle)}"})
    assert answer.status_code == 200


def test_us094_ac004_a_token_in_the_url_is_ignored(idle):
    assert_error(
        idle.client().get(f"/jobs?token={_signed(idle)}&access_token={_signed(idle)}"), 401, "not_authenticated"
    )


def test_us094_ac004_the_api_accepts_no_cookie(idle):
    client = Client(idle.url)
    with client.http:
        page = client.http.get("/login")
        form = {"username": "bob", "password": "bob-password-1", "csrfmiddlewaretoken": page.cookies["csrftoken"]}
        assert client.http.post("/login", data=form, headers={"Referer": f"{idle.url}/login"}).status_code == 302
        assert client.http.get("/jobs").status_code == 200
        assert_error(client.get("/jobs"), 401, "not_authenticated")
