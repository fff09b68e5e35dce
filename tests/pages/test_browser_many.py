"""Bulk actions in Chromium, against the real server with its workers."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.pages.browser import failed_job, found
from tests.server import Client, RunningServer


def test_many_jobs_are_retried_after_a_dialog_that_counts_them(
    visit: Callable[..., Page], bob: Client, alice: Client
) -> None:
    failed = [failed_job(bob) for _ in range(2)]
    page = visit("alice", "/jobs?report=broken&status=Failed")
    for job in failed:
        page.locator(f"#select-{job}").check()
    expect(page.locator("#selected")).to_have_text("2 selected")
    page.evaluate("htmx.trigger('#jobs', 'refresh')")
    page.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog", name="Retry 2 jobs?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("link", name="Leave them as they are").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Retry…").click()
    dialog.get_by_role("button", name="Queue them again").dblclick()
    expect(page.get_by_role("status")).to_contain_text("2 jobs queued again.")
    assert page.url.endswith("/jobs?report=broken&status=Failed"), "the filter must survive"
    retried = [job["retryOf"] for job in alice.get("/jobs?report=broken").json()["results"]]
    assert [retried.count(job) for job in failed] == [1, 1]


def test_a_bulk_action_is_confirmed_on_a_page_without_javascript(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken", java_script_enabled=False)
    page.locator(f"#select-{failed}").check()
    page.get_by_role("button", name="Retry…").click()
    expect(page.get_by_role("heading", name="Retry 1 job?")).to_be_visible()
    page.get_by_role("button", name="Queue them again").click()
    expect(page.get_by_role("status")).to_contain_text("1 job queued again.")
    assert page.url.endswith("/jobs?report=broken")


WAITING = """
from datetime import timedelta
from uuid import uuid4
from django.utils import timezone
from jobs.models import JobExecutionLog
job = JobExecutionLog.objects.filter(report_slug="slow").first()
at = timezone.now()
later = {"available_at": at + timedelta(days=1), "status": "Queued", "ended_at": None, "error_code": ""}
later |= {"cancel_requested_at": None, "host": "many"}
values = {field.attname: getattr(job, field.attname) for field in job._meta.concrete_fields}
fresh = {"started_at": None, "attempt": 0, "fence": 0, "lease_expires_at": None, "owner": "", "retry_of_id": None}
def waiting(number):
    more = {"id": uuid4(), "queued_at": at - timedelta(seconds=number)}
    return JobExecutionLog(**{**values, **later, **fresh, **more})
JobExecutionLog.objects.bulk_create([waiting(number) for number in range(400)])
"""


def found_in_both(page: Page, what: str) -> list[str]:
    """What is wrong with the page, light and dark, wide and narrow."""
    faults = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        faults += found(page, f"{what}, {scheme}")
    return faults


def test_hundreds_of_jobs_are_cancelled_while_the_page_shows_how_far_it_is(
    visit: Callable[..., Page], server: RunningServer, bob: Client, alice: Client
) -> None:
    job = bob.generate("slow")
    alice.post(f"/jobs/{job}/cancel")
    bob.wait(job, "Failed")
    server.manage("shell", "--no-imports", "-c", WAITING)
    page = visit("alice", "/jobs?q=host:many&status=Queued")
    page.get_by_label("Which jobs").select_option("all")
    page.get_by_role("button", name="Cancel…").click()
    held: list[Route] = []
    page.route("**/jobs/many/*", lambda route: held.append(route))
    page.get_by_role("dialog", name="Cancel 400 jobs?").get_by_role("button", name="Cancel them").click()
    expect(page.get_by_role("heading", name="Cancel many jobs")).to_be_visible()
    bar = page.get_by_role("progressbar")
    first = int(bar.get_attribute("value") or 0)
    assert found_in_both(page, "under way") == []
    expect(page.get_by_role("heading", name="Under way")).to_be_visible()
    # It lets go of those that it held.
    page.unroute("**/jobs/many/*")
    expect(bar).not_to_have_attribute("value", str(first))
    expect(page.get_by_role("status")).to_contain_text("400 jobs cancelled", timeout=60_000)
    assert found_in_both(page, "done") == []
    page.get_by_role("link", name="Back to the jobs").click()
    expect(page.get_by_text("No job matches.")).to_be_visible()
    assert page.url.endswith("/jobs?q=host%3Amany&status=Queued"), "the filter must survive"
