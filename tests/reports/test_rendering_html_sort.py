"""The HTML page in a real browser: it sorts, and nothing in its rows runs."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reports.rendering.base import TotalsOptions
from tests.reports.test_rendering_pdf import needs_poppler, tool
from tests.reports.test_rendering_types import DOCUMENT, render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ROWS = pa.record_batch(
    {
        "n": pa.array([10, None, 9007199254740993, 9007199254740992, -2]),
        "d": pa.array([Decimal("1.50"), Decimal("10.25"), None, Decimal("-3.00"), Decimal("2.00")]),
        "name": ["b 10", "ä", None, "B 9", "<script>document.title = 'run'</script>"],
        "day": pa.array([3, 1, None, 2, -1], pa.date32()),
    }
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # No longer than this module: while Playwright runs, Django takes this thread for an asynchronous one.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens the rows as a file; at the end, nothing may have been complained of or asked for."""
    complaints: list[str] = []
    contexts = []

    def visit(rows: pa.RecordBatch = ROWS, totals: TotalsOptions | None = None, **options: bool) -> Page:
        document = dataclasses.replace(DOCUMENT, totals=totals)
        (tmp_path / "report.html").write_bytes(render("html", rows, document=document))
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        address = f"file://{tmp_path}/report.html"
        page.on("request", lambda request: None if request.url == address else complaints.append(request.url))
        page.goto(address)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def column(page: Page, number: int) -> list[str]:
    return page.locator(f".rows tbody td:nth-child({number})").all_text_contents()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_press_sorts_up_another_down_and_null_is_always_last(opened):
    page = opened()
    press(page, "d")
    assert column(page, 2) == ["-3.00", "1.50", "2.00", "10.25", ""]
    assert page.locator("th[scope=col]").nth(1).get_attribute("aria-sort") == "ascending"
    press(page, "d")
    assert column(page, 2) == ["10.25", "2.00", "1.50", "-3.00", ""]
    assert page.locator("th[scope=col]").nth(1).get_attribute("aria-sort") == "descending"


def test_whole_numbers_are_compared_to_the_last_digit(opened):
    page = opened()
    press(page, "n")
    assert column(page, 1) == ["-2", "10", "9007199254740992", "9007199254740993", ""]


def test_texts_are_in_the_readers_order_and_days_in_that_of_time(opened):
    page = opened()
    press(page, "name")
    assert column(page, 3)[1:] == ["ä", "B 9", "b 10", ""]
    press(page, "day")
    assert column(page, 4) == ["1969-12-31", "1970-01-02", "1970-01-03", "1970-01-04", ""]
    assert [head.get_attribute("aria-sort") for head in page.locator("th[scope=col]").all()] == [
        None, None, None, "ascending"
    ]  # fmt: skip


def test_the_keyboard_sorts_too(opened):
    page = opened()
    page.get_by_role("button", name="n", exact=True).focus()
    page.keyboard.press("Enter")
    assert column(page, 1)[0] == "-2"


def test_what_is_in_the_rows_does_not_run(opened):
    page = opened()
    assert page.title() != "run"
    assert column(page, 3)[4].startswith("<script>")


def test_many_rows_are_sorted_within_seconds(opened):
    count = 30_000
    page = opened(pa.record_batch({"n": list(range(count, 0, -1)), "text": [f"row {n}" for n in range(count)]}))
    page.set_default_timeout(60_000)
    took = page.evaluate("() => { const t = performance.now(); document.querySelector('th button').click(); "
                         "return performance.now() - t }")  # fmt: skip
    assert page.locator(".rows tbody tr:first-child td:first-child").text_content() == "1"
    assert took < 5_000


def test_without_scripts_the_page_is_whole_and_has_no_buttons(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("button").count() == 0
    assert column(page, 1)[0] == "10"


def test_rows_stay_within_their_group_and_its_total_below_them(opened):
    rows = pa.record_batch({"group": ["a", "a", "a", "b", "b"], "n": [2, 3, 1, 9, 8]})
    page = opened(rows, TotalsOptions(group_by=("group",), columns={"n": "sum"}))
    for _ in range(2):
        press(page, "n")
    lines = ["a3", "a2", "a1", "Total a6", "b9", "b8", "Total b17", "Total23"]
    assert page.locator(".rows tbody tr, .rows tfoot tr").all_text_contents() == lines


@needs_poppler
def test_every_printed_page_has_the_names_of_the_columns_and_only_the_last_the_total(opened):
    rows = pa.record_batch({"number": list(range(100)), "name": ["row"] * 100})
    printed = opened(rows, TotalsOptions(columns={"number": "sum"})).pdf(format="A4")
    sheets = tool("pdftotext", "-layout", "-", "-", data=printed).split("\f")[:-1]
    assert len(sheets) > 1
    assert all("number" in sheet and "name" in sheet for sheet in sheets)
    assert [" 4950 " in f"{sheet} ".replace("\n", " ") for sheet in sheets] == [False] * (len(sheets) - 1) + [True]
