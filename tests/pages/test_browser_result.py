"""The result on a job's page, in a browser: its rows, its pdf, its conversion, and the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.helpers import temporary_report
from tests.pages.browser import responsive_accessibility_errors
from tests.server import Client


@pytest.fixture(scope="module")
def many(bob: Client) -> str:
    job = bob.generate("many-rows", {"rows": 5_000})
    assert bob.wait(job)["status"] == "Succeeded"
    return job


def test_rows_are_sorted_searched_and_paged_in_place_with_the_keyboard(visit: Callable[..., Page], many: str) -> None:
    page = visit("bob", f"/jobs/{many}")
    table = page.get_by_role("table", name="Rows of the result")
    expect(table.get_by_role("row")).to_have_count(26)
    expect(table.get_by_role("row").nth(1).get_by_role("cell").first).to_have_text("1")
    for order, first in (("ascending", "1"), ("descending", "5000")):
        heading = table.get_by_role("columnheader", name="n", exact=False).first
        heading.get_by_role("link").focus()
        page.keyboard.press("Enter")
        expect(table.get_by_role("columnheader").first).to_have_attribute("aria-sort", order)
        expect(table.get_by_role("row").nth(1).get_by_role("cell").first).to_have_text(first)
        expect(table.get_by_role("columnheader").first.get_by_role("link")).to_be_focused()
    page.get_by_role("link", name="Next").click()
    expect(table.get_by_role("row").nth(1).get_by_role("cell").first).to_have_text("4975")
    expect(page.locator("#rows-status")).to_have_text("Rows 26 to 50 of 5,000")
    page.get_by_role("searchbox", name="Search rows").fill("no such text")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No row contains this text.")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Search rows")).to_be_focused()
    assert page.url.endswith(f"/jobs/{many}"), "the page is still the job's"
    page.get_by_role("link", name="Clear").click()
    expect(table.get_by_role("row")).to_have_count(26)


def test_rows_are_read_without_javascript(visit: Callable[..., Page], many: str) -> None:
    page = visit("bob", f"/jobs/{many}", java_script_enabled=False)
    page.get_by_role("link", name="Show rows").click()
    expect(page.get_by_role("heading", name="Rows")).to_be_visible()
    page.get_by_role("columnheader").first.get_by_role("link").click()
    page.get_by_role("columnheader").first.get_by_role("link").click()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("cell").first).to_have_text("4975")
    page.get_by_role("searchbox").fill("4999")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("cell").first).to_have_text("4999")


def test_the_rows_are_downloaded_as_another_format(visit: Callable[..., Page], many: str) -> None:
    page = visit("bob", f"/jobs/{many}")
    page.get_by_text("Download as…").click()
    page.get_by_role("button", name="PARQUET").click()
    page.wait_for_url(lambda url: many not in url)
    expect(page.get_by_role("link", name="Download PARQUET")).to_be_visible(timeout=30_000)  # the job runs
    expect(page.get_by_text("Converted from")).to_be_visible()


def test_the_end_of_a_run_is_announced_and_the_focus_stays(visit: Callable[..., Page], bob: Client) -> None:
    job = bob.generate("slow", {"steps": 3_000_000})
    page = visit("bob", f"/jobs/{job}")
    page.get_by_role("link", name="Run again…").focus()
    expect(page.locator("#notices")).to_contain_text("Slow succeeded with 1 row.", timeout=60_000)
    expect(page).to_have_title(f"Succeeded: Slow {job[:8]} · Report server")
    expect(page.get_by_role("link", name="Run again…")).to_be_focused()
    expect(page.get_by_role("table", name="Rows of the result").get_by_role("row")).to_have_count(2)


def test_a_result_without_rows_leads_back_to_the_parameters(visit: Callable[..., Page], bob: Client) -> None:
    job = bob.generate("sales-by-region", {"region": "nowhere"})
    bob.wait(job)
    page = visit("bob", f"/jobs/{job}")
    page.get_by_text("No rows match.").wait_for()
    page.get_by_role("link", name="Edit parameters").click()
    expect(page.get_by_label("Region")).to_have_value("nowhere")


def test_a_pdf_is_shown_in_the_browser_and_html_never(visit: Callable[..., Page], bob: Client) -> None:
    job = bob.generate("sales-by-region", formats=["html", "pdf"])
    bob.wait(job)
    page = visit("bob", f"/jobs/{job}")
    expect(page.get_by_role("link", name="Open PDF in a new tab")).to_have_attribute("href", f"/jobs/{job}/pdf")
    answer = page.request.get(f"/jobs/{job}/pdf")
    assert answer.body().startswith(b"%PDF-")
    assert answer.headers["content-disposition"].startswith("inline;")
    assert "sandbox" in answer.headers["content-security-policy"]
    html = page.request.get(f"/jobs/{job}/result?format=html")
    assert html.headers["content-disposition"].startswith("attachment;")
    only_html = bob.generate("sales-by-region", format="html")
    bob.wait(only_html)
    assert page.request.get(f"/jobs/{only_html}/pdf").status == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_result_is_accessible(visit: Callable[..., Page], many: str, scheme: str) -> None:
    page = visit("bob", f"/jobs/{many}", color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    expect(page.get_by_role("table", name="Rows of the result")).to_be_visible()
    page.get_by_text("Download as…").click()
    errors = responsive_accessibility_errors(page, "the result")
    page.goto(f"/jobs/{many}/rows?sort=-n&q=ua")
    errors += responsive_accessibility_errors(page, "the rows")
    assert errors == []


def test_sections_are_chosen_where_rows_are_read_run_and_converted(
    visit: Callable[..., Page], alice: Client, bob: Client
) -> None:
    sections = [
        {"name": "regions", "query": "select region, count(*) as sales from sale group by region order by region"},
        {"name": "newest", "title": "The newest sale", "query": "select max(day) as newest_day from sale"},
    ]
    with temporary_report(alice, query="", sections=sections, formats=["csv", "xlsx", "json"]) as report:
        page = visit("bob", f"/reports/{report}", reduced_motion="reduce", bypass_csp=True)
        page.get_by_label("Section").select_option("The newest sale")
        page.get_by_role("button", name="Run report").last.click()
        page.wait_for_url("**/jobs/*")
        job = page.url.rpartition("/")[2]
        assert bob.wait(job)["section"] == "newest"
        table, tabs = (
            page.get_by_role("table", name="Rows of the result"),
            page.get_by_role("navigation", name="Sections"),
        )
        expect(table.get_by_role("columnheader")).to_have_text(["Newest day"])
        expect(tabs.get_by_role("link", name="The newest sale")).to_have_attribute("aria-current", "true")
        tabs.get_by_role("link", name="Regions").focus()
        page.keyboard.press("Enter")
        expect(table.get_by_role("cell")).to_have_text(["north", "100", "south", "100", "west", "100"])
        expect(tabs.get_by_role("link", name="Regions")).to_be_focused()
        table.get_by_role("link", name="Region").click()
        expect(table.get_by_role("columnheader").first).to_have_attribute("aria-sort", "ascending")
        table.get_by_role("link", name="Region").click()
        expect(table.get_by_role("cell").first).to_have_text("west")
        assert responsive_accessibility_errors(page, "a section") == [], "which unfolds everything"
        page.locator("#convert-section").select_option("Regions")
        page.get_by_role("button", name="CSV", exact=True).click()
        page.wait_for_url(lambda url: job not in url)
        assert bob.wait(page.url.rpartition("/")[2])["section"] == "regions"
        # The page would ask for what is new after its report is deleted.
        page.close()
