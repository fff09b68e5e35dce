"""The account page in a browser."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import httpx
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page, expect

from tests.pages.browser import horizontal_overflow, responsive_accessibility_errors
from tests.server import RunningServer

#: What sticks out of the window.
WIDE = """[...document.querySelectorAll('main *')]
    .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map(element => element.outerHTML.slice(0, 90))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_somebody_creates_copies_and_revokes_a_key(
    visit: Callable[..., Page], server: RunningServer, scheme: str
) -> None:
    page = visit("ivan", "/", color_scheme=scheme, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="ivan").click()
    expect(page.get_by_role("heading", name="ivan")).to_be_visible()
    page.get_by_label("Name", exact=True).fill(f"nightly {scheme}")
    page.get_by_label("Reports all of them").select_option(label="Sales by région (sales-by-region)")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Copy the key")).to_be_visible()
    errors = responsive_accessibility_errors(page, "account")
    assert horizontal_overflow(page) <= 0, page.evaluate(WIDE)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    key = page.evaluate("navigator.clipboard.readText()")

    def status() -> int:
        return httpx.get(f"{server.url}/api/v1/jobs", headers={"Authorization": f"Bearer {key}"}).status_code

    assert status() == 200
    page.get_by_role("button", name=f"Revoke nightly {scheme}").click()
    expect(page.get_by_text("was revoked")).to_be_visible()
    assert status() == 401
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("New password again").fill("other")
    errors += responsive_accessibility_errors(page, "account")
    assert errors == []


def test_somebody_signs_in_with_a_second_factor(visit: Callable[..., Page]) -> None:
    page = visit("judy", "/account")
    page.get_by_role("button", name="Set up").click()
    secret = base64.b32decode(page.locator("#second-factor code").inner_text())
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    errors = responsive_accessibility_errors(page, "setting up")
    page.get_by_label("Code", exact=True).fill(TOTP(secret, 6, SHA1(), 30).generate(time.time()).decode())  # noqa: S303
    page.get_by_role("button", name="Confirm").click()
    recovery = page.locator("#recovery-codes").inner_text().split()
    errors += responsive_accessibility_errors(page, "recovery codes")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill("judy")
    page.get_by_label("Password").fill("judy-password-1")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    errors += responsive_accessibility_errors(page, "the code")
    page.get_by_label("Code").fill(recovery[0])
    page.get_by_role("button", name="Sign in").click()
    page.goto("/account")
    expect(page.get_by_text("9 recovery codes are left")).to_be_visible()
    page.get_by_label("Your password").fill("judy-password-1")
    page.get_by_role("button", name="Remove second factor").click()
    expect(page.get_by_role("button", name="Set up")).to_be_visible()
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_creates_a_user(visit: Callable[..., Page], scheme: str) -> None:
    page = visit("alice", "/", color_scheme=scheme)
    page.get_by_role("link", name="People").click()
    page.get_by_label("User name").fill(f"frank-{scheme}")
    page.get_by_role("button", name="Create user").click()
    link = page.locator("#link").inner_text()
    errors = responsive_accessibility_errors(page, "people")
    assert horizontal_overflow(page) <= 0, page.evaluate(WIDE)
    page.get_by_role("link", name="Roles").click()
    expect(page.get_by_role("heading", name="New role")).to_be_visible()
    errors += responsive_accessibility_errors(page, "roles")
    assert horizontal_overflow(page) <= 0, page.evaluate(WIDE)
    page.goto(link)
    errors += responsive_accessibility_errors(page, "a new password")
    page.get_by_label("New password", exact=True).fill("a quite new password 2")
    page.get_by_label("New password again").fill("a quite new password 2")
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url("**/**")
    assert errors == []
