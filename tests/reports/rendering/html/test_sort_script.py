"""The html format in a real browser: it sorts, and nothing in its rows runs."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reports.rendering.base import TotalsOptions
from reports.rendering.columns.numerals import numerals_of
from reports.rendering.columns.options import ColumnOptions
from reports.rendering.columns.views import humanized
from tests.reports.rendering.arrow_types import DOCUMENT, render
from tests.reports.rendering.pdf_reader import needs_poppler, tool

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
    # Not for the whole session: while Playwright runs, Django takes this thread for an asynchronous one.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens the page of these rows. At the end, it must not have reported an error or requested anything."""
    problems: list[str] = []
    contexts = []

    def open_rows(
        rows: pa.RecordBatch = ROWS,
        totals: TotalsOptions | None = None,
        columns: Mapping[str, ColumnOptions] | None = None,
        locale: str = "en",
        **options: bool,
    ) -> Page:
        document = dataclasses.replace(DOCUMENT, totals=totals, columns=columns or {}, locale=locale)
        (tmp_path / "report.html").write_bytes(render("html", rows, document=document))
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        url = f"file://{tmp_path}/report.html"
        page.on("request", lambda request: None if request.url == url else problems.append(request.url))
        page.goto(url)
        return page

    yield open_rows
    for context in contexts:
        context.close()
    assert problems == []


def column(page: Page, number: int) -> list[str]:
    return page.locator(f".rows tbody td:nth-child({number})").all_text_contents()


def click_heading(page: Page, name: str) -> None:
    page.get_by_role("button", name=humanized(name), exact=True).click()


def test_a_click_sorts_ascending_another_descending_and_null_is_always_last(open_page):
    page = open_page()
    click_heading(page, "d")
    assert column(page, 2) == ["-3.00", "1.50", "2.00", "10.25", ""]
    assert page.locator("th[scope=col]").nth(1).get_attribute("aria-sort") == "ascending"
    click_heading(page, "d")
    assert column(page, 2) == ["10.25", "2.00", "1.50", "-3.00", ""]
    assert page.locator("th[scope=col]").nth(1).get_attribute("aria-sort") == "descending"


def test_integers_are_compared_to_the_last_digit(open_page):
    page = open_page()
    click_heading(page, "n")
    assert column(page, 1) == ["-2", "10", "9007199254740992", "9007199254740993", ""]


def test_texts_are_in_alphabetical_order_and_dates_in_chronological_order(open_page):
    page = open_page()
    click_heading(page, "name")
    assert column(page, 3)[1:] == ["ä", "B 9", "b 10", ""]
    click_heading(page, "day")
    assert column(page, 4) == ["1969-12-31", "1970-01-02", "1970-01-03", "1970-01-04", ""]
    assert [head.get_attribute("aria-sort") for head in page.locator("th[scope=col]").all()] == [
        None, None, None, "ascending"
    ]  # fmt: skip


def test_far_and_infinite_dates_are_in_chronological_order(open_page):
    days = [6_000_000, 2**31 - 1, -735_190, 0, 1 - 2**31, None, -735_160, 7_000_000]
    page = open_page(pa.record_batch({"day": pa.array(days, pa.int32()).cast(pa.date32())}))
    click_heading(page, "day")
    assert column(page, 1) == [
        "-infinity", "-0043-02-13", "-0043-03-15", "1970-01-01", "+18397-06-11", "+21135-05-09", "infinity", ""
    ]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "de-DE", "fr-FR", "ar-EG"])
def test_formatted_columns_are_sorted_by_their_values(open_page, locale):
    numbers = [1234.5, -2.25, None, 12345.75, 3.0]
    rows = pa.record_batch(
        {
            "place": [4, 1, 0, 5, 3],
            "amount": pa.array(numbers),
            "refund": pa.array(numbers),
            "day": pa.array([19782, 1, None, 19783, 400], pa.date32()),
        }
    )
    columns = {
        "amount": ColumnOptions(format="¤¤ #,##0.00", currency="EUR"),
        "refund": ColumnOptions(format="#,##0.0 'm2';(#,##0.0) 'm2'"),
        "day": ColumnOptions(format="EEEE, d. MMMM"),
    }
    page = open_page(rows, columns=columns, locale=locale)
    digits = numerals_of(locale).digits
    for heading in ("amount", "refund", "day"):
        click_heading(page, "place")
        click_heading(page, heading)
        assert column(page, 1) == [digits[number] for number in (1, 3, 4, 5, 0)]


def test_the_keyboard_sorts_too(open_page):
    page = open_page()
    page.get_by_role("button", name="N", exact=True).focus()
    page.keyboard.press("Enter")
    assert column(page, 1)[0] == "-2"


def test_scripts_in_values_do_not_run(open_page):
    page = open_page()
    assert page.title() != "run"
    assert column(page, 3)[4].startswith("<script>")


def test_the_time_of_a_sort_grows_with_the_rows_and_not_with_their_square(open_page):
    def seconds(count):
        page = open_page(pa.record_batch({"n": list(range(count, 0, -1)), "text": [f"row {n}" for n in range(count)]}))
        page.set_default_timeout(60_000)
        took = page.evaluate("() => { const t = performance.now(); document.querySelector('th button').click(); "
                             "return performance.now() - t }")  # fmt: skip
        assert page.locator(".rows tbody tr:first-child td:first-child").text_content() == "1"
        return took

    assert seconds(30_000) < 40 * seconds(3_000), "100 times as long if each row were compared with each"


def test_without_scripts_the_page_is_complete_and_has_no_buttons(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("button").count() == 0
    assert column(page, 1)[0] == "10"


def test_rows_stay_in_their_group_and_its_total_below_them(open_page):
    rows = pa.record_batch({"group": ["a", "a", "a", "b", "b"], "n": [2, 3, 1, 9, 8]})
    page = open_page(rows, TotalsOptions(group_by=("group",), columns={"n": "sum"}))
    for _ in range(2):
        click_heading(page, "n")
    lines = ["a3", "a2", "a1", "Total a6", "b9", "b8", "Total b17", "Total23"]
    assert page.locator(".rows tbody tr, .rows tfoot tr").all_text_contents() == lines


@needs_poppler
def test_every_printed_page_has_the_headings_and_only_the_last_the_total(open_page):
    rows = pa.record_batch({"number": list(range(100)), "name": ["row"] * 100})
    printed = open_page(rows, TotalsOptions(columns={"number": "sum"})).pdf(format="A4")
    sheets = tool("pdftotext", "-layout", "-", "-", data=printed).split("\f")[:-1]
    assert len(sheets) > 1
    assert all("Number" in sheet and "Name" in sheet for sheet in sheets)
    assert [" 4950 " in f"{sheet} ".replace("\n", " ") for sheet in sheets] == [False] * (len(sheets) - 1) + [True]


def test_durations_are_sorted_by_their_length_and_aligned_like_numbers(open_page):
    took = [1_500, 36_000_000, -2_000, 1_250, -36_000_000, None]
    page = open_page(pa.record_batch({"took": pa.array(took, pa.duration("ms")), "n": range(6)}))
    click_heading(page, "took")
    assert column(page, 1) == ["-10:00:00", "-0:00:02", "0:00:01.25", "0:00:01.5", "10:00:00", ""]
    alignments = page.eval_on_selector_all(
        ".rows tr > *", "cells => cells.map(cell => getComputedStyle(cell).textAlign)"
    )
    assert set(alignments) == {"right"}


def test_the_grand_total_covers_no_row_and_the_headings_stay_in_view(open_page):
    rows = pa.record_batch({"number": list(range(100)), "name": ["row"] * 100})
    page = open_page(rows, TotalsOptions(columns={"number": "sum"}), viewport={"width": 800, "height": 500})
    for scrolled in (0, 900, 100_000):
        page.evaluate("y => window.scrollTo(0, y)", scrolled)
        covered = page.evaluate(
            """() => {
              const head = document.querySelector(".rows thead th").getBoundingClientRect();
              return Array.from(document.querySelectorAll(".rows tbody tr")).filter((row) => {
                const box = row.getBoundingClientRect();
                const points = [box.top + 2, box.bottom - 2].filter((y) => y > head.bottom && y < innerHeight);
                return points.some((y) => !row.contains(document.elementFromPoint(box.left + 20, y)));
              }).length;
            }"""
        )
        assert covered == 0
        top = page.locator(".rows thead th").first.evaluate("head => head.getBoundingClientRect().top")
        assert top == 0 if scrolled else top > 0
