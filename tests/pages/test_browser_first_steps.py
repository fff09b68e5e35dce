"""An empty system, from the sign-in of its first Administrator to the first result, in a browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.pages.browser import responsive_accessibility_errors
from tests.server import running_server

CSV = "region,amount\nnorth,1.50\nsouth,2.25\n"
#: Of the whole way, sign-in and the choice of the file included.
MOST_CLICKS = 12


class Clicks:
    """Clicks, and counts them."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, element: Locator) -> None:
        element.click()
        self.number += 1


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)


def test_a_first_report_from_an_uploaded_file(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "Sales.csv").write_text(CSV)
    click, errors = Clicks(), list[str]()
    password = {"DJANGO_SUPERUSER_PASSWORD": "a long password 1"}
    with running_server(tmp_path / "server") as server:
        server.manage("createsuperuser", "--noinput", "--username", "root", "--email", "r@example.com", **password)
        page = chromium.new_context(base_url=server.url).new_page()
        page.goto("/")
        fill(page, "User name", "root")
        fill(page, "Password", password["DJANGO_SUPERUSER_PASSWORD"])
        click(page.get_by_role("button", name="Sign in"))
        errors += responsive_accessibility_errors(page, "first steps")
        page.set_viewport_size({"width": 1280, "height": 800})
        click(page.get_by_role("link", name="Next: Organization"))
        page.locator("#id_slug").fill("acme")
        page.locator("#id_name").fill("Acme Inc.")
        click(page.locator("[name=_save]"))
        click(page.get_by_role("link", name="Report server").first)
        click(page.get_by_role("link", name="Next: Data source"))
        fill(page, "URL name", "files")
        click(page.get_by_role("button", name="Create data source"))
        page.get_by_label("File", exact=True).set_input_files(tmp_path / "Sales.csv")
        click.number += 2
        click(page.get_by_role("button", name="Upload"))
        expect(page.get_by_text("version 1 with 2 rows")).to_be_visible()
        errors += responsive_accessibility_errors(page, "uploads")
        page.set_viewport_size({"width": 1280, "height": 800})
        click(page.get_by_role("link", name="New report on sales"))
        click(page.get_by_role("button", name="Create report"))
        click(page.get_by_role("button", name="Run report"))
        expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
        page.goto("/")
        expect(page.get_by_role("link", name="Next: Person")).to_be_visible()
        page.context.close()
    assert click.number <= MOST_CLICKS, f"{click.number} clicks"
    assert errors == []
