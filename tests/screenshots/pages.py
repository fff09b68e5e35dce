"""Screenshots of every page, light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.screenshots.browser import open_browser, sign_in
from tests.server import RunningServer

_PAGES = {
    "overview": "/",
    "jobs": "/jobs",
    "jobs-failed": "/jobs?status=Failed",
    "jobs-search": "/jobs?q=report:carrier-delays+since:24h",
    "jobs-bad-search": "/jobs?q=status:lost+since:never",
    "reports": "/reports",
    "report": "/reports/delay-explorer",
    "report-edit": "/reports/carrier-delays/edit",
    "report-versions": "/reports/carrier-delays/versions",
    "audit": "/audit",
    "audit-entry": "/audit/1",
    "not-found": "/nothing/here",
    "admin": "/admin/",
    "admin-users": "/admin/accounts/user/",
    "admin-user": "/admin/accounts/user/1/change/",
    "admin-sources": "/admin/reports/datasource/",
    "admin-source-new": "/admin/reports/datasource/add/",
    "admin-reports": "/admin/reports/reportconfiguration/",
    "admin-audit": "/admin/audit/auditlog/",
}
#: Pages whose URL isn't known in advance: a page, and the selector of the first link on it that leads there.
_LINKED_PAGES = {
    "job-failed": ("/jobs?status=Failed", "a.title"),
    "job-running": ("/jobs?status=Running", "a.title"),
    "job-queued": ("/jobs?status=Queued", "a.title"),
    "job-undelivered": ("/jobs?q=report:monthly-mail+status:succeeded", "a.title"),
    "bulk-progress": ("/jobs", "a[href^='/jobs/many/']"),
}
#: The pages that look different in each state; the others are taken in "normal" only.
_PAGES_OF_EVERY_STATE = ("overview", "jobs", "jobs-failed", "reports", "audit")


def take_all_pages(server: RunningServer, state: str, folder: Path) -> None:
    """Take all pages, or in states other than "normal" only those that look different, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)):
            page = sign_in(browser, server, scheme, width)
            suffix = f"{scheme}-{width}.png"
            for name, path in _paths(page, state).items():
                page.goto(path)
                page.screenshot(path=folder / f"{name}-{suffix}", full_page=name not in ("jobs", "audit"))
            _take_bulk_confirmation(page, folder / f"bulk-confirm-{suffix}")


def _paths(page: Page, state: str) -> dict[str, str]:
    paths = {name: path for name, path in _PAGES.items() if state == "normal" or name in _PAGES_OF_EVERY_STATE}
    for name, (path, selector) in _LINKED_PAGES.items():
        page.goto(path)
        if (link := page.locator(selector).first).count():
            paths[name] = str(link.get_attribute("href"))
    return paths


def _take_bulk_confirmation(page: Page, file: Path) -> None:
    """Take the dialog that asks whether to retry all failed jobs, if there are any."""
    page.goto("/jobs?status=Failed")
    if page.locator("#scope").count():
        page.locator("#scope").select_option("all")
        page.get_by_role("button", name="Retry…").click()
        page.get_by_role("dialog").wait_for()
        page.screenshot(path=file)
