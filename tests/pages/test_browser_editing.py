"""Reports changed in Chromium, against the real server."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.pages.browser import accessibility_errors
from tests.server import Client


def test_a_query_is_edited_in_colours_checked_previewed_and_saved(
    create_report: Callable[[str], None], visit: Callable[..., Page], alice: Client
) -> None:
    create_report("coloured")
    page = visit("alice", "/reports/coloured/edit")
    page.get_by_role("tab", name="Query").click()
    query = page.get_by_role("textbox", name="Query", exact=True)
    colored = page.locator(".code", has=query).locator(".highlight-layer")
    assert colored.locator(".hljs-keyword").count() > 5
    assert ":region" in colored.locator(".hljs-variable").all_inner_texts()
    written = "select region, amount from sale\nwhere amount < :least and day >= :since"
    query.fill(written)
    query.press("End")
    query.press("Enter")
    page.keyboard.type("  and :region is null")
    query.press("Enter")
    page.keyboard.type("-- done")
    assert query.input_value() == f"{written}\n  and :region is null\n  -- done", "a new line begins where the last did"
    expect(colored).to_have_text(query.input_value())
    expect(page.get_by_text("unsaved changes")).to_be_visible()
    page.get_by_role("tab", name="Parameters").click()
    page.get_by_role("button", name="Add parameter").click()
    expect(page.get_by_role("group", name="Parameter 3")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("least")
    page.locator("[name='parameters[2].type']").select_option("integer")
    page.locator("[name='parameters[2].default']").fill("3")
    page.get_by_role("tab", name="Query").click()
    page.get_by_role("button", name="Check and preview").last.click()
    expect(page.locator("#check-status")).to_contain_text("Query is valid: 2 columns")
    expect(page.get_by_role("region", name="First rows").locator("tbody tr")).to_have_count(3)
    assert query.input_value().endswith("-- done")
    assert accessibility_errors(page) == []
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/reports/coloured")
    expect(page.locator("#notices")).to_contain_text("Saved as version 2.")
    assert (
        alice.get("/reports/coloured").json()["definition"]["query"] == f"{written}\n  and :region is null\n  -- done"
    )
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("tr.added")).to_have_count(4)
    assert accessibility_errors(page) == []
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.locator("#notices")).to_contain_text("Version 1 restored as version 3.")


def test_a_report_is_edited_without_javascript(
    create_report: Callable[[str], None], visit: Callable[..., Page]
) -> None:
    create_report("plain")
    page = visit("alice", "/reports/plain/edit", java_script_enabled=False, viewport={"width": 320, "height": 800})
    query = page.get_by_role("textbox", name="Query", exact=True)
    query.fill(query.input_value().replace("day >= :since", "day >= :since and amount > :least"))
    page.get_by_role("button", name="Add parameter").click()
    page.locator("[name='parameters[2].name']").fill("least")
    page.locator("[name='parameters[2].type']").select_option("integer")
    page.locator("[name='parameters[2].default']").fill("10")
    page.get_by_label("Name", exact=True).first.press("Enter")
    expect(page.locator("#check-result")).to_contain_text("Query is valid: 3 columns")
    expect(page.locator("#check-result")).to_be_in_viewport()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("Saved as version 2.")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_template_is_previewed_corrected_and_saved(
    create_report: Callable[[str], None], visit: Callable[..., Page], alice: Client, scripts: bool
) -> None:
    create_report("letter")
    page = visit("alice", "/reports/letter/template", java_script_enabled=scripts)
    page.get_by_role("button", name="Preview").last.click()
    sheet = page.get_by_role("img", name="Page 1 of 1")
    expect(sheet).to_be_visible()
    assert (sheet.bounding_box() or {})["height"] > 400, "the picture is there, in its size"
    template = page.get_by_role("textbox", name="Template source")
    begun = template.input_value()
    template.fill(begun.replace("#report.description", "#report.summary"))
    page.get_by_role("button", name="Save as new version").click()
    told = page.get_by_role("alert").filter(has_text="Template error.")
    expect(told).to_contain_text('Dictionary does not contain key "summary"')
    expect(told.locator(".error-line")).to_contain_text("#report.summary")
    if scripts:
        line = begun[: begun.index("#report.description")].count("\n") + 1
        expect(page.locator(".line-numbers mark")).to_have_text(str(line))
        assert accessibility_errors(page) == []
    assert "#report.summary" in template.input_value(), "nothing is lost"
    template.fill(begun.replace("#report.description", "For the board"))
    page.get_by_role("button", name="Save as new version").click()
    expect(page.get_by_role("status").filter(has_text="Saved as version 2.")).to_be_visible()
    assert "For the board" in alice.get("/reports/letter").json()["definition"]["template"]


SIGN_IN = re.compile(r"/login\?next=")


def sign_out_in_another_tab(page: Page) -> None:
    tab = page.context.new_page()
    tab.goto("/reports")
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url("**/login*")
    tab.close()


def sign_in_again(page: Page, name: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(f"{name}-password-1")
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("button", ["Save", "Add parameter"])
def test_what_is_typed_into_the_editor_survives_the_end_of_the_session(
    create_report: Callable[[str], None], visit: Callable[..., Page], alice: Client, button: str
) -> None:
    create_report("kept")
    page = visit("alice", "/reports/kept/edit")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("Description").fill("Typed for an hour")
    if button == "Add parameter":
        page.get_by_role("tab", name="Parameters").click()
    sign_out_in_another_tab(page)
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_url(SIGN_IN)
    assert asked == [], "who is led to the sign-in loses nothing, and is not asked whether to lose it"
    sign_in_again(page, "alice")
    page.wait_for_url("**/reports/kept/edit*")  # Its fragment names the tab that was open.
    expect(page.locator("#notices")).to_contain_text("Your input is restored.")
    page.get_by_role("tab", name="General").click()
    expect(page.get_by_label("Description")).to_have_value("Typed for an hour")
    expect(page.get_by_text("unsaved changes")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/reports/kept")
    expect(page.locator("#notices")).to_contain_text("Saved as version 2.")
    assert alice.get("/reports/kept").json()["definition"]["description"] == "Typed for an hour"


@pytest.mark.parametrize("button", ["Run report", "Estimate"])
def test_what_a_report_is_run_with_survives_the_end_of_the_session(
    visit: Callable[..., Page], bob: Client, button: str
) -> None:
    page = visit("bob", "/reports/sales-by-region?param.region=north")
    page.get_by_label("Region").fill(f"kept at {button}")
    sign_out_in_another_tab(page)
    page.get_by_role("button", name=button).click()
    page.wait_for_url(SIGN_IN)
    sign_in_again(page, "bob")
    expect(page.locator("#notices")).to_contain_text("Your input is restored.")
    expect(page.get_by_label("Region")).to_have_value(f"kept at {button}")
    page.get_by_role("button", name="Run report").dblclick()
    page.wait_for_url("**/jobs/*")
    query = f'report:sales-by-region param.region:"kept at {button}"'
    assert len(bob.get("/jobs", params={"q": query}).json()["results"]) == 1
