"""A search among many jobs in Chromium, against a real server.

The tests hold each request of the search and release it, so no step is faster or slower than a test expects.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, Request, Route, expect

from tests.pages.browser import failed_job, refresh, responsive_accessibility_errors
from tests.server import Client, RunningServer

STEPS = "**/jobs/further?*"
OLDER_LINK = "Search older jobs"
NO_MATCH = "No older matches."
#: Creates 12,000 failed jobs on the host `near`, all older than the others, and one of them on the host `far`.
CREATE_OLDER_JOBS = """
from datetime import timedelta
from uuid import uuid4
from jobs.models import JobExecutionLog
job = JobExecutionLog.objects.filter(report_slug="broken", status="Failed").first()
values = {field.attname: getattr(job, field.attname) for field in job._meta.concrete_fields} | {"retry_of_id": None}
def older_job(number):
    queued_at = job.queued_at - timedelta(days=1, seconds=number)
    host = "far" if number == 11_500 else "near"
    return JobExecutionLog(**values | {"id": uuid4(), "queued_at": queued_at, "host": host})
JobExecutionLog.objects.bulk_create([older_job(number) for number in range(12_000)], batch_size=500)
"""


class HeldRequests:
    """The requests of a page's search, each of which waits until the test releases it."""

    def __init__(self, page: Page) -> None:
        self.page, self.requests, self._held = page, list[Request](), list[Route]()
        page.route(STEPS, self._hold)

    def _hold(self, route: Route) -> None:
        self.requests.append(route.request)
        self._held.append(route)

    def next(self) -> Route:
        """Wait for the next request. It is released with `continue_` or `abort`."""
        while not self._held:
            self.page.wait_for_timeout(20)
        return self._held.pop(0)


def test_a_match_far_back_is_found_without_a_click(
    visit: Callable[..., Page], server: RunningServer, bob: Client
) -> None:
    failed_job(bob)
    server.manage("shell", "--no-imports", "-c", CREATE_OLDER_JOBS)
    page = visit("alice", "/reports")
    steps = HeldRequests(page)
    page.goto("/jobs?q=host:far&report=broken")
    expect(page.get_by_text("No matching jobs")).to_be_visible()
    expect(page.get_by_role("link", name=OLDER_LINK)).to_be_visible()
    steps.next().continue_()
    searching, stop = page.get_by_text("Searching older jobs, back to"), page.get_by_role("button", name="Stop")
    expect(searching).to_be_visible()
    assert responsive_accessibility_errors(page, "searching") == []
    # A live update replaces the list while the next step is under way. The step's response still arrives.
    second = steps.next()
    page.evaluate("document.querySelector('#jobs').setAttribute('hx-headers', '{}')")
    with page.expect_response(re.compile(r"/jobs\?q=host")):
        refresh(page)
    expect(page.locator("#jobs[hx-headers='{}']")).to_have_count(0)
    expect(searching).to_be_visible()
    expect(stop).to_have_count(1)
    second.continue_()
    steps.next().continue_()
    expect(page.get_by_role("status").filter(has_text="The next match was queued")).to_be_visible()
    expect(stop).to_have_count(0)
    assert len({request.url for request in steps.requests}) == len(steps.requests) == 3, "each step once"
    assert responsive_accessibility_errors(page, "found") == []
    page.get_by_role("link", name="Show it and older matches").click()
    expect(page.locator("tbody").get_by_role("row")).to_have_count(1)


def test_a_search_is_stopped_and_continued(visit: Callable[..., Page]) -> None:
    # A page that may log errors: htmx logs the step that Stop aborts.
    page = visit("alice", "/reports").context.new_page()
    steps = HeldRequests(page)
    page.goto("/jobs?q=host:nothing&report=broken")
    steps.next().continue_()
    step = steps.next()
    assert "stop=" not in step.request.url
    # The step is under way until the test ends, so the search can't end before it is stopped.
    page.get_by_role("button", name="Stop").click(no_wait_after=True)
    stop = steps.next()
    assert "stop=1" in stop.request.url
    stop.continue_()
    expect(page.get_by_text("Search stopped at")).to_be_visible()
    assert page.locator("#older-search [data-live]").count() == 0
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    page.unroute(STEPS)
    page.get_by_role("link", name=OLDER_LINK).click()
    expect(page.get_by_text(NO_MATCH)).to_be_visible()


def test_a_failed_step_is_reported_and_tried_again(visit: Callable[..., Page]) -> None:
    # A page that may log errors: the browser logs the step that fails.
    page = visit("alice", "/reports").context.new_page()
    steps = HeldRequests(page)
    page.goto("/jobs?q=host:nothing&report=broken")
    steps.next().abort()
    expect(page.get_by_role("alert")).to_have_text("Server not responding. Retrying…")
    expect(page.get_by_role("link", name=OLDER_LINK)).to_be_visible()
    page.unroute(STEPS)
    refresh(page, "#older-search [data-live]")
    expect(page.get_by_text(NO_MATCH)).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()
