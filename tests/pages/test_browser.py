"""The pages in Chromium, against a real server with its workers."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.pages import html
from tests.pages.browser import (
    accessibility_errors,
    failed_job,
    horizontal_overflow,
    job_row,
    transferred_bytes,
    unfold,
)
from tests.server import Client, RunningServer

RETRY = "Retry job Broken"
RETRIED = "Broken retried as a new job."


def test_a_run_is_followed_live_and_ends_with_the_download(visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit("bob", "/reports/sales-by-region")
    page.get_by_label("Region").fill("north")
    page.get_by_role("radio", name="JSON", exact=True).check()
    page.get_by_role("button", name="Run report").dblclick()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
    link = page.get_by_role("link", name="Download JSON")
    expect(link).to_be_visible(timeout=30_000)
    with page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "result")
    assert b"north" in (tmp_path / "result").read_bytes()


def test_an_administrator_retries_a_failed_job_in_the_list(
    visit: Callable[..., Page], bob: Client, alice: Client
) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    job_row(page, failed).get_by_role("button", name=RETRY).dblclick()
    expect(page.get_by_role("status")).to_contain_text(RETRIED)
    newest = page.locator("tbody").get_by_role("row").first
    expect(newest).to_contain_text("alice")
    expect(newest.get_by_role("button", name=RETRY)).to_be_visible(timeout=30_000)
    assert page.url.endswith("/jobs?report=broken"), "the filter is kept"
    retries = [job for job in alice.get("/jobs?report=broken").json()["results"] if job["retryOf"] == failed]
    assert len(retries) == 1, "two clicks, one retry"


def test_a_refused_retry_is_an_alert(visit: Callable[..., Page], bob: Client, alice: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")

    def block_live_updates(route: Route) -> None:
        if "x-content-hash" in route.request.headers:
            route.abort()
        else:
            route.continue_()

    page.route("**/jobs?report=broken", block_live_updates)
    assert alice.post(f"/jobs/{failed}/retry").status_code == 202
    button = job_row(page, failed).get_by_role("button", name=RETRY)
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("This job has already been retried.")
    expect(button).to_have_count(0)


def test_the_focus_stays_in_the_list_after_a_retry(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    job_row(page, failed).get_by_role("button", name=RETRY).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(RETRIED)
    expect(page.get_by_role("region", name="Jobs")).to_be_focused()


def test_other_users_have_no_retry_button(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("bob", "/jobs?report=broken")
    expect(job_row(page, failed)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Retry"))).to_have_count(0)


def test_a_running_job_is_cancelled_from_its_page(visit: Callable[..., Page], bob: Client) -> None:
    job = bob.generate("slow")
    bob.wait(job, "Running")
    page = visit("bob", f"/jobs/{job}")
    page.get_by_role("button", name="Cancel job Slow").click()
    expect(page.get_by_role("status")).to_contain_text("is being cancelled")
    expect(page.get_by_text("Failed (cancelled)")).to_be_visible(timeout=30_000)


def test_a_job_is_retried_without_javascript(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken", java_script_enabled=False)
    job_row(page, failed).get_by_role("button", name=RETRY).click()
    assert page.url.endswith("/jobs?report=broken")
    expect(page.get_by_role("status")).to_contain_text(RETRIED)


def test_the_new_job_is_on_top_as_queued_while_no_worker_is_free(
    visit: Callable[..., Page], bob: Client, alice: Client
) -> None:
    failed = failed_job(bob)
    running = [bob.generate("slow") for _ in range(2)]
    for job in running:
        bob.wait(job, "Running")
    page = visit("alice", "/jobs?q=report:broken")
    button = job_row(page, failed).get_by_role("button", name=RETRY)
    expect(button).to_have_attribute("aria-label", RETRY)
    button.click()
    newest = page.locator("tbody").get_by_role("row").first
    expect(newest).to_contain_text("Queued")
    message = page.get_by_role("status")
    expect(message).to_contain_text(RETRIED)
    url = message.get_by_role("link", name="a new job").get_attribute("href")
    expect(newest.get_by_role("link", name="Broken")).to_have_attribute("href", str(url))
    for job in running:
        alice.post(f"/jobs/{job}/cancel")
        bob.wait(job)


def test_a_retry_button_is_busy_until_the_server_answers(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    page.route("**/retry", lambda route: (page.wait_for_timeout(700), route.continue_()))
    button = page.locator(f"#retry-{failed}")
    button.click(no_wait_after=True)
    expect(button).to_be_disabled()
    assert button.locator(".icon").evaluate("icon => getComputedStyle(icon).animationName") == "spin"
    expect(page.get_by_role("status")).to_contain_text(RETRIED)


def test_the_list_has_keyboard_shortcuts(visit: Callable[..., Page], bob: Client) -> None:
    newest = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    page.keyboard.press("j")
    expect(job_row(page, newest).get_by_role("link", name="Broken")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(job_row(page, newest).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("r")
    expect(page.get_by_role("status")).to_contain_text(RETRIED)
    expect(page.get_by_role("region", name="Jobs")).to_be_focused()
    running = bob.generate("slow")
    bob.wait(running, "Running")
    page.goto("/jobs?report=slow&status=Running")
    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.get_by_role("status")).to_contain_text("is being cancelled")
    search_bar = page.get_by_role("combobox", name="Search")
    page.keyboard.press("/")
    expect(search_bar).to_be_focused()
    page.keyboard.type("r")
    expect(search_bar).to_have_value("r")
    page.get_by_role("heading", name="Jobs").click()
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Enable on this device").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(search_bar).not_to_be_focused()


def test_the_help_lists_only_the_shortcuts_of_its_page(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    for name, path, keys in (
        ("alice", "/jobs", "/ j k x r c ?"), ("alice", f"/jobs/{failed}", "r c ?"), ("bob", f"/jobs/{failed}", "c ?"),
        ("bob", "/", "/ ?"), ("bob", "/reports", "/ ?"),
    ):  # fmt: skip
        page = visit(name, path)
        page.keyboard.press("?")
        shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts").locator("kbd:visible")
        assert " ".join(shortcuts.all_inner_texts()) == keys, path


# The color scheme changes contrasts, and nothing about widths.
@pytest.mark.parametrize(("scheme", "widths"), [("light", (1280, 320)), ("dark", (1280,))])
def test_pages_are_accessible_small_and_as_wide_as_the_window(
    visit: Callable[..., Page], bob: Client, alice: Client, scheme: str, widths: tuple[int, ...]
) -> None:
    formats = ["csv", "json", "ndjson", "xlsx", "parquet", "html", "pdf"]
    failed, done = failed_job(bob), bob.generate("sales-by-region", {"region": "north"}, formats=formats)
    bob.wait(done, "Succeeded")
    schedule = {"slug": f"mondays-{scheme}", "report": "sales-by-region", "cron": "0 7 * * MON"}
    assert bob.post("/schedules", json=schedule).status_code == 201
    bob.post(f"/schedules/{schedule['slug']}/run")
    chat = {"slug": f"chat-{scheme}", "kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/x"}
    assert alice.post("/connections", json=chat).status_code == 201
    page = visit("alice", "/", color_scheme=scheme, viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    pages = ("/", "/jobs", "/jobs?q=status:lost", f"/jobs/{failed}", f"/jobs/{done}", f"/jobs/{done}/preview")
    for path in (
        *pages,
        "/reports",
        "/reports/new",
        "/reports/sales-by-region",
        "/reports/sales-by-region/edit",
        "/reports/sales-by-region/versions",
        "/reports/sales-by-region/template",
        "/reports/days?param.start=now-1M/M",
        "/schedules",
        "/connections",
        f"/schedules/{schedule['slug']}",
        "/audit",
        "/audit/1",
    ):
        page.goto(path)
        assert transferred_bytes(page) < 150_000, path
        unfold(page)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            assert accessibility_errors(page) == [], f"{path} at {width}"
            assert horizontal_overflow(page) <= 0, f"{path} at {width}"
        assert page.get_by_role("heading", level=1).count() == 1, path


def test_a_form_that_is_sent_several_times_at_once_creates_one_job(
    visit: Callable[..., Page], server: RunningServer, bob: Client
) -> None:
    page = visit("bob", "/reports/sales-by-region", java_script_enabled=False)
    page.get_by_label("Region").fill("at once")
    fields = html.Page(page.content()).by_id("run").form_data() | {"param.region": ["at once"]}
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}  # type: ignore[typeddict-item]
    url = f"{server.url}/reports/sales-by-region"

    def send(_: int) -> str:
        return httpx.post(url, data=fields, cookies=cookies, timeout=60).headers["Location"]

    with ThreadPoolExecutor(4) as threads:
        locations = set(threads.map(send, range(4)))
    jobs = bob.get("/jobs", params={"q": 'report:sales-by-region param.region:"at once"'}).json()["results"]
    assert locations == {f"/jobs/{job['jobId']}" for job in jobs}
    assert len(jobs) == 1


def test_an_estimate_appears_beside_the_form(visit: Callable[..., Page]) -> None:
    page = visit("bob", "/reports/many-rows")
    page.get_by_label("rows", exact=True).fill("1000")
    page.get_by_role("button", name="Estimate").click()
    expect(page.locator("#estimate")).to_contain_text(re.compile("About [0-9,]+ rows"))
    expect(page.get_by_label("rows", exact=True)).to_have_value("1000")
    expect(page.get_by_role("button", name="Estimate")).to_be_focused()


FAIL_DELIVERIES = """
from django.utils import timezone
from jobs.models import Delivery
Delivery.objects.filter(job="{}").update(state="failed", ended_at=timezone.now(), attempt=12, error="Refused.")
"""


def test_a_failed_delivery_is_resent_from_the_jobs_page(
    create_report: Callable[[str], None], visit: Callable[..., Page], server: RunningServer, alice: Client
) -> None:
    create_report("sent")
    mail = {"kind": "email", "to": ["a@example.com"]}
    delivery = [{"kind": "api_response", "mode": "asynchronous"}, mail]
    assert alice.request("PATCH", "/reports/sent", json={"delivery": delivery}).status_code == 200
    job = alice.generate("sent", deliver=True)
    alice.wait(job, "Succeeded")
    server.manage("shell", "--no-imports", "-c", FAIL_DELIVERIES.format(job))
    page = visit("alice", f"/jobs/{job}")
    assert accessibility_errors(page) == []
    button = page.get_by_role("button", name="Resend Sent")
    button.dblclick()
    expect(page.get_by_role("status")).to_contain_text("Resending 1 delivery.")
    expect(page.get_by_role("alert")).to_be_empty()
    expect(page.get_by_text("No mail server is configured.").first).to_be_visible(timeout=30_000)
    expect(button).to_have_count(0)


def test_a_rule_between_parameters_is_shown_while_people_type(visit: Callable[..., Page]) -> None:
    page = visit("bob", "/reports/days")
    start, end = page.get_by_role("textbox", name="From"), page.get_by_role("textbox", name="To", exact=True)
    message = "From must not be after To."
    start.fill("2024-02-01")
    end.clear()
    end.press_sequentially("2024-01-01")
    expect(page.locator("#rules-status")).to_have_text(message)
    for field in (start, end):
        expect(field).to_have_accessible_description(re.compile(message))
        expect(field).to_have_attribute("aria-invalid", "true")
    assert accessibility_errors(page) == []
    end.fill("2024-03-01")
    expect(page.locator("#rules-status")).to_be_empty()
    expect(start).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text(message)).to_have_count(0)
    expect(end).to_be_focused()
