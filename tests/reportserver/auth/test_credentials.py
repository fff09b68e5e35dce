"""Checking credentials, with a limit on failures that pages and API share."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.contrib import auth
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.models import User
from common.throttling import count_in_database
from reportserver.auth.credentials import TooManyFailures, check_credentials
from tests.acceptance.helpers import wait_for_window
from tests.pages.conftest import PASSWORD

LIMIT = configured.RATE_LIMITS["sign_in"]
pytestmark = pytest.mark.django_db(databases=["default", configured.COUNTERS_DATABASE])


@pytest.fixture
def request_(people: dict[str, User]) -> HttpRequest:
    """From an address of its own, so that no other test counts here."""
    wait_for_window(15)
    return RequestFactory().post("/login", REMOTE_ADDR=str(uuid4()))


def check(request: HttpRequest, username: str, password: str) -> User | None:
    return check_credentials(request, username, password, channel="page")


def fail(request: HttpRequest, times: int, username: str = "bob") -> None:
    for _ in range(times):
        assert check(request, username, "wrong") is None


def test_the_right_password_finds_the_user(request_: HttpRequest, people: dict[str, User]) -> None:
    assert check(request_, "bob", PASSWORD) == people["bob"]
    assert check(request_, "bob", "wrong") is None
    people["bob"].is_active = False
    people["bob"].save()
    assert check(request_, "bob", PASSWORD) is None


def test_after_too_many_failures_even_the_right_password_is_refused(request_: HttpRequest) -> None:
    fail(request_, LIMIT)
    with pytest.raises(TooManyFailures) as error:
        check(request_, " BOB ", PASSWORD)
    assert 0 < error.value.usage.resets_in <= 60


def test_failures_count_for_one_name_and_one_address(request_: HttpRequest, people: dict[str, User]) -> None:
    fail(request_, LIMIT)
    assert check(request_, "carol", PASSWORD) == people["carol"]
    elsewhere = RequestFactory().post("/login", REMOTE_ADDR=str(uuid4()))
    assert check(elsewhere, "bob", PASSWORD) == people["bob"]


def test_successes_do_not_count(request_: HttpRequest) -> None:
    for _ in range(LIMIT + 2):
        assert check(request_, "bob", PASSWORD)


def test_a_sign_in_waits_for_others_that_may_still_succeed(
    request_: HttpRequest, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = f"bob@{request_.META['REMOTE_ADDR']}"
    running = [count_in_database("sign_in", caller, stop_at_limit=True) for _ in range(LIMIT)]
    started = time.monotonic()

    def authenticate(*args: object, **kwargs: object) -> User:
        return people["bob"]

    def sleep(seconds: float) -> None:
        if time.monotonic() - started > 0.2:
            running.pop().undo()

    monkeypatch.setattr(auth, "authenticate", authenticate)
    monkeypatch.setattr("reportserver.auth.credentials.time.sleep", sleep)
    assert check(request_, "bob", PASSWORD) == people["bob"]
    assert time.monotonic() - started > 0.2
