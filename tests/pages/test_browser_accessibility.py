"""Accessibility of the admin, dialogs and error pages; and that live updates don't disturb the reader."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.browser import failed_job, horizontal_overflow, job_row, refresh, responsive_accessibility_errors
from tests.server import Client, RunningServer

ADMIN = (
    "/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/reports/datasource/",
    "/admin/reports/reportconfiguration/", "/admin/audit/auditlog/", "/admin/jobs/jobexecutionlog/",
    "/admin/password_change/",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs_and_the_admin_are_accessible(visit: Callable[..., Page], bob: Client, scheme: str) -> None:
    failed, errors = failed_job(bob), list[str]()
    # axe-core itself sets a style on one of the admin's pages. The next test checks that the pages keep the policy.
    page = visit("alice", "/jobs?report=broken", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    job_row(page, failed).get_by_role("checkbox").check()
    page.get_by_role("button", name="Retry…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    errors += responsive_accessibility_errors(page, "confirmation dialog")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Jobs").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    errors += responsive_accessibility_errors(page, "keyboard shortcuts")
    page.goto("/jobs?report=broken")
    job_row(page, failed).get_by_role("checkbox").check()
    # Submit like a browser without scripts: htmx would open the dialog.
    page.locator("#bulk-form").evaluate(
        "form => { form.insertAdjacentHTML('beforeend', '<input name=action value=retry>'); form.submit(); }"
    )
    expect(page.get_by_role("heading", name="Retry jobs")).to_be_visible()
    errors += responsive_accessibility_errors(page, "confirmation page")
    for path in ADMIN:
        page.goto(path)
        errors += responsive_accessibility_errors(page, path)
    page.goto("/admin/accounts/user/?q=bob")
    page.get_by_role("link", name="bob", exact=True).click()
    errors += responsive_accessibility_errors(page, "a user")
    assert errors == []


def test_the_admin_keeps_the_content_security_policy_and_fits_a_narrow_window(visit: Callable[..., Page]) -> None:
    page = visit("alice", "/admin/", viewport={"width": 320, "height": 800})
    for path in ADMIN:
        page.goto(path)
        assert horizontal_overflow(page) <= 0, path


#: With a number instead of an object, the job's page fails.
SET_PARAMETERS = """
from jobs.models import JobExecutionLog
JobExecutionLog.objects.filter(pk='{}').update(parameters={})
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_error_pages_are_accessible(chromium: Browser, server: RunningServer, bob: Client, scheme: str) -> None:
    # Without `visit`, which fails because the browser logs every response that is an error.
    page = chromium.new_context(base_url=server.url, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    errors: list[str] = []
    # Failed sign-ins are counted by the minute, and on a slow machine a minute can end before the limit is reached.
    while not page.get_by_text("Too many failed sign-ins. Try again in").count():
        page.goto("/login?next=/audit")
        page.get_by_label("User name").fill(f"nobody-{scheme}")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_load_state()
    errors += responsive_accessibility_errors(page, "locked out")
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password").fill("bob-password-1")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("You don't have access.")).to_be_visible()
    errors += responsive_accessibility_errors(page, "403")
    page.goto("/nothing/here")
    errors += responsive_accessibility_errors(page, "404")
    job = failed_job(bob)
    server.manage("shell", "--no-imports", "-c", SET_PARAMETERS.format(job, 5))
    page.context.clear_cookies()
    page.goto(f"/login?next=/jobs/{job}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Enter your password.")).to_be_visible()
    errors += responsive_accessibility_errors(page, "empty fields")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("alice-password-1")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Internal server error.")).to_be_visible()
    errors += responsive_accessibility_errors(page, "500")
    server.manage("shell", "--no-imports", "-c", SET_PARAMETERS.format(job, {}))
    page.context.close()
    assert errors == []


def test_a_long_label_leaves_room_for_its_value_on_a_phone(visit: Callable[..., Page], bob: Client) -> None:
    page = visit("bob", f"/jobs/{failed_job(bob)}", viewport={"width": 320, "height": 800})
    label = "dt => dt.textContent = 'A very long label that somebody gave to this parameter'"
    page.evaluate(f"document.querySelectorAll('#job .facts dt').forEach({label})")
    widths = page.evaluate(
        "[...document.querySelectorAll('#job .facts dd')].map(dd => dd.getBoundingClientRect().width)"
    )
    assert widths and min(widths) > 100


def test_a_live_list_pauses_while_the_page_is_hidden_and_reloads_when_it_is_shown(
    visit: Callable[..., Page], bob: Client
) -> None:
    failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    reloads: list[str] = []
    page.on("request", lambda request: reloads.append(request.url) if "x-content-hash" in request.headers else None)
    set_hidden = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); "
    set_hidden += "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(set_hidden, True)
    refresh(page)
    page.wait_for_timeout(300)
    assert reloads == []
    with page.expect_request(lambda request: "x-content-hash" in request.headers):
        page.evaluate(set_hidden, False)


def test_a_live_update_keeps_selection_focus_and_columns(visit: Callable[..., Page], bob: Client) -> None:
    job = failed_job(bob)
    page = visit("alice", "/jobs?report=broken")
    row = job_row(page, job)
    row.get_by_role("checkbox").check()
    row.get_by_role("link", name="Broken").focus()
    before = row.bounding_box()
    newer = failed_job(bob)
    refresh(page)
    expect(job_row(page, newer)).to_be_visible()
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(row.get_by_role("link", name="Broken")).to_be_focused()
    after, new = row.bounding_box(), job_row(page, newer).bounding_box()
    assert before and after and new
    assert (after["x"], after["width"]) == (before["x"], before["width"]), "the columns keep their widths"
    assert after["y"] - before["y"] == new["height"], "the row moves by the new row and nothing else"


def test_nothing_spins_for_users_who_prefer_reduced_motion(
    visit: Callable[..., Page], bob: Client, alice: Client
) -> None:
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
