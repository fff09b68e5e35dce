"""The xlsx format, read back with openpyxl, and as XML where openpyxl hides the details."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import zipfile
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pyarrow as pa
import pytest

from reports.exceptions import FormatCannotHold
from reports.rendering.xlsx.book import IsalZipFile
from reports.rendering.xlsx.table import SHEET_ROWS
from reports.rendering.xlsx.workbook import XlsxRenderer
from tests.reports.rendering.arrow_types import DOCUMENT, render


def workbook(*batches: pa.RecordBatch, sheet_rows: int = SHEET_ROWS, **options: Any) -> Any:
    return openpyxl.load_workbook(io.BytesIO(render(XlsxRenderer(sheet_rows), *batches, **options)))


def values(sheet: Any) -> list[tuple[object, ...]]:
    return list(sheet.iter_rows(values_only=True))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "https://example.com", "mailto:a@b.c", "12", "2024-01-01"])
def test_text_is_never_a_formula_a_link_or_a_number(text: str) -> None:
    cell = workbook(pa.record_batch({"=v": [text]}))["Data"]["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink, cell.number_format) == (text, "s", None, "@")


def test_the_header_is_bold_frozen_repeated_on_printed_pages_and_has_a_filter() -> None:
    sheet = workbook(pa.record_batch({"a": [1, 2], "b": ["x", "y"]}))["Data"]
    assert sheet["A1"].font.bold and not sheet["A2"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B3"
    assert sheet.print_title_rows == "$1:$1"


def test_headings_are_aligned_like_the_values_of_their_columns() -> None:
    row = {
        "text": pa.array(["x", "y"]),
        "number": pa.array([1, 10**17]),
        "digits": pa.array(["1.5", "9" * 20]).cast(pa.decimal128(30, 2)),
        "day": pa.array([dt.date(2024, 2, 29), dt.date(1815, 12, 10)]),
        "yes": pa.array([True, False]),
    }
    head, first, second = workbook(pa.record_batch(row))["Data"].rows
    assert [cell.alignment.horizontal for cell in head] == [None, "right", "right", "right", "center"]
    # Every program aligns numbers and dates to the right, but not those that are stored as text.
    assert [cell.data_type for cell in first] == ["s", "n", "n", "d", "b"]
    assert [cell.data_type for cell in second] == ["s", "s", "s", "s", "b"]
    assert [cell.alignment.horizontal for cell in second] == [None, "right", "right", "right", "center"]
    # The filter's button covers the right end of a heading.
    assert [cell.alignment.indent for cell in head] == [0, 2, 2, 2, 0]


def test_columns_are_as_wide_as_their_texts_up_to_a_limit() -> None:
    sheet = workbook(pa.record_batch({"id": [1], "name": ["x" * 30], "note": ["y" * 500]}))["Data"]
    assert [sheet.column_dimensions[letter].width for letter in "ABC"] == [8, 32, 60]


def test_dates_and_amounts_are_formatted() -> None:
    row = {
        "day": pa.array([dt.date(2024, 2, 29)]),
        "at": pa.array([1_719_828_000], pa.timestamp("s", "UTC")),
        "amount": pa.array(["1.50"]).cast(pa.decimal128(12, 2)),
        "number": pa.array([123_456_789_012_345]),
    }
    cells = workbook(pa.record_batch(row))["Data"][2]
    assert [cell.is_date for cell in cells] == [True, True, False, False]
    assert [cell.number_format for cell in cells[2:]] == ["0.00", "0"]
    assert cells[1].value == dt.datetime(2024, 7, 1, 10)


def test_the_sheet_about_the_report_describes_the_file() -> None:
    book = workbook(pa.record_batch({"a": [1, 2]}), truncated="Stopped after 2 rows.")
    assert book.sheetnames == ["Data", "About this report"]
    facts = dict(row[:2] for row in values(book["About this report"]) if row[0])
    assert facts["Invoices & <co>"] is None
    assert facts["Description"] == "All of them."
    assert facts["Version"] == 3
    assert (facts["From"], facts["Country"]) == ("2026-01-01", "Ελλάδα")
    assert facts["Generated"] == "2026-03-01 09:30:00 UTC"
    assert facts["Rows"] == 2
    assert facts["Truncated"] == "Stopped after 2 rows."


def test_rows_continue_on_the_next_sheet_when_one_is_full() -> None:
    book = workbook(pa.record_batch({"n": list(range(5))}), pa.record_batch({"n": [5, 6]}), sheet_rows=4)
    assert book.sheetnames == ["Data", "Data 2", "Data 3", "About this report"]
    assert values(book["Data"]) == [("N",), (0,), (1,), (2,)]
    assert values(book["Data 2"]) == [("N",), (3,), (4,), (5,)]
    assert values(book["Data 3"]) == [("N",), (6,)]
    assert "3 sheets" in str(values(book["About this report"]))


def test_a_sheet_that_is_exactly_full_is_the_last() -> None:
    assert workbook(pa.record_batch({"n": [0, 1, 2]}), sheet_rows=4).sheetnames == ["Data", "About this report"]


@pytest.mark.parametrize("character", ["x", "Ж", "😀"])
def test_a_text_longer_than_a_cell_is_cut_with_a_note(character: str) -> None:
    units = 2 if character == "😀" else 1
    fits, long = character * (32_767 // units), character * 40_000
    book = workbook(pa.record_batch({"n": [1, 2], "v": [fits, long]}))
    first, second = book["Data"]["B2"].value, book["Data"]["B3"].value
    assert first == fits
    assert second.endswith(f"{character}… [cut: 40,000 characters]")
    assert len(second.encode("utf-16-le")) <= 2 * 32_767
    assert any(
        row[0] == "Cut texts" and row[1].startswith("1 text is longer than")
        for row in values(book["About this report"])
    )


def test_nested_json_longer_than_a_cell_is_cut_with_a_note() -> None:
    nested = [{"a": "x" * 32_750, "b": Decimal("0.10")}, {"a": "x" * 40_000, "b": None}]
    book = workbook(pa.record_batch({"n": [1, 2], "v": nested}))
    assert book["Data"]["B2"].value == f'{{"a":"{"x" * 32_750}","b":0.10}}'
    assert book["Data"]["B3"].value == f'{{"a":"{"x" * (32_700 - 6)}… [cut: 40,017 characters]'
    assert any(
        row[0] == "Cut texts" and row[1].startswith("1 text is longer than")
        for row in values(book["About this report"])
    )


def test_characters_that_xml_cannot_contain_are_escaped_as_excel_does() -> None:
    data = render("xlsx", pa.record_batch({"v": ["a\x00\x1f\rb\ufffe", "_x0041_ & <b>", "  spaces\t\n "]}))
    root = ElementTree.fromstring(zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml"))  # noqa: S314
    texts = [node.text for node in root.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}t")]
    assert texts == ["V", "a_x0000__x001F__x000D_b\ufffd", "_x005F_x0041_ & <b>", "  spaces\t\n "]


def test_control_characters_in_title_and_parameters_do_not_break_the_file() -> None:
    document = dataclasses.replace(DOCUMENT, title="a\x00b\ufffe", parameters={"p\x01": "q\x02", "long": "x" * 40_000})
    assert workbook(pa.record_batch({"a": [1]}), document=document)["About this report"]["A1"].value == "a\ufffdb\ufffd"


def test_a_result_without_rows_has_a_header() -> None:
    book = workbook(schema=pa.schema({"a": pa.int64(), "b": pa.string()}))
    assert values(book["Data"]) == [("A", "B")]


def test_more_columns_than_a_sheet_has_are_refused_at_the_start() -> None:
    schema = pa.schema([(f"c{index}", pa.int8()) for index in range(16_385)])
    with pytest.raises(FormatCannotHold, match=r"16,385 columns.*csv"):
        render("xlsx", schema=schema)


def test_columns_after_z_have_two_and_three_letters() -> None:
    row = {f"c{index}": [index] for index in range(800)}
    sheet = workbook(pa.record_batch(row))["Data"]
    assert [sheet[f"{letters}2"].value for letters in ("Z", "AA", "AZ", "BA", "ZZ", "AAA")] == [
        25,
        26,
        51,
        52,
        701,
        702,
    ]


def test_an_unfinished_workbook_is_discarded_silently() -> None:
    writer = XlsxRenderer().open(io.BytesIO(), pa.schema({"a": pa.int64()}), DOCUMENT)
    writer.write(pa.record_batch({"a": [1]}))
    del writer


def test_sheets_are_deflated_by_isal_and_read_by_zlib() -> None:
    rows = pa.record_batch({"n": list(range(100_000)), "text": [f"row {n}" for n in range(100_000)]})
    data = render("xlsx", rows)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        info = archive.getinfo("xl/worksheets/sheet1.xml")
        with archive.open(info.filename, "r") as sheet:
            assert sheet.read().count(b"<row ") == 100_001
    assert info.compress_type == zipfile.ZIP_DEFLATED
    assert info.compress_size < info.file_size / 5
    out = IsalZipFile(io.BytesIO(), "w", zipfile.ZIP_DEFLATED)
    with out.open_sheet("x") as entry:
        assert "isal" in type(entry._compressor).__module__
