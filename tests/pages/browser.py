"""What the tests in browsers share; their fixtures are in conftest."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.server import Client


def failed_job(client: Client) -> str:
    """A job of the report that always fails."""
    job = client.generate("broken")
    client.wait(job, "Failed")
    return job


def made_report(alice: Client, slug: str) -> None:
    """A report of its own for a test that changes it."""
    definition = alice.get("/reports/sales-by-region").json()["definition"]
    alice.request("DELETE", f"/reports/{slug}")
    assert alice.post("/reports", json={**definition, "slug": slug, "name": slug.title()}).status_code == 201


def barriers(page: Page, *, preload: bool = True) -> list[tuple[str, str]]:
    """What axe-core finds wrong with the page as it is now: the rule, and the first place.

    With `preload` it reads style sheets by itself. It looks for those that the admin's import at the wrong address.
    """
    found = Axe().run(page, options={"preload": preload}).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found]


def found(page: Page, what: str) -> list[str]:
    """What is wrong with the page, wide and narrow, with all that can be unfolded."""
    faults = []
    unfold(page)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        faults += [f"{what} at {width}: {fault}" for fault in barriers(page, preload="/admin/" not in page.url)]
    return faults


def unfold(page: Page) -> None:
    """Open all that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def weight(page: Page) -> int:
    """The bytes that the server sent for the page and for everything that it loads."""
    entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    return int(page.evaluate(f"{entries}.reduce((sum, entry) => sum + entry.encodedBodySize, 0)"))
