"""Columns in every format, read back by other programs."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bs4 import BeautifulSoup

from reports.exceptions import DesignMismatch
from reports.rendering import CsvOptions
from reports.rendering.base import TotalsOptions
from reports.rendering.columns.options import ColumnOptions, Highlight
from tests.reports.rendering.arrow_types import DOCUMENT, render
from tests.reports.rendering.columns.formatted import document
from tests.reports.rendering.pdf_reader import needs_poppler, words

ROWS = pa.record_batch(
    {
        "carrier": ["UA", "DL", "AA <x>"],
        "mean_arr_delay": pa.array([1234.5678, -0.04, None]),
        "amount": pa.array([Decimal("1234567.895"), None, Decimal("-0.5")], pa.decimal128(20, 3)),
        "flights": [12345, 7, 0],
        "month": pa.array([date(2024, 2, 1), date(2024, 12, 1), None]),
        "seen_at": pa.array([datetime(2024, 2, 1), datetime(2024, 2, 1, 13, 5), None], pa.timestamp("us")),
        "secret": ["x", "y", "z"],
    }
)
COLUMNS = {
    "mean_arr_delay": ColumnOptions(
        label="Mean <delay>",
        format="#,##0.0",
        highlight=(Highlight(when="> 30", style="bad"), Highlight(when="< 0", style="good")),
    ),
    "amount": ColumnOptions(format="#,##0.00 ¤", currency="EUR", width=20),
    "flights": ColumnOptions(format="#,##0", highlight=(Highlight(when=">= 10000", style="warning"),)),
    "month": ColumnOptions(format="MMMM yyyy", align="center"),
    "carrier": ColumnOptions(label="Airline", highlight=(Highlight(when="= 'DL'", style="good"),)),
    "secret": ColumnOptions(hidden=True),
}
TOTALS = TotalsOptions(columns={"amount": "sum", "flights": "average", "mean_arr_delay": "count", "month": "max"})
GERMAN = document(columns=COLUMNS, locale="de-DE", totals=TOTALS)


@pytest.mark.parametrize("format", ["csv", "json", "ndjson", "parquet"])
def test_files_for_programs_are_the_same_to_the_byte(format: str) -> None:
    assert render(format, ROWS, document=GERMAN) == render(format, ROWS)


def test_names_that_are_no_column_change_no_file_for_programs() -> None:
    other = document(columns={"nothing": ColumnOptions(label="Nothing")})
    assert render("csv", ROWS, document=other) == render("csv", ROWS)


def test_the_header_of_csv_can_have_the_labels() -> None:
    labelled = document(columns=COLUMNS, csv=CsvOptions(header="labels"))
    header, *lines = render("csv", ROWS, document=labelled).decode().split("\r\n")
    assert header == "Airline,Mean <delay>,Amount,Flights,Month,Seen at,Secret"
    assert lines == render("csv", ROWS).decode().split("\r\n")[1:]


def test_html_has_labels_formats_and_highlights_and_no_hidden_column() -> None:
    page = BeautifulSoup(render("html", ROWS, document=GERMAN), "html5lib")
    table = page.select_one("table.rows")
    assert [head.text for head in table.thead.find_all("th")] == [
        "Airline", "Mean <delay>", "Amount", "Flights", "Month", "Seen at"
    ]  # fmt: skip
    assert [[cell.text for cell in row.find_all("td")] for row in table.tbody.find_all("tr")] == [
        ["UA", "1.234,6", "1.234.567,90 €", "12.345", "Februar 2024", "2024-02-01"],
        ["DL", "-0,0", "", "7", "Dezember 2024", "2024-02-01 13:05:00"],
        ["AA <x>", "", "-0,50 €", "0", "", ""],
    ]
    assert [cell.text for cell in table.tfoot.find_all(["th", "td"])] == [
        "Total", "2", "1.234.567,40 €", "4.117", "Dezember 2024", ""
    ]  # fmt: skip
    assert {style: [cell.text for cell in table.find_all("td", style)] for style in ("bad", "warning", "good")} == {
        "bad": ["1.234,6"], "warning": ["12.345"], "good": ["DL", "-0,0"],
    }  # fmt: skip


def test_xlsx_has_the_values_with_number_formats_styles_and_widths() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(render("xlsx", ROWS, document=GERMAN)))
    sheet = workbook["Data"]
    assert [cell.value for cell in sheet[1]] == [
        "Airline", "Mean <delay>", "Amount", "Flights", "Month", "Seen at", "Secret"
    ]  # fmt: skip
    assert [cell.value for cell in sheet[2]] == [
        "UA", 1234.5678, 1234567.895, 12345, datetime(2024, 2, 1), datetime(2024, 2, 1), "x"
    ]  # fmt: skip
    assert [cell.number_format for cell in sheet[2]][1:6] == [
        "[$-407]#,##0.0", '[$-407]#,##0.00" €"', "[$-407]#,##0", "[$-407]mmmm yyyy", "yyyy\\-mm\\-dd"
    ]  # fmt: skip
    assert [sheet[cell].fill.fgColor.rgb for cell in ("B2", "D2", "A3", "B3")] == [
        "FFFDE2E1", "FFFDF0C8", "FFDCF3E1", "FFDCF3E1"
    ]  # fmt: skip
    assert sheet["E2"].alignment.horizontal == sheet["E1"].alignment.horizontal == "center"
    assert sheet.column_dimensions["C"].width == 20
    assert [name for name, column in sheet.column_dimensions.items() if column.hidden] == ["G"]
    assert sheet["C5"].value == 1234567.395 and sheet["C5"].number_format == '[$-407]#,##0.00" €"'
    assert sheet["B5"].value == 2 and sheet["B5"].number_format == "0"
    assert sheet["F3"].number_format == "yyyy\\-mm\\-dd\\ hh:mm:ss"
    assert sheet.print_title_rows == "$1:$1" and sheet.page_setup.fitToHeight == 0
    assert sheet.page_setup.orientation == "portrait" and "&P" in sheet.oddFooter.right.text


@needs_poppler
def test_pdf_has_labels_formats_and_no_hidden_column() -> None:
    text = words(render("pdf", ROWS, document=GERMAN))
    for line in [
        "Airline Mean <delay> Amount Flights Month Seen at",
        "UA 1.234,6 1.234.567,90 € 12.345 Februar 2024 2024-02-01",
        "AA <x> \u2013 -0,50 € 0 \u2013 \u2013",
    ]:
        assert line in text
    assert "Secret" not in text


@pytest.mark.parametrize("format", ["html", "pdf", "xlsx"])
def test_a_name_that_is_no_column_ends_the_run(format: str) -> None:
    with pytest.raises(DesignMismatch, match=r"columns\.delays: The query has no column delays\. It has carrier,"):
        render(format, ROWS, document=document(columns={"delays": ColumnOptions()}))


@pytest.mark.parametrize("format", ["html", "pdf", "xlsx"])
def test_options_that_dont_fit_the_type_of_a_run_change_nothing(format: str) -> None:
    wrong = {
        "carrier": ColumnOptions(format="0.0", highlight=(Highlight(when="> 3", style="bad"),)),
        "month": ColumnOptions(format="#,##0"),
        "flights": ColumnOptions(format="dd.MM.yyyy", highlight=(Highlight(when="= 'x'", style="bad"),)),
        "secret": ColumnOptions(currency="EUR"),
    }

    def shown(file: bytes) -> object:
        if format == "xlsx":
            return [[cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(file))["Data"]]
        return BeautifulSoup(file, "html5lib").select_one("table.rows").text if format == "html" else words(file)

    assert shown(render(format, ROWS, document=document(columns=wrong))) == shown(render(format, ROWS))


@pytest.mark.parametrize("format", ["html", "pdf", "xlsx"])
def test_no_rows_and_only_null_are_written_too(format: str) -> None:
    nothing = ROWS.schema.empty_table().to_batches() or [pa.RecordBatch.from_pylist([], ROWS.schema)]
    assert render(format, *nothing, schema=ROWS.schema, document=GERMAN)
    null = pa.record_batch(
        {name: pa.nulls(3, type) for name, type in zip(ROWS.schema.names, ROWS.schema.types, strict=True)}
    )
    assert render(format, null, document=GERMAN)
    untyped = pa.record_batch({name: pa.nulls(3) for name in ROWS.schema.names})
    assert render(format, untyped, document=document(columns=COLUMNS))


def test_values_of_other_programs_stay_exact() -> None:
    rows = json.loads(render("json", ROWS, document=GERMAN), parse_float=Decimal)
    assert rows[0]["amount"] == Decimal("1234567.895")
    table = pq.read_table(io.BytesIO(render("parquet", ROWS, document=GERMAN)))
    assert table.column("mean_arr_delay").to_pylist() == [1234.5678, -0.04, None]
    assert DOCUMENT.columns == {}


@needs_poppler
def test_thirty_one_columns_of_a_pdf_break_neither_numbers_nor_words() -> None:
    names = [f"mean_value_of_{word}" for word in ("freight", "discount", "revenue", "insurance")]
    names = [f"{names[at % 4]}_{at}" for at in range(30)]
    numbers = {name: [1234.5 + at, -98765.25 - at, 7.0 + at] for at, name in enumerate(names)}
    text = words(render("pdf", pa.record_batch({"customer_no": ["a", "b", "c"], **numbers})))
    found = text.split()
    assert {"Mean", "freight", "insurance", "Customer", "29"} <= set(found)
    for values in numbers.values():
        assert all(f"{value:g}" in found or str(value).removesuffix(".0") in found for value in values)
