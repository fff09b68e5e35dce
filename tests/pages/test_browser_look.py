"""What else a browser must find right: the admin, the doors, refusals and dialogs; and that live pages keep still."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.browser import failed_job, found
from tests.server import Client, RunningServer

#: What people change there, and what they look at.
ADMIN = (
    "/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/reports/datasource/",
    "/admin/reports/reportconfiguration/", "/admin/audit/auditlog/", "/admin/jobs/jobexecutionlog/",
    "/admin/password_change/",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs_and_the_admins_pages_have_no_barrier(visit: Callable[..., Page], bob: Client, scheme: str) -> None:
    failed, faults = failed_job(bob), list[str]()
    # axe-core itself sets a style on one of the admin's pages; what the pages do is the next test's matter.
    page = visit("alice", "/jobs?report=broken", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page.locator(f"#select-{failed}").check()
    page.get_by_role("button", name="Retry…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    faults += found(page, "dialog")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    faults += found(page, "keys")
    page.goto("/jobs?report=broken")
    page.locator(f"#select-{failed}").check()
    # As a browser without scripts sends it: htmx would ask in a dialog.
    page.locator("#bulk-form").evaluate(
        "form => { form.insertAdjacentHTML('beforeend', '<input name=action value=retry>'); form.submit(); }"
    )
    expect(page.get_by_role("heading", name="Retry jobs")).to_be_visible()
    faults += found(page, "confirm")
    for path in ADMIN:
        page.goto(path)
        faults += found(page, path)
    page.goto("/admin/accounts/user/?q=bob")
    page.get_by_role("link", name="bob", exact=True).click()
    faults += found(page, "a user")
    assert faults == []


def test_the_admin_keeps_to_the_policy_and_within_a_narrow_page(visit: Callable[..., Page]) -> None:
    page = visit("alice", "/admin/", viewport={"width": 320, "height": 800})
    for path in ADMIN:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path


#: 5 are parameters that no page can show.
GIVEN = "from jobs.models import JobExecutionLog; JobExecutionLog.objects.filter(pk='{}').update(parameters={})"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_refusals_have_no_barrier(chromium: Browser, server: RunningServer, bob: Client, scheme: str) -> None:
    # Not by `visit`: the browser itself complains of an answer that is an error.
    page = chromium.new_context(base_url=server.url, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    faults: list[str] = []
    # Failures count within a minute on the clock, which a slow machine may not keep to at the first try.
    while not page.get_by_text("Too many failed sign-ins. Try again in").count():
        page.goto("/login?next=/audit")
        page.get_by_label("User name").fill(f"nobody-{scheme}")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_load_state()
    faults += found(page, "locked out")
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password").fill("bob-password-1")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("You don't have access.")).to_be_visible()
    faults += found(page, "403")
    page.goto("/nothing/here")
    faults += found(page, "404")
    odd = failed_job(bob)
    server.manage("shell", "--no-imports", "-c", GIVEN.format(odd, 5))
    page.context.clear_cookies()
    page.goto(f"/login?next=/jobs/{odd}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Enter your password.")).to_be_visible()
    faults += found(page, "empty fields")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("alice-password-1")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Internal server error.")).to_be_visible()
    faults += found(page, "500")
    server.manage("shell", "--no-imports", "-c", GIVEN.format(odd, {}))
    page.context.close()
    assert faults == []


def test_a_long_label_leaves_its_value_room_on_a_phone(visit: Callable[..., Page], bob: Client) -> None:
    page = visit("bob", f"/jobs/{failed_job(bob)}", viewport={"width": 320, "height": 800})
    name = "dt => dt.textContent = 'What somebody wrote at length about this parameter'"
    page.evaluate(f"document.querySelectorAll('#job .facts dt').forEach({name})")
    widths = page.evaluate(
        "[...document.querySelectorAll('#job .facts dd')].map(dd => dd.getBoundingClientRect().width)"
    )
    assert widths and min(widths) > 100


def test_a_live_list_waits_while_the_page_is_hidden_and_looks_at_once_when_it_is_shown(
    visit: Callable[..., Page], bob: Client
) -> None:
    failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "x-seen" in request.headers else None)
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); "
    hide += "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    page.evaluate("htmx.trigger('#jobs', 'refresh')")
    page.wait_for_timeout(300)
    assert asked == []
    with page.expect_request(lambda request: "x-seen" in request.headers):
        page.evaluate(hide, False)


def test_a_live_list_does_not_move_what_is_read_or_chosen(visit: Callable[..., Page], bob: Client) -> None:
    chosen = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    row, box = page.locator(f"#job-{chosen}"), page.locator(f"#select-{chosen}")
    box.check()
    page.locator(f"#open-{chosen}").focus()
    before = row.bounding_box()
    newer = failed_job(bob)
    page.evaluate("htmx.trigger('#jobs', 'refresh')")
    expect(page.locator(f"#job-{newer}")).to_be_visible()
    expect(box).to_be_checked()
    expect(page.locator(f"#open-{chosen}")).to_be_focused()
    after, new = row.bounding_box(), page.locator(f"#job-{newer}").bounding_box()
    assert before and after and new
    assert (after["x"], after["width"]) == (before["x"], before["width"]), "the columns stay where they are"
    assert after["y"] - before["y"] == new["height"], "it moves by the new row and nothing else"


def test_nothing_turns_for_people_who_want_no_motion(visit: Callable[..., Page], bob: Client, alice: Client) -> None:
    job = bob.generate("slow")
    bob.wait(job, "Running")
    page = visit("alice", f"/jobs/{job}", reduced_motion="reduce")
    icon = page.locator(".status.running .icon").first
    style = icon.evaluate(
        "icon => [getComputedStyle(icon).animationDuration, getComputedStyle(icon).animationIterationCount]"
    )
    assert style == ["1e-05s", "1"]
    page.keyboard.press("c")
    expect(page.get_by_role("status")).to_contain_text("is being cancelled")
    bob.wait(job, "Failed")
