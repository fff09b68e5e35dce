"""The pages in Chromium, against the real server with its workers."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.pages.browser import barriers, failed_job, made_report, unfold, weight
from tests.pages.forms import sent_back
from tests.server import Client, RunningServer

RETRY = "Retry job Broken"


def test_a_run_is_followed_live_and_ends_in_the_download(visit: Callable[..., Page], tmp_path: Path) -> None:
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
    button = page.locator(f"#job-{failed}").get_by_role("button", name=RETRY)
    button.dblclick()
    expect(page.get_by_role("status")).to_contain_text("Broken is queued again")
    top = page.locator("tbody tr").first
    expect(top).to_contain_text("alice")
    expect(top.get_by_role("button", name=RETRY)).to_be_visible(timeout=30_000)
    assert page.url.endswith("/jobs?report=broken"), "the filter must survive"
    mine = [job for job in alice.get("/jobs?report=broken").json()["results"] if job["retryOf"] == failed]
    assert len(mine) == 1, "pressed twice, made once"


def test_a_retry_that_is_refused_is_said_as_an_alert(visit: Callable[..., Page], bob: Client, alice: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    page.route(
        "**/jobs?report=broken", lambda route: route.abort() if _polls(route.request.headers) else route.continue_()
    )
    assert alice.post(f"/jobs/{failed}/retry").status_code == 202
    page.locator(f"#retry-{failed}").click()
    expect(page.get_by_role("alert")).to_contain_text("This job has already been retried.")
    expect(page.locator(f"#retry-{failed}")).to_have_count(0)


def _polls(headers: dict[str, str]) -> bool:
    return "x-seen" in headers


def test_the_keyboard_stays_in_the_list_after_a_retry(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    page.locator(f"#retry-{failed}").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("queued again")
    expect(page.locator("#jobs")).to_be_focused()


def test_others_see_no_retry(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("bob", "/jobs?report=broken")
    expect(page.locator(f"#job-{failed}")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Retry"))).to_have_count(0)


def test_a_running_job_is_cancelled_from_its_page(visit: Callable[..., Page], bob: Client) -> None:
    job = bob.generate("slow")
    bob.wait(job, "Running")
    page = visit("bob", f"/jobs/{job}")
    page.get_by_role("button", name="Cancel job Slow").click()
    expect(page.get_by_role("status")).to_contain_text("is being cancelled")
    expect(page.get_by_text("Failed (cancelled)")).to_be_visible(timeout=30_000)


def test_retry_works_without_javascript(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken", java_script_enabled=False)
    page.locator(f"#retry-{failed}").click()
    assert page.url.endswith("/jobs?report=broken")
    expect(page.get_by_role("status")).to_contain_text("queued again")


def test_the_new_job_is_on_top_as_queued_while_no_worker_is_free(
    visit: Callable[..., Page], bob: Client, alice: Client
) -> None:
    failed = failed_job(bob)
    busy = [bob.generate("slow") for _ in range(2)]
    for job in busy:
        bob.wait(job, "Running")
    page = visit("alice", "/jobs?q=report:broken")
    button = page.locator(f"#job-{failed}").get_by_role("button", name=RETRY)
    expect(button).to_have_attribute("aria-label", RETRY)
    button.click()
    top = page.locator("tbody tr").first
    expect(top).to_contain_text("Queued")
    expect(page.get_by_role("status")).to_contain_text("Broken is queued again")
    assert page.locator("#notices a").get_attribute("href") in str(top.locator("a.title").get_attribute("href"))
    for job in busy:
        alice.post(f"/jobs/{job}/cancel")
        bob.wait(job)


def test_a_retry_shows_that_it_is_under_way_and_can_not_be_pressed_again(
    visit: Callable[..., Page], bob: Client
) -> None:
    failed = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    page.route("**/retry", lambda route: (page.wait_for_timeout(700), route.continue_()))
    button = page.locator(f"#retry-{failed}")
    button.click(no_wait_after=True)
    expect(button).to_be_disabled()
    assert button.locator(".icon").evaluate("icon => getComputedStyle(icon).animationName") == "spin"
    expect(page.get_by_role("status")).to_contain_text("queued again")


def test_the_list_is_used_by_single_keys(visit: Callable[..., Page], bob: Client) -> None:
    newest = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    page.keyboard.press("j")
    expect(page.locator(f"#open-{newest}")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator(f"#select-{newest}")).to_be_checked()
    page.keyboard.press("r")
    expect(page.get_by_role("status")).to_contain_text("queued again")
    expect(page.locator("#jobs")).to_be_focused()
    running = bob.generate("slow")
    bob.wait(running, "Running")
    page.goto("/jobs?report=slow&status=Running")
    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.get_by_role("status")).to_contain_text("is being cancelled")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.type("r")
    expect(page.get_by_role("combobox", name="Search")).to_have_value("r")
    page.locator("h1").click()
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Use these keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).not_to_be_focused()


def test_the_help_names_the_keys_of_its_page_only(visit: Callable[..., Page], bob: Client) -> None:
    failed = failed_job(bob)
    for name, path, keys in (
        ("alice", "/jobs", "/ j k x r c ?"), ("alice", f"/jobs/{failed}", "r c ?"), ("bob", f"/jobs/{failed}", "c ?"),
        ("bob", "/", "?"), ("bob", "/reports", "/ ?"),
    ):  # fmt: skip
        page = visit(name, path)
        page.keyboard.press("?")
        assert " ".join(page.locator("#keys kbd:visible").all_inner_texts()) == keys, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier_or_scrolls_sideways(visit: Callable[..., Page], bob: Client, scheme: str) -> None:
    failed, done = failed_job(bob), bob.generate("sales-by-region", {"region": "north"})
    bob.wait(done, "Succeeded")
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
        "/audit",
        "/audit/1",
    ):
        page.goto(path)
        assert weight(page) < 150_000, path
        unfold(page)
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert barriers(page) == [], f"{path} at {width}"
            excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert excess <= 0, f"{path} at {width}"
        assert page.locator("h1").count() == 1, path


def test_the_same_form_sent_several_times_at_once_makes_one_job(
    visit: Callable[..., Page], server: RunningServer, bob: Client
) -> None:
    page = visit("bob", "/reports/sales-by-region", java_script_enabled=False)
    page.get_by_label("Region").fill("at once")
    fields = sent_back(page.content(), "run") | {"param.region": ["at once"]}
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}  # type: ignore[typeddict-item]
    address = f"{server.url}/reports/sales-by-region"

    def send(_: int) -> str:
        return httpx.post(address, data=fields, cookies=cookies, timeout=60).headers["Location"]

    with ThreadPoolExecutor(4) as threads:
        led_to = set(threads.map(send, range(4)))
    made = bob.get("/jobs", params={"q": 'report:sales-by-region param.region:"at once"'}).json()["results"]
    assert led_to == {f"/jobs/{job['jobId']}" for job in made}
    assert len(made) == 1


def test_an_estimate_is_told_beside_the_form(visit: Callable[..., Page]) -> None:
    page = visit("bob", "/reports/many-rows")
    page.get_by_label("rows").fill("1000")
    page.get_by_role("button", name="Estimate").click()
    expect(page.locator("#estimate")).to_contain_text(re.compile("About [0-9,]+ rows"))
    expect(page.get_by_label("rows")).to_have_value("1000")
    expect(page.get_by_role("button", name="Estimate")).to_be_focused()


GIVEN_UP = """
from django.utils import timezone
from jobs.models import Delivery
Delivery.objects.filter(job="{}").update(state="failed", ended_at=timezone.now(), attempt=12, error="Refused.")
"""


def test_a_delivery_that_was_given_up_is_sent_again_from_the_jobs_page(
    visit: Callable[..., Page], server: RunningServer, alice: Client
) -> None:
    made_report(alice, "sent")
    mail = {"kind": "email", "to": ["a@example.com"]}
    delivery = [{"kind": "api_response", "mode": "asynchronous"}, mail]
    assert alice.request("PATCH", "/reports/sent", json={"delivery": delivery}).status_code == 200
    job = alice.generate("sent")
    alice.wait(job, "Succeeded")
    server.manage("shell", "--no-imports", "-c", GIVEN_UP.format(job))
    page = visit("alice", f"/jobs/{job}")
    assert barriers(page) == []
    page.get_by_role("button", name="Send Sent again").dblclick()
    expect(page.get_by_role("status")).to_contain_text("1 delivery is sent again.")
    expect(page.get_by_role("alert")).to_be_empty()
    expect(page.get_by_text("This server has no mail server to send by.").first).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Send Sent again")).to_have_count(0)
