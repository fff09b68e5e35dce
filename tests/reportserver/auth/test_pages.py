"""The sign-in and sign-out pages, and how pages answer without a session or a form token."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client

from accounts.models import User
from audit.models import AuditLog
from tests.acceptance.helpers import wait_for_window
from tests.pages.conftest import PASSWORD
from tests.pages.html import Page
from tests.server import UNKNOWN_ID

pytestmark = pytest.mark.django_db(databases=["default", "counters"] if configured.SQLITE else ["default"])


@pytest.mark.parametrize("path", ["/", "/jobs", f"/jobs/{UNKNOWN_ID}", "/reports", "/reports/sales", "/audit"])
def test_a_signed_out_visitor_is_redirected_to_the_sign_in_page(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={path}")


def test_signing_in_leads_to_the_requested_page_and_is_audited(people: dict[str, User]) -> None:
    client = Client()
    answer = client.post("/login", {"username": "bob", "password": PASSWORD, "next": "/jobs?status=Failed"})
    assert (answer.status_code, answer["Location"]) == (302, "/jobs?status=Failed")
    assert AuditLog.objects.get().action == "Sign In"


@pytest.mark.parametrize("next", ["https://example.com/", "//example.com", "javascript:alert(1)"])
def test_signing_in_does_not_redirect_to_another_site(people: dict[str, User], next: str) -> None:
    answer = Client().post("/login", {"username": "bob", "password": PASSWORD, "next": next})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_wrong_password_is_reported_and_the_user_name_is_kept(people: dict[str, User]) -> None:
    answer = Client().post("/login", {"username": "bob", "password": "wrong"})
    page = Page(answer)
    assert page.get("alert").text == "The user name or the password is wrong."
    assert page.field("User name").value == "bob"
    assert page.field("Password").value == ""


def test_all_empty_fields_are_reported_at_once(db: None) -> None:
    page = Page(Client().post("/login", {}))
    assert page.field("User name").description == "Enter your user name."
    assert page.field("Password").description == "Enter your password."


def test_repeated_failures_lock_the_account_for_pages_and_api(people: dict[str, User]) -> None:
    name, client = f"mallory-{uuid.uuid4()}", Client()
    wait_for_window(15)
    for _ in range(configured.RATE_LIMITS["sign_in"]):
        assert client.post("/login", {"username": name, "password": "wrong"}).status_code == 200
    answer = client.post("/login", {"username": name.upper(), "password": "wrong"})
    assert answer.status_code == 429
    assert f"Try again in {answer['Retry-After']} seconds." in answer.content.decode()
    token = client.post("/api/v1/auth/token", {"username": name, "password": "wrong"}, content_type="application/json")
    assert token.status_code == 429, "the API counts the same failures"


def test_neither_a_sign_in_nor_an_empty_field_counts_as_a_failure(people: dict[str, User]) -> None:
    wait_for_window(15)
    right = {"username": "bob", "password": PASSWORD}
    for _ in range(configured.RATE_LIMITS["sign_in"] + 1):
        assert Client().post("/login", right).status_code == 302
        assert Client().post("/login", {"username": "bob"}).status_code == 200


def test_signing_out_needs_a_post_and_is_audited(people: dict[str, User]) -> None:
    client = Client()
    client.force_login(people["bob"])
    assert client.get("/logout").status_code == 405
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/jobs").status_code == 302
    assert AuditLog.objects.get().action == "Sign Out"


def test_a_live_region_without_a_session_redirects_the_whole_page() -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/jobs?q=x"}
    answer = Client().get("/jobs?q=x", headers=headers, follow=True)
    assert answer["HX-Redirect"] == "/login?next=%2Fjobs%3Fq%3Dx"


def test_the_admin_uses_the_same_sign_in_page(people: dict[str, User]) -> None:
    client = Client()
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/login?next=/admin/"
    client.force_login(people["bob"])
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_form_without_its_token_is_refused_on_a_page(people: dict[str, User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["bob"])
    answer = client.post("/logout")
    assert answer.status_code == 403
    assert "Reload the page and try again." in answer.content.decode()


UNSAFE = (
    "/logout", "/jobs/many", "/jobs/saved", f"/jobs/many/{UNKNOWN_ID}", f"/jobs/{UNKNOWN_ID}/retry",
    f"/jobs/{UNKNOWN_ID}/cancel", "/reports/sales", "/audit/verify", "/admin/logout/", "/admin/accounts/user/add/",
)  # fmt: skip


@pytest.mark.parametrize("path", UNSAFE)
def test_every_unsafe_request_of_a_page_needs_the_form_token(people: dict[str, User], path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["alice"])
    answer = client.post(path)
    assert answer.status_code == 403
    assert "This form has expired or was sent from another site." in answer.content.decode()


def test_signing_in_needs_the_form_token(people: dict[str, User]) -> None:
    answer = Client(enforce_csrf_checks=True).post("/login", {"username": "bob", "password": PASSWORD})
    assert answer.status_code == 403


@pytest.mark.parametrize("https", [True, False])
def test_cookies_are_limited_to_this_site_and_to_https_if_it_is_used(
    people: dict[str, User], settings: Any, https: bool
) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = https
    client = Client()
    client.get("/login")
    client.post("/login", {"username": "bob", "password": PASSWORD})
    session, token = client.cookies["sessionid"], client.cookies["csrftoken"]
    assert session["httponly"] and session["samesite"] == token["samesite"] == "Lax"
    assert (bool(session["secure"]), bool(token["secure"])) == (https, https)
    assert int(session["max-age"]) == 12 * 3600


def test_error_pages_need_neither_a_session_nor_a_database(client: Client) -> None:
    answer = client.get("/nothing/here")
    assert answer.status_code == 404
    assert answer["X-Request-ID"] in answer.content.decode()


def test_pages_allow_no_inline_code_and_are_not_cached(people: dict[str, User]) -> None:
    client = Client()
    client.force_login(people["alice"])
    answer = client.get("/jobs")
    page = answer.content.decode()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "private, no-store"
    assert " style=" not in page
    assert " onclick=" not in page
    assert page.count("<script") == page.count("<script src=")
