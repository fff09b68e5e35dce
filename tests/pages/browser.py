"""What the tests in browsers share; their fixtures are in conftest."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from tests.server import Client

#: The rules of axe-core that depend on colors.
_COLOR_RULES = ["color-contrast", "link-in-text-block"]


def failed_job(client: Client) -> str:
    """Run the report that always fails. Returns the job's id."""
    job = client.generate("broken")
    client.wait(job, "Failed")
    return job


def job_row(page: Page, job_id: str) -> Locator:
    """Return the row of the job in the list of jobs."""
    return page.get_by_role("row").filter(has_text=job_id[:8])


def refresh(page: Page, selector: str = "#jobs") -> None:
    """Make a live region request its content now."""
    page.evaluate(f"htmx.trigger({selector!r}, 'refresh')")


def accessibility_errors(page: Page, *, preload: bool = True) -> list[tuple[str, str]]:
    """Return what axe-core finds wrong with the page: each rule with the first element that breaks it.

    In the dark scheme, only the colors are checked: nothing else differs from the light one. With `preload`, axe-core
    loads style sheets itself. It requests those that the admin imports from wrong URLs.
    """
    options: dict[str, object] = {"preload": preload, "resultTypes": ["violations"]}
    if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"):
        options["runOnly"] = {"type": "rule", "values": _COLOR_RULES}
    violations = Axe().run(page, options=options).response["violations"]
    return [(violation["id"], violation["nodes"][0]["html"]) for violation in violations]


def responsive_accessibility_errors(page: Page, title: str) -> list[str]:
    """Return the errors of the page with everything unfolded, wide and narrow; each begins with the title."""
    errors = []
    unfold(page)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        found = accessibility_errors(page, preload="/admin/" not in page.url)
        errors += [f"{title} at {width}: {error}" for error in found]
    return errors


def horizontal_overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")


def transferred_bytes(page: Page) -> int:
    """Return the size of the page and of everything that it loaded, as sent by the server."""
    entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    return int(page.evaluate(f"{entries}.reduce((sum, entry) => sum + entry.encodedBodySize, 0)"))
