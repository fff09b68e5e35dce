"""What the tests of job pages share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.test import Client

from jobs.models import JobExecutionLog
from tests.pages.html import Element, Page

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]
#: The header of requests that htmx makes.
HTMX = {"HX-Request": "true"}


def open_page(client: Client, path: str, **options: Any) -> Page:
    """Return the page, which must exist."""
    response = client.get(path, **options)
    assert response.status_code == 200
    return Page(response)


def job_rows(page: Page) -> list[Element]:
    tables = page.all("table", "Jobs, newest first")
    return [row for table in tables for row in table.all("row") if row.has("rowheader")]


def job_ids(page: Page) -> list[str]:
    """Return the ids of the listed jobs, in their order."""
    return [row.get("rowheader").all("link")[0]["href"].removeprefix("/jobs/") for row in job_rows(page)]


def content_hash(region: Element) -> dict[str, str]:
    """Return the header that the live region sends with its requests."""
    return dict(json.loads(region["hx-headers"]))


def notice(page: Page) -> str:
    """Return the messages in the page's status region."""
    return page.by_id("notices").text


def alert(page: Page) -> str:
    return page.by_id("alerts").text
