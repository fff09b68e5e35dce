"""The parts of the editor in Chromium: tabs, tables and completion beside the query, and the live preview."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.pages.browser import accessibility_errors, horizontal_overflow, unfold

TABS = ["General", "Query", "Parameters", "Presentation", "Files and limits", "Delivery and access"]


def document(page: Page) -> FrameLocator:
    """Return the document in the live preview."""
    return page.frame_locator(".document-frame:not(.waiting)").frame_locator("iframe")


def test_tabs_are_moved_through_by_keyboard_and_open_for_errors(
    create_report: Callable[[str], None], visit: Callable[..., Page]
) -> None:
    create_report("tabbed")
    page = visit("alice", "/reports/tabbed/edit")
    expect(page.get_by_role("tabpanel", name="General")).to_be_visible()
    expect(page.get_by_role("textbox", name="Query", exact=True)).to_be_hidden()
    page.get_by_role("tab", name="General").focus()
    for key, name in (("ArrowRight", "Query"), ("End", "Delivery and access"), ("ArrowRight", "General")):
        page.keyboard.press(key)
        expect(page.get_by_role("tab", name=name)).to_be_focused()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        expect(page.get_by_role("tabpanel")).to_have_count(1)
    page.get_by_role("tab", name="Files and limits").click()
    page.reload()
    expect(page.get_by_role("tabpanel", name="Files and limits")).to_be_visible()
    page.get_by_label("Row limit").fill("many")
    page.get_by_role("tab", name="General").click()
    page.get_by_label("Name", exact=True).first.fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("tab", name="General , 1 error")).to_have_attribute("aria-selected", "true")
    page.get_by_role("link", name="Row limit").click()
    expect(page.get_by_label("Row limit")).to_be_in_viewport()
    expect(page.get_by_label("Row limit")).to_have_value("many")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_is_accessible_wide_and_narrow(
    create_report: Callable[[str], None], visit: Callable[..., Page], scheme: str
) -> None:
    create_report("clear")
    page = visit("alice", "/reports/clear/edit", color_scheme=scheme, reduced_motion="reduce")
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        if name == "Query":
            page.locator("[data-table]").first.wait_for()
        unfold(page)
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert accessibility_errors(page) == [], f"{name} at {width}"
            assert horizontal_overflow(page) <= 0, f"{name} at {width}"


def test_names_are_put_into_the_query_and_completed(
    create_report: Callable[[str], None], visit: Callable[..., Page]
) -> None:
    create_report("completed")
    page = visit("alice", "/reports/completed/edit")
    page.get_by_role("tab", name="Query").click()
    query = page.get_by_role("textbox", name="Query", exact=True)
    query.fill("select ")
    page.locator("[data-table='sale'] summary").click()
    page.get_by_role("button", name="Insert region").click()
    page.get_by_role("button", name="Insert amount").click()
    expect(query).to_have_value("select region, amount")
    expect(query).to_be_focused()
    page.keyboard.type(" from sal")
    completions = page.get_by_role("listbox", name="Completions").get_by_role("option")
    expect(completions).to_have_text(["sale"])
    assert accessibility_errors(page) == []
    page.keyboard.press("Tab")
    expect(query).to_have_value("select region, amount from sale")
    page.keyboard.type(" s\nwhere s.")
    expect(completions).to_have_text(["region", "day", "amount"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type(" = :si")
    page.keyboard.press("Tab")
    page.keyboard.type(" and re")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.keyboard.type("and :new = 1")
    expect(query).to_have_value("select region, amount from sale s\nwhere s.day = :since and re\nand :new = 1")
    page.get_by_role("button", name="Add 1 undefined parameter").click()
    expect(page.get_by_role("tab", name="Parameters")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("group", name="Parameter 3")).to_be_focused()
    expect(page.locator("[name='parameters[2].name']")).to_have_value("new")


def test_the_live_preview_follows_what_is_typed(
    create_report: Callable[[str], None], visit: Callable[..., Page]
) -> None:
    create_report("live")
    page = visit("alice", "/reports/live/edit")
    page.get_by_role("tab", name="Presentation").click()
    expect(document(page).get_by_role("heading", name="Live")).to_be_visible()
    entries = page.evaluate("history.length")
    page.get_by_role("button", name="Add to Columns", exact=True).click()
    column = page.get_by_role("group", name="Columns 1", exact=True)
    expect(column).to_be_focused()
    column.get_by_label("Column", exact=True).fill("total")
    column.get_by_label("Heading").fill("Turnover")
    expect(document(page).get_by_role("columnheader", name="Turnover")).to_be_visible()
    column.get_by_label("Format").fill("0.0.0")
    told = page.frame_locator(".document-frame:not(.waiting)").get_by_text("Columns: Format:")
    expect(told).to_be_visible()
    expect(column.get_by_label("Format")).to_be_focused()
    assert page.evaluate("history.length") == entries, "going back leaves the page"
    page.get_by_role("button", name="Edit as YAML: Columns").click()
    expect(page.get_by_role("textbox", name="Columns YAML")).to_have_value(re.compile("label: Turnover"))
    page.get_by_role("tab", name="General").click()
    page.get_by_label("Name", exact=True).first.fill("Renamed")
    page.get_by_role("tab", name="Presentation").click()
    page.get_by_role("textbox", name="Columns YAML").fill("")
    assert accessibility_errors(page) == []
    expect(document(page).get_by_role("heading", name="Renamed")).to_be_visible()


def test_the_url_name_of_a_new_report_follows_its_name(visit: Callable[..., Page]) -> None:
    page = visit("alice", "/reports/new")
    name, slug = page.get_by_label("Name", exact=True).first, page.get_by_label("URL name")
    name.press_sequentially("Größe, äh — 2")
    expect(slug).to_have_value("groe-ah-2")
    slug.fill("sizes")
    name.press_sequentially("4")
    expect(slug).to_have_value("sizes")


def test_a_document_is_previewed_without_javascript(
    create_report: Callable[[str], None], visit: Callable[..., Page]
) -> None:
    create_report("scriptless")
    page = visit("alice", "/reports/scriptless/edit", java_script_enabled=False)
    for name in TABS:
        expect(page.get_by_role("link", name=name, exact=True).first).to_be_visible()
    page.get_by_role("button", name="Update").click()
    expect(document(page).get_by_role("heading", name="Scriptless")).to_be_visible()
