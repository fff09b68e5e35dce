"""A schedule is created, watched and changed in Chromium, against the real server."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.browser import horizontal_overflow, responsive_accessibility_errors
from tests.server import Client

SLUG = "watched"
#: A folder for pictures of each page, for a person to look at.
PICTURES = os.environ.get("SCHEDULE_PICTURES", "")


def look(page: Page, name: str) -> list[str]:
    """Check the page, wide and narrow, and take pictures if they are wanted. Returns what is wrong."""
    page.wait_for_load_state()
    errors = [f"{name} is wider than the window"] if horizontal_overflow(page) > 0 else []
    errors += responsive_accessibility_errors(page, name)
    if horizontal_overflow(page) > 0:
        errors.append(f"{name} is wider than a phone")
    for width in (1280, 390) if PICTURES else ():
        page.set_viewport_size({"width": width, "height": 900})
        scheme = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
        page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})
    return errors


def fill_in_a_new_schedule(page: Page) -> list[str]:
    """Create a schedule from the page of the report, with errors on the way. Return what is wrong with the pages."""
    page.get_by_role("textbox", name="Since").fill("now-1M/M")
    page.get_by_role("button", name="Schedule…").click()
    expect(page.get_by_role("heading", name="New schedule")).to_be_visible()
    expect(page.get_by_role("textbox", name="Since")).to_have_value("now-1M/M")
    page.get_by_role("button", name="Weekdays").click()
    expect(page.get_by_label("Cron expression")).to_have_value("0 7 * * MON-FRI")
    expect(page.locator("#next-times li")).to_have_count(5)
    expect(page.locator("#next-times")).to_contain_text("07:00")
    # By the keyboard: the next times follow what is typed, without a button.
    page.get_by_label("Cron expression").fill("30 6 * * *")
    expect(page.locator("#next-times")).to_contain_text("06:30")
    page.get_by_label("Cron expression").fill("30 6 * *")
    expect(page.locator("#next-times")).to_contain_text("Must have five fields")
    page.get_by_label("URL name").fill(SLUG)
    page.get_by_role("button", name="Create schedule").click()
    expect(page.locator("#error-summary")).to_be_focused()
    expect(page.locator("#error-summary")).to_contain_text("Must have five fields")
    expect(page.get_by_label("URL name")).to_have_value(SLUG)
    page.get_by_label("Others can subscribe").check()
    page.get_by_label("E-mail these addresses").fill("nobody")
    errors = look(page, "editor")
    page.get_by_label("E-mail these addresses").fill("")
    page.get_by_label("Cron expression").fill("30 6 * * *")
    page.get_by_label("Cron expression").press("Tab")
    page.get_by_role("button", name="Create schedule").click()
    page.wait_for_url(f"**/schedules/{SLUG}")
    return errors


def look_at_subscriptions(page: Page) -> list[str]:
    expect(page.locator("#notices")).to_contain_text("“watched” was created.")
    page.goto("/subscriptions")
    expect(page.get_by_text(SLUG)).to_be_visible()
    errors = look(page, "subscriptions")
    page.goto("/reports/sales-by-region")
    expect(page.get_by_role("region", name="Get it regularly")).to_contain_text(SLUG)
    return errors + look(page, "report with subscriptions")


def backfill_and_pause(page: Page) -> list[str]:
    page.goto(f"/schedules/{SLUG}")
    page.get_by_role("link", name="Backfill…").click()
    first = datetime.now(UTC) - timedelta(days=2)
    page.get_by_label("First day").fill(str(first.date()))
    page.get_by_label("Last day").fill(str((first + timedelta(days=1)).date()))
    page.get_by_role("button", name="Show times").click()
    expect(page.get_by_role("heading", name="2 times without a job")).to_be_visible()
    errors = look(page, "backfill")
    page.get_by_role("button", name="Run 2 jobs").click()
    expect(page.locator("#notices")).to_contain_text("2 slots created")
    expect(page.get_by_role("region", name="Slots").get_by_role("row")).to_have_count(3)
    page.get_by_role("link", name="Next month").click()
    expect(page.locator("#calendar")).to_contain_text("expected")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#notices")).to_contain_text("watched is paused.")
    return errors + look(page, "schedule")


def change_and_delete(page: Page) -> list[str]:
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="First of the month").click()
    expect(page.get_by_label("Cron expression")).to_have_value("30 6 1 * *")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_role("region", name="Version 1 → 2")).to_contain_text("30 6 1 * *")
    errors = look(page, "versions")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete schedule")).to_be_visible()
    errors += look(page, "delete")
    page.get_by_role("button", name="Delete schedule").click()
    expect(page.locator("#notices")).to_contain_text("“watched” was deleted.")
    return errors + look(page, "list")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_schedule_is_made_from_a_reports_page_changed_and_backfilled(
    visit: Callable[..., Page], bob: Client, scheme: str
) -> None:
    bob.request("DELETE", f"/schedules/{SLUG}")
    page = visit("bob", "/reports/sales-by-region", color_scheme=scheme, reduced_motion="reduce")
    errors = fill_in_a_new_schedule(page)
    errors += look_at_subscriptions(page)
    errors += backfill_and_pause(page)
    errors += change_and_delete(page)
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_burst_is_previewed_run_and_watched(visit: Callable[..., Page], alice: Client, scheme: str) -> None:
    alice.request("DELETE", "/schedules/burst")
    query = "select column1 as region, column2 as email from (values ('north', 'n@example.com'), (null, 'x'))"
    recipients = {"query": query, "key": "region", "parameters": {"region": "region"}, "at_most": 5}
    body = {"slug": "burst", "report": "sales-by-region", "cron": "0 7 * * *", "run_as": "user:bob", "paused": True}
    saved = alice.post("/schedules", json=body | {"formats": ["csv"], "recipients": recipients})
    assert saved.status_code == 201, saved.text
    page = visit("alice", "/schedules/burst", color_scheme=scheme, reduced_motion="reduce")
    page.get_by_role("link", name="Recipients").click()
    expect(page.get_by_role("heading", name="2 recipients")).to_be_visible()
    expect(page.get_by_text("1 would fail")).to_be_visible()
    errors = look(page, "recipients")
    page.get_by_role("link", name="burst").click()
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", name="Slot of")).to_be_visible()
    # The region loads itself again until the job has ended.
    expect(page.get_by_role("status").filter(has_text="1 done, not sent, 1 failed")).to_be_visible(timeout=60_000)
    errors += look(page, "slot")
    page.get_by_role("link", name="Show failed").click()
    expect(page.get_by_role("link", name="Job of north: Succeeded")).to_have_count(0)
    page.get_by_role("button", name="Retry failed").click()
    expect(page.locator("#alerts")).to_contain_text("Nothing could be retried. See the reasons below.")
    assert errors == []
