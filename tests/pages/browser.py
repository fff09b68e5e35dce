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


def barriers(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds wrong with the page as it is now: the rule, and the first place."""
    return [(found["id"], found["nodes"][0]["html"]) for found in Axe().run(page).response["violations"]]
