"""Totals in html, pdf and xlsx, read back by other programs. The other formats have only the rows."""

from __future__ import annotations

import dataclasses
import io
import re
import shutil
import zipfile
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from reports.exceptions import DesignMismatch
from reports.rendering.base import TotalsOptions
from reports.rendering.totals.group_totals import TotalRows
from reports.rendering.xlsx.totals import row_numbers
from reports.rendering.xlsx.workbook import XlsxRenderer
from tests.reports.rendering.arrow_types import DOCUMENT, render
from tests.reports.rendering.pdf_reader import needs_poppler, pages, words

EVIL = "</table></svg><script>alert(1)</script>"
OPTIONS = TotalsOptions(
    group_by=("airport", "carrier"), columns={"flights": "sum", "delay": "average", "day": "max"}, decimals=1
)
DESIGNED = dataclasses.replace(DOCUMENT, totals=OPTIONS)
ROWS = pa.record_batch(
    {
        "airport": ["EWR"] * 4 + ["JFK"] * 2,
        "carrier": ["AA", "AA", EVIL, None, "UA", "UA"],
        "day": pa.array([1, 2, 3, None, 5, 4], pa.date32()),
        "flights": pa.array([10**14, 9 * 10**14, 3, 4, 5, None]),
        "delay": pa.array([1.25, 2.5, None, 4.0, 5.0, -2.0]),
        "fee": pa.array([Decimal("1.50")] * 6),
    }
)
#: Label, day, flights and delay of each total row.
EXPECTED = [
    ("Total AA", "1970-01-03", "1000000000000000", "1.9"),
    (f"Total {EVIL}", "1970-01-04", "3", None),
    ("Total (none)", None, "4", "4.0"),
    ("Total EWR", "1970-01-04", "1000000000000007", "2.6"),
    ("Total UA", "1970-01-06", "5", "1.5"),
    ("Total JFK", "1970-01-06", "5", "1.5"),
    ("Total", "1970-01-06", "1000000000000012", "2.2"),
]


@pytest.mark.parametrize("format", ["csv", "json", "ndjson", "parquet"])
def test_formats_for_programs_have_no_totals(format):
    assert render(format, ROWS, document=DESIGNED) == render(format, ROWS)


def test_html_has_a_total_row_below_each_group_and_a_foot():
    source = render("html", ROWS.slice(0, 3), ROWS.slice(3), document=DESIGNED).decode()
    page = BeautifulSoup(source, "html5lib")
    rows = page.select("tr.total")
    cells = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in rows]
    assert [[text for text in row if text] for row in cells] == [[text for text in row if text] for row in EXPECTED]
    assert [row.parent.name for row in rows] == ["tbody"] * (len(rows) - 1) + ["tfoot"]
    totals = page.find("th", string="Totals").find_next_sibling("td")
    assert totals.get_text() == "largest of Day; sum of Flights; average of Delay; by Airport, Carrier"
    assert EVIL not in source


def test_xlsx_has_total_rows_that_fold():
    book = openpyxl.load_workbook(io.BytesIO(render("xlsx", ROWS.slice(0, 3), ROWS.slice(3), document=DESIGNED)))
    sheet = book["Data"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert len(rows) == 6 + len(EXPECTED)
    total_rows = [row for row in rows if row[5] is None]
    actual = [
        (row[0] or row[1], row[2] and f"{row[2]:%Y-%m-%d}", None if row[3] is None else str(row[3]), row[4])
        for row in total_rows
    ]
    assert actual == [(label, day, flights, delay and float(delay)) for label, day, flights, delay in EXPECTED]
    levels = [sheet.row_dimensions[number].outlineLevel for number in range(2, sheet.max_row + 1)]
    assert levels == [2, 2, 1, 2, 1, 2, 1, 0, 2, 2, 1, 0, 0]
    assert sheet.cell(4, 2).font.b
    assert sheet.auto_filter.ref == f"A1:F{sheet.max_row - 1}"
    about = dict(book["About this report"].iter_rows(min_row=3, max_col=2, values_only=True))
    assert about["Rows"] == 6
    assert about["Totals"].startswith("largest of Day; sum of Flights; average of Delay; by Airport, Carrier. ")


def test_xlsx_continues_on_the_next_sheet_with_its_totals():
    renderer = XlsxRenderer(sheet_rows=12)
    book = openpyxl.load_workbook(io.BytesIO(render(renderer, ROWS.slice(0, 3), ROWS.slice(3), document=DESIGNED)))
    assert book.sheetnames == ["Data", "Data 2", "About this report"]
    labels = [row[0] or row[1] for name in book.sheetnames[:2] for row in book[name].values if row[5] is None]
    assert labels == [label for label, *_ in EXPECTED]


@given(st.lists(st.integers(0, 20), max_size=20), st.integers(20, 30), st.integers(1, 5))
def test_rows_and_total_rows_of_a_sheet_are_numbered_without_a_gap(before, rows, first):
    of_rows, of_total_rows = row_numbers(
        first, rows, TotalRows(sorted(before), [1] * len(before), [""] * len(before), [])
    )
    assert sorted(of_rows + of_total_rows) == list(range(first, first + rows + len(before)))
    assert [number - first - at for at, number in enumerate(of_total_rows)] == sorted(before)


@needs_poppler
def test_pdf_has_totals_below_each_group_and_at_the_end():
    text = words(render("pdf", ROWS.slice(0, 3), ROWS.slice(3), document=DESIGNED))
    assert "Totals largest of Day; sum of Flights; average of Delay; by Airport, Carrier" in text
    assert "1970-01-03 max 1000000000000000 1.9 average Total AA" in text
    assert "1970-01-06 max 5 1.5 average Total UA 1970-01-06 max 5 1.5 average Total JFK" in text
    assert "1970-01-06 max 1000000000000012 2.2 average Total 6 rows" in text


@needs_poppler
def test_a_long_pdf_repeats_its_headings_and_loses_no_totals():
    batch = pa.record_batch({"group": [n // 3 for n in range(1_000)], "n": list(range(1_000))})
    document = dataclasses.replace(DOCUMENT, totals=TotalsOptions(group_by=("group",), columns={"n": "sum"}))
    sheets = pages(render("pdf", batch, document=document))
    totals = re.findall(r"Total (\d+) +(\d+)", " ".join(sheets))
    assert [(int(group), int(total)) for group, total in totals[:-1]] == [
        (group, sum(range(3 * group, 3 * group + 3))) for group in range(333)
    ]
    assert all(re.search(r"Group +N\n", sheet) for sheet in sheets)


@pytest.mark.parametrize("format", ["html", "xlsx", "pdf"])
def test_a_result_without_rows_has_a_grand_total(format):
    if format == "pdf" and not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    file = render(format, schema=ROWS.schema, document=DESIGNED)
    if format == "pdf":
        assert "Total 0 rows" in words(file)
    elif format == "xlsx":
        assert openpyxl.load_workbook(io.BytesIO(file))["Data"]["A2"].value == "Total"
    else:
        assert file.count(b'class="total"') == 1


@pytest.mark.parametrize("format", ["html", "xlsx", "pdf"])
def test_totals_of_a_truncated_result_say_so(format):
    file = render(format, ROWS, document=DESIGNED, truncated="Only the first 6 rows are included.")
    if format == "pdf":
        if not shutil.which("pdftotext"):
            pytest.skip("pdftotext is not installed")
        file = words(file).encode()
    elif format == "xlsx":
        file = zipfile.ZipFile(io.BytesIO(file)).read("xl/worksheets/sheet1.xml")
    for label in ("Total UA (incomplete)", "Total JFK (incomplete)", "Total of these 6 rows"):
        assert label in file.decode()
    assert b"Total AA (incomplete)" not in file


@pytest.mark.parametrize("format", ["html", "xlsx", "pdf"])
def test_totals_in_every_column_leave_no_room_for_a_label(format):
    batch = pa.record_batch({"a": [1, 2], "b": [3, 4]})
    document = dataclasses.replace(DOCUMENT, totals=TotalsOptions(columns={"a": "sum", "b": "sum"}))
    assert len(render(format, batch, document=document)) > 100


@pytest.mark.parametrize("format", ["html", "xlsx", "pdf"])
def test_an_unknown_column_is_refused_before_a_row_is_written(format):
    document = dataclasses.replace(DOCUMENT, totals=TotalsOptions(columns={"nix": "sum"}))
    with pytest.raises(DesignMismatch, match=r"totals\.columns\.nix"):
        render(format, schema=ROWS.schema, document=document)


def test_a_column_name_with_markup_is_escaped():
    batch = pa.record_batch({"carrier": ["UA"], EVIL: [3]})
    chart = {"mark": "bar", "encoding": {"x": {"field": "carrier"}, "y": {"field": EVIL, "type": "quantitative"}}}
    document = dataclasses.replace(DOCUMENT, totals=TotalsOptions(columns={EVIL: "sum"}), chart=chart)
    text = render("html", batch, document=document).decode()
    assert text.count("<script>") == text.count("</script>") == text.count("</svg>") == 1
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3
