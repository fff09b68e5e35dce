"""Chromium, signed in to a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.server import RunningServer


@contextmanager
def open_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


def sign_in(browser: Browser, server: RunningServer, scheme: Any, width: int, height: int = 800) -> Page:
    """Return a page of the demo's administrator, in a window of this size."""
    size: Any = {"width": width, "height": height}
    password = json.loads((server.folder / "demo-passwords.json").read_text())["admin"]
    page = browser.new_context(base_url=server.url, color_scheme=scheme, viewport=size).new_page()
    page.goto("/login?next=/jobs")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/jobs")
    return page
