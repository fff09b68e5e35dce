"""The pictures in docs/images."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.screenshots.browser import open_browser, sign_in
from tests.server import ROOT, RunningServer

FOLDER = ROOT / "docs" / "images"


def take_documentation_pictures(server: RunningServer) -> None:
    with open_browser() as browser:
        page = sign_in(browser, server, "light", 1280)
        page.screenshot(path=FOLDER / "jobs.png")
        page.goto("/")
        page.screenshot(path=FOLDER / "overview.png", full_page=True)
        _take_editor(sign_in(browser, server, "light", 1280, 1320), FOLDER / "report-edit.png")
        _take_design(sign_in(browser, server, "light", 1400, 1000), FOLDER / "report-design.png")
        _take_comparison(sign_in(browser, server, "dark", 1280), FOLDER / "report-versions.png")


def _take_editor(page: Page, file: Path) -> None:
    page.goto("/reports/busiest-routes/edit#tab-query")
    page.locator("[data-table='flights'] summary").click()
    page.get_by_role("button", name="Check and preview").click()
    page.locator("#check table").wait_for()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=file)


def _take_design(page: Page, file: Path) -> None:
    page.goto("/reports/airport-month/template")
    page.locator("#preview").get_by_role("button", name="Preview").click()
    page.locator(".page-previews img").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)


def _take_comparison(page: Page, file: Path) -> None:
    """Save two new versions of a report, and compare the first with the last."""
    page.goto("/reports/busiest-routes/edit")
    page.locator("[name=description]").fill(
        "The routes out of New York with the most flights in 2013, and their delays."
    )
    page.get_by_role("tab", name="Files and limits").click()
    page.locator("[name=max_rows]").fill("500")
    _save(page)
    page.goto("/reports/busiest-routes/edit")
    page.get_by_role("tab", name="Query").click()
    query = page.locator("textarea[name=query]")
    query.fill(query.input_value().replace("order by place", "having count(*) >= 100\norder by place"))
    _save(page)
    page.goto("/reports/busiest-routes/versions?from=1&to=3")
    page.screenshot(path=file, full_page=True)


def _save(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()
