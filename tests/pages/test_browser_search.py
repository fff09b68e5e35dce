"""A search among many jobs in Chromium, against the real server."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, Request, Route, expect

from tests.pages.browser import failed_job, found
from tests.server import Client, RunningServer

STEPS = "**/jobs/further?*"

#: Before a failed job of `report`, 12,000 of another host, of which one is of the host `far`; all long ended.
OLDER = """
from datetime import timedelta
from uuid import uuid4
from jobs.models import JobExecutionLog
job = JobExecutionLog.objects.filter(report_slug="broken", status="Failed").first()
values = {field.attname: getattr(job, field.attname) for field in job._meta.concrete_fields} | {"retry_of_id": None}
def older(number):
    at = job.queued_at - timedelta(days=1, seconds=number)
    host = "far" if number == 11_500 else "near"
    return JobExecutionLog(**{**values, "id": uuid4(), "queued_at": at, "host": host})
JobExecutionLog.objects.bulk_create([older(number) for number in range(12_000)], batch_size=500)
"""


class Held:
    """The requests of a page's search, each of which waits until it is let go."""

    def __init__(self, page: Page) -> None:
        self.page, self.asked, self.waiting = page, list[Request](), list[Route]()
        page.route(STEPS, self.hold)

    def hold(self, route: Route) -> None:
        self.asked.append(route.request)
        self.waiting.append(route)

    def next(self) -> Route:
        while not self.waiting:
            self.page.wait_for_timeout(20)
        return self.waiting.pop(0)


def test_a_match_far_back_is_found_by_itself(visit: Callable[..., Page], server: RunningServer, bob: Client) -> None:
    failed_job(bob)
    server.manage("shell", "--no-imports", "-c", OLDER)
    page = visit("alice", "/reports")
    steps = Held(page)
    page.goto("/jobs?q=host:far&report=broken")
    expect(page.get_by_text("No job matches.")).to_be_visible()
    expect(page.get_by_role("link", name="Search the ones before")).to_be_visible()
    steps.next().continue_()
    going, stop = page.get_by_text("Searching the ones before, so far back to"), page.get_by_role("button", name="Stop")
    expect(going).to_be_visible()
    assert found(page, "searching") == []
    # The list is replaced while the next step is under way, which then arrives all the same.
    second = steps.next()
    page.evaluate("document.querySelector('#jobs').setAttribute('hx-headers', '{}')")
    with page.expect_response(re.compile(r"/jobs\?q=host")):
        page.evaluate("htmx.trigger('#jobs', 'refresh')")
    expect(page.locator("#jobs[hx-headers='{}']")).to_have_count(0)
    expect(going).to_be_visible()
    expect(stop).to_have_count(1)
    second.continue_()
    steps.next().continue_()
    expect(page.get_by_role("status").filter(has_text="The next one that matches was queued")).to_be_visible()
    expect(stop).to_have_count(0)
    assert len({request.url for request in steps.asked}) == len(steps.asked) == 3, "each step once"
    assert found(page, "found") == []
    page.get_by_role("link", name="Show it and the ones before").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_search_is_stopped_and_gone_on_with(visit: Callable[..., Page]) -> None:
    page = visit("alice", "/reports").context.new_page()  # htmx complains of the step that it breaks off
    steps = Held(page)
    page.goto("/jobs?q=host:nothing&report=broken")
    steps.next().continue_()
    steps.next()
    page.unroute(STEPS)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped after searching back to")).to_be_visible()
    assert page.locator("#older-search [data-live]").count() == 0
    page.get_by_role("link", name="Search the ones before").click()
    expect(page.get_by_text("None of the ones before matches.")).to_be_visible()


def test_a_step_that_fails_is_told_and_tried_again(visit: Callable[..., Page]) -> None:
    page = visit("alice", "/reports").context.new_page()  # whose complaints are expected
    steps = Held(page)
    page.goto("/jobs?q=host:nothing&report=broken")
    steps.next().abort()
    expect(page.get_by_role("alert")).to_have_text("The server does not answer. The page goes on trying.")
    expect(page.get_by_role("link", name="Search the ones before")).to_be_visible()
    page.unroute(STEPS)
    page.evaluate("htmx.trigger('#older-search [data-live]', 'refresh')")
    expect(page.get_by_text("None of the ones before matches.")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()
