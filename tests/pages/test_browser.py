"""The pages in Chromium, against the real server with its workers."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.pages.browser import barriers, failed_job, weight
from tests.pages.forms import sent_back
from tests.server import Client, Running

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
    expect(page.get_by_role("alert")).to_contain_text("This job was retried already.")
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
    assert button.locator(".icon").evaluate("icon => getComputedStyle(icon).animationName") == "turn"
    expect(page.get_by_role("status")).to_contain_text("queued again")


def test_many_jobs_are_retried_after_a_dialog_that_counts_them(
    visit: Callable[..., Page], bob: Client, alice: Client
) -> None:
    failed = [failed_job(bob) for _ in range(2)]
    page = visit("alice", "/jobs?report=broken&status=Failed")
    for job in failed:
        page.locator(f"#select-{job}").check()
    expect(page.locator("#selected")).to_have_text("2 selected")
    page.evaluate("htmx.trigger('#jobs', 'look')")
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


def test_hundreds_of_jobs_are_cancelled_while_the_page_shows_how_far_it_is(
    visit: Callable[..., Page], server: Running, bob: Client, alice: Client
) -> None:
    job = bob.generate("slow")
    alice.post(f"/jobs/{job}/cancel")
    bob.wait(job, "Failed")
    server.manage("shell", "--no-imports", "-c", WAITING)
    page = visit("alice", "/jobs?q=host:many&status=Queued")
    page.get_by_label("Which jobs").select_option("all")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("dialog", name="Cancel 400 jobs?").get_by_role("button", name="Cancel them").click()
    expect(page.get_by_role("heading", name="Cancel many jobs")).to_be_visible()
    bar = page.get_by_role("progressbar")
    first = int(bar.get_attribute("value") or 0)
    expect(bar).not_to_have_attribute("value", str(first))
    assert barriers(page) == []
    expect(page.get_by_role("status")).to_contain_text("400 jobs cancelled", timeout=60_000)
    assert barriers(page) == []
    page.get_by_role("link", name="Back to the jobs").click()
    expect(page.get_by_text("No job matches.")).to_be_visible()
    assert page.url.endswith("/jobs?q=host%3Amany&status=Queued"), "the filter must survive"


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
        "/reports/sales-by-region",
        "/reports/sales-by-region/edit",
        "/reports/sales-by-region/versions",
        "/reports/sales-by-region/template",
        "/audit",
        "/audit/1",
    ):
        page.goto(path)
        assert weight(page) < 150_000, path
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert barriers(page) == [], f"{path} at {width}"
            excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert excess <= 0, f"{path} at {width}"
        assert page.locator("h1").count() == 1, path


def made_report(alice: Client, slug: str) -> None:
    """A report of its own for a test that changes it."""
    definition = alice.get("/reports/sales-by-region").json()["definition"]
    alice.request("DELETE", f"/reports/{slug}")
    assert alice.post("/reports", json={**definition, "slug": slug, "name": slug.title()}).status_code == 201


def test_a_query_is_edited_in_colours_checked_previewed_and_saved(visit: Callable[..., Page], alice: Client) -> None:
    made_report(alice, "coloured")
    page = visit("alice", "/reports/coloured/edit")
    query = page.get_by_role("textbox", name="Query")
    assert page.locator(".colours .hljs-keyword").count() > 5
    assert ":region" in page.locator(".colours .hljs-variable").all_inner_texts()
    written = "select region, amount from sale\nwhere amount < :least and day >= :since"
    query.fill(written)
    query.press("End")
    query.press("Enter")
    page.keyboard.type("  and :region is null")
    query.press("Enter")
    page.keyboard.type("-- done")
    assert query.input_value() == f"{written}\n  and :region is null\n  -- done", "a new line begins where the last did"
    expect(page.locator(".colours")).to_have_text(query.input_value())
    expect(page.get_by_text("there are changes that are not saved")).to_be_visible()
    page.get_by_role("button", name="Add a parameter").click()
    expect(page.get_by_role("group", name="Parameter 3")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("least")
    page.locator("[name='parameters[2].type']").select_option("integer")
    page.locator("[name='parameters[2].default']").fill("3")
    page.get_by_role("button", name="Check and preview").last.click()
    expect(page.locator("#said")).to_contain_text("The data source takes the query: 2 columns.")
    expect(page.get_by_role("region", name="First rows").locator("tbody tr")).to_have_count(3)
    assert query.input_value().endswith("-- done")
    assert barriers(page) == []
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/reports/coloured")
    expect(page.locator("#notices")).to_contain_text("Saved as version 2.")
    assert (
        alice.get("/reports/coloured").json()["definition"]["query"] == f"{written}\n  and :region is null\n  -- done"
    )
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("tr.added")).to_have_count(4)
    assert barriers(page) == []
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.locator("#notices")).to_contain_text("Version 3 is as version 1 was.")


def test_a_report_is_edited_without_javascript(visit: Callable[..., Page], alice: Client) -> None:
    made_report(alice, "plain")
    page = visit("alice", "/reports/plain/edit", java_script_enabled=False, viewport={"width": 320, "height": 800})
    query = page.get_by_role("textbox", name="Query")
    query.fill(query.input_value().replace("day >= :since", "day >= :since and amount > :least"))
    page.get_by_role("button", name="Add a parameter").click()
    page.locator("[name='parameters[2].name']").fill("least")
    page.locator("[name='parameters[2].type']").select_option("integer")
    page.locator("[name='parameters[2].default']").fill("10")
    page.get_by_label("Name", exact=True).first.press("Enter")
    expect(page.locator("#checked")).to_contain_text("The data source takes the query: 3 columns")
    expect(page.locator("#checked")).to_be_in_viewport()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("Saved as version 2.")


def test_the_same_form_sent_several_times_at_once_makes_one_job(
    visit: Callable[..., Page], server: Running, bob: Client
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


@pytest.mark.parametrize("scripts", [True, False])
def test_a_template_is_previewed_corrected_and_saved(visit: Callable[..., Page], alice: Client, scripts: bool) -> None:
    made_report(alice, "letter")
    page = visit("alice", "/reports/letter/template", java_script_enabled=scripts)
    page.get_by_role("button", name="Preview").last.click()
    sheet = page.get_by_role("img", name="Page 1 of 1")
    expect(sheet).to_be_visible()
    assert (sheet.bounding_box() or {})["height"] > 400, "the picture is there, in its size"
    template = page.get_by_role("textbox", name="Text of the template")
    begun = template.input_value()
    template.fill(begun.replace("#report.description", "#report.summary"))
    page.get_by_role("button", name="Save as new version").click()
    told = page.get_by_role("alert").filter(has_text="The template has a fault.")
    expect(told).to_contain_text('Dictionary does not contain key "summary"')
    expect(told.locator(".faulty")).to_contain_text("#report.summary")
    if scripts:
        line = begun[: begun.index("#report.description")].count("\n") + 1
        expect(page.locator(".numbers mark")).to_have_text(str(line))
        assert barriers(page) == []
    assert "#report.summary" in template.input_value(), "nothing is lost"
    template.fill(begun.replace("#report.description", "For the board"))
    page.get_by_role("button", name="Save as new version").click()
    expect(page.get_by_role("status").filter(has_text="Saved as version 2.")).to_be_visible()
    assert "For the board" in alice.get("/reports/letter").json()["definition"]["template"]
