"""Bulk actions in Chromium, against a real server with its workers."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.pages.browser import failed_job, job_row, refresh, responsive_accessibility_errors
from tests.server import Client, RunningServer


def test_jobs_are_retried_after_a_dialog_that_counts_them(
    visit: Callable[..., Page], bob: Client, alice: Client
) -> None:
    failed = [failed_job(bob) for _ in range(2)]
    page = visit("alice", "/jobs?report=broken&status=Failed")
    for job in failed:
        job_row(page, job).get_by_role("checkbox").check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    refresh(page)
    page.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog", name="Retry 2 jobs?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Retry…").click()
    dialog.get_by_role("button", name="Retry 2 jobs").dblclick()
    expect(page.get_by_role("status")).to_contain_text("2 jobs retried.")
    assert page.url.endswith("/jobs?report=broken&status=Failed"), "the filter is kept"
    retried = [job["retryOf"] for job in alice.get("/jobs?report=broken").json()["results"]]
    assert [retried.count(job) for job in failed] == [1, 1]


def test_a_bulk_action_is_confirmed_on_a_page_without_javascript(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken", java_script_enabled=False)
    job_row(page, failed).get_by_role("checkbox").check()
    page.get_by_role("button", name="Retry…").click()
    expect(page.get_by_role("heading", name="Retry 1 job?")).to_be_visible()
    page.get_by_role("button", name="Retry 1 job").click()
    expect(page.get_by_role("status")).to_contain_text("1 job retried.")
    assert page.url.endswith("/jobs?report=broken")


#: Queues 400 jobs that no worker claims.
QUEUE_JOBS = """
from datetime import timedelta
from uuid import uuid4
from django.utils import timezone
from jobs.models import JobExecutionLog
job = JobExecutionLog.objects.filter(report_slug="slow").first()
now = timezone.now()
values = {field.attname: getattr(job, field.attname) for field in job._meta.concrete_fields}
values |= {"available_at": now + timedelta(days=1), "status": "Queued", "ended_at": None, "error_code": ""}
values |= {"cancel_requested_at": None, "host": "many", "started_at": None, "attempt": 0, "fence": 0}
values |= {"lease_expires_at": None, "owner": "", "retry_of_id": None}
def queued_job(number):
    return JobExecutionLog(**values | {"id": uuid4(), "queued_at": now - timedelta(seconds=number)})
JobExecutionLog.objects.bulk_create([queued_job(number) for number in range(400)])
"""


def errors_in_both_schemes(page: Page, title: str) -> list[str]:
    errors = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        errors += responsive_accessibility_errors(page, f"{title}, {scheme}")
    return errors


def test_a_page_shows_the_progress_while_hundreds_of_jobs_are_cancelled(
    visit: Callable[..., Page], server: RunningServer, bob: Client, alice: Client
) -> None:
    job = bob.generate("slow")
    alice.post(f"/jobs/{job}/cancel")
    bob.wait(job, "Failed")
    server.manage("shell", "--no-imports", "-c", QUEUE_JOBS)
    page = visit("alice", "/jobs?q=host:many&status=Queued")
    page.get_by_label("Jobs to change").select_option("all")
    page.get_by_role("button", name="Cancel…").click()
    held: list[Route] = []
    page.route("**/jobs/many/*", lambda route: held.append(route))
    page.get_by_role("dialog", name="Cancel 400 jobs?").get_by_role("button", name="Cancel 400 jobs").click()
    expect(page.get_by_role("heading", name="Cancel jobs")).to_be_visible()
    bar = page.get_by_role("progressbar")
    first = int(bar.get_attribute("value") or 0)
    assert errors_in_both_schemes(page, "in progress") == []
    expect(page.get_by_role("heading", name="In progress")).to_be_visible()
    page.unroute("**/jobs/many/*")  # This continues the held requests.
    expect(bar).not_to_have_attribute("value", str(first))
    expect(page.get_by_role("status")).to_contain_text("400 jobs cancelled", timeout=60_000)
    assert errors_in_both_schemes(page, "done") == []
    page.get_by_role("link", name="Back to jobs").click()
    expect(page.get_by_text("No matching jobs")).to_be_visible()
    assert page.url.endswith("/jobs?q=host%3Amany&status=Queued"), "the filter is kept"
