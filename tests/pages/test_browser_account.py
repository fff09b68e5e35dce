"""The account page in a browser."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
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
