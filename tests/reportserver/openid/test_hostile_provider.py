"""Providers that answer wrongly, slowly or for somebody else: nobody is signed in, and the audit log says why."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from bs4 import BeautifulSoup

from tests.openid_provider.certified import signing_key
from tests.openid_provider.hostile import HostileProvider
from tests.reportserver.openid.conftest import Site


@pytest.fixture
def hostile(site: Site) -> Iterator[HostileProvider]:
    yield site.hostile
    site.hostile.reset()


@pytest.fixture
def browser(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.server.url, follow_redirects=True, timeout=60) as client:
        yield client


def begin(browser: httpx.Client, **fields: str) -> dict[str, str]:
    """Press the provider's button. Returns what the browser is sent to the provider with."""
    page = BeautifulSoup(browser.get("/login").text, "html5lib")
    token = page.find("input", {"name": "csrfmiddlewaretoken"})["value"]
    answer = browser.post("/login/acme/wrong", data={"csrfmiddlewaretoken": token, **fields})
    link = BeautifulSoup(answer.text, "html5lib").find("a", string="Continue")
    assert link, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(link["href"]).query).items()}


def come_back(browser: httpx.Client, sent: dict[str, str], **query: str) -> str:
    """Return from the provider with a code. Returns the messages of the page that is shown then; "" if signed in."""
    answer = browser.get("/login/acme/wrong/callback", params={"state": sent["state"], "code": "c", **query})
    assert answer.status_code == 200, answer.text
    if answer.url.path == "/":
        return ""
    assert answer.url.path == "/login"
    return BeautifulSoup(answer.text, "html5lib").find("div", class_="messages").get_text(" ", strip=True)


def sign_in(site: Site, browser: httpx.Client, **query: str) -> str:
    sent = begin(browser)
    site.hostile.nonces["c"] = sent["nonce"]
    return come_back(browser, sent, **query)


def test_what_is_sent_has_pkce_state_and_nonce(site: Site, browser: httpx.Client, hostile: HostileProvider) -> None:
    sent = begin(browser)
    assert sent["response_type"] == "code" and sent["code_challenge_method"] == "S256"
    assert min(len(sent["state"]), len(sent["nonce"]), len(sent["code_challenge"])) >= 43
    assert sent["redirect_uri"] == f"{site.server.url}/login/acme/wrong/callback"
    assert begin(browser)["state"] != sent["state"]


def test_a_right_answer_creates_a_user_once(site: Site, browser: httpx.Client, hostile: HostileProvider) -> None:
    hostile.userinfo = {"preferred_username": "mallory", "email": "m@example.com", "email_verified": False}
    assert sign_in(site, browser) == ""
    assert "mallory" in browser.get("/account").text
    assert sign_in(site, browser) == ""


def wrong_key(provider: HostileProvider) -> Callable[[dict[str, Any]], str]:
    other, _ = signing_key()
    return lambda claims: jwt.encode(claims, other, "RS256", headers={"kid": provider.jwk["kid"]})


def public_key_as_secret(provider: HostileProvider) -> Callable[[dict[str, Any]], str]:
    """The confusion of algorithms: HS256 with what everybody can read as secret."""
    public = json.dumps(provider.jwk["n"])
    return lambda claims: jwt.encode(claims, public, "HS256", headers={"kid": provider.jwk["kid"]})


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "iss": {"iss": "https://other.example.com"},
    "aud": {"aud": "another-client"},
    "aud, one of several without azp": {"aud": ["reports", "another-client"]},
    "azp": {"aud": ["reports", "another-client"], "azp": "another-client"},
    "nonce": {"nonce": "an older one"},
    "no nonce": {"nonce": None},
    "exp": {"exp": int(time.time()) - 600},
    "no exp": {"exp": None},
    "iat": {"iat": int(time.time()) + 6000},
    "no sub": {"sub": None},
    "sub of a wrong type": {"sub": {"a": 1}},
    "a long sub": {"sub": "x" * 256},
    "NUL": {"sub": "a\0b"},
    "half of a surrogate pair": {"preferred_username": "\ud800"},
    "at_hash": {"at_hash": "bm90IGl0"},
    "types": {"exp": "tomorrow", "aud": 7},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_wrong_claim_signs_nobody_in(
    site: Site, browser: httpx.Client, hostile: HostileProvider, claims: dict[str, Any]
) -> None:
    hostile.claims = claims
    assert "The answer of Wrong is not valid" in sign_in(site, browser)


SIGNATURES: dict[str, Callable[[HostileProvider], Callable[[dict[str, Any]], str]]] = {
    "another key": wrong_key,
    "HS256": public_key_as_secret,
    "HS256 with the client's secret": lambda _: (
        lambda claims: jwt.encode(claims, "the secret of the hostile provider", "HS256")
    ),
    "none": lambda _: lambda claims: jwt.encode(claims, None, "none"),
    "no token": lambda _: lambda claims: "x",
    "another kid": lambda provider: lambda claims: provider.signed(claims, kid="unknown"),
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_a_wrong_signature_signs_nobody_in(
    site: Site,
    browser: httpx.Client,
    hostile: HostileProvider,
    signature: Callable[[HostileProvider], Callable[[dict[str, Any]], str]],
) -> None:
    hostile.sign = signature(hostile)
    assert "The answer of Wrong is not valid" in sign_in(site, browser)


ANSWERS = {
    "tokens that are no JSON": ("/token", 200, b"<html>"),
    "tokens nested deeply": ("/token", 200, b"[" * 200_000),
    "tokens that are a list": ("/token", 200, b"[]"),
    "a refused code": ("/token", 400, b'{"error": "invalid_grant"}'),
    "a redirect": ("/token", 302, b"http://127.0.0.1:1/"),
    "endless keys": ("/jwks", 200, b'{"keys": [' + b"1," * 200_000),
    "keys of a wrong type": ("/jwks", 200, b'{"keys": 7}'),
    "claims about another": ("/userinfo", 200, b'{"sub": "alice"}'),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_wrong_answer_signs_nobody_in(
    site: Site, browser: httpx.Client, hostile: HostileProvider, answer: tuple[str, int, bytes]
) -> None:
    hostile.answers[answer[0]] = answer[1:]
    assert "The answer of Wrong is not valid" in sign_in(site, browser)


def test_a_provider_that_is_broken_is_said_to_be_down(
    site: Site, browser: httpx.Client, hostile: HostileProvider
) -> None:
    hostile.answers["/token"] = (503, b"")
    assert "Wrong is not responding" in sign_in(site, browser)


def test_only_the_browser_that_began_can_come_back(site: Site, browser: httpx.Client, hostile: HostileProvider) -> None:
    sent = begin(browser)
    hostile.nonces["c"] = sent["nonce"]
    with httpx.Client(base_url=site.server.url, follow_redirects=True) as other:
        assert "Start again" in come_back(other, sent)
    assert "Start again" in come_back(browser, {**sent, "state": "another"})
    before = len(hostile.calls)
    assert "is not valid" in come_back(browser, sent, iss="https://other.example.com")
    assert len(hostile.calls) == before, "the code was sent to the wrong issuer"
    # The cookie was used up.
    assert "Start again" in come_back(browser, sent)


def test_a_refusal_of_the_provider_is_shown(site: Site, browser: httpx.Client, hostile: HostileProvider) -> None:
    assert "refused the sign-in" in sign_in(site, browser, error="access_denied")


NAMES = {
    "taken": ({"preferred_username": "bob"}, "This name isn't available."),
    "taken in another case": ({"preferred_username": "BOB"}, "This name isn't available."),
    "taken by another tenant": ({"preferred_username": "gina"}, "This name isn't available."),
    "reserved": ({"preferred_username": "system"}, "This name isn't available."),
    "with spaces": ({"preferred_username": "two words"}, "Enter a valid username"),
    "missing": ({}, "sent no user name"),
    "of a wrong type": ({"preferred_username": ["a"]}, "sent no user name"),
}


@pytest.mark.parametrize(("claims", "sentence"), NAMES.values(), ids=NAMES)
def test_a_name_that_cannot_be_used_creates_nobody(
    site: Site, browser: httpx.Client, hostile: HostileProvider, claims: dict[str, Any], sentence: str
) -> None:
    hostile.claims = {"sub": "newcomer", **claims}
    hostile.userinfo = {"sub": "newcomer"}
    assert sentence in sign_in(site, browser)


def test_the_page_after_a_sign_in_is_one_of_this_server(
    site: Site, browser: httpx.Client, hostile: HostileProvider
) -> None:
    hostile.userinfo = {"preferred_username": "mallory"}
    for url in ("https://evil.example.com/", f"/reports?q={'x' * 5_000}"):
        sent = begin(browser, next=url)
        hostile.nonces["c"] = sent["nonce"]
        assert come_back(browser, sent) == ""


def test_no_log_has_a_secret_or_a_token(site: Site) -> None:
    for path in (site.server.folder / "logs").glob("*.log"):
        text = path.read_text()
        assert "the secret of the hostile" not in text and "eyJ" not in text
