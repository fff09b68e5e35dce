"""The pages of data sources in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.pages.browser import horizontal_overflow, responsive_accessibility_errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_looks_into_a_source(visit: Callable[..., Page], scheme: str) -> None:
    page = visit("alice", "/", color_scheme=scheme)
    page.get_by_role("link", name="Data sources", exact=True).click()
    errors = responsive_accessibility_errors(page, "the list")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("link", name="flights", exact=True).click()
    expect(page.get_by_role("link", name="New report on airlines")).to_be_visible()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("flights works.")).to_be_visible()
    expect(page.get_by_role("link", name="New report on airlines")).to_be_visible()
    errors += responsive_accessibility_errors(page, "a source")
    assert horizontal_overflow(page) <= 0
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("URL name").fill("a b")
    errors += responsive_accessibility_errors(page, "the form")
    page.goto("/sources/flights/delete")
    expect(page.get_by_role("alert").filter(has_text="This data source is in use")).to_be_visible()
    errors += responsive_accessibility_errors(page, "refused")
    assert errors == []
