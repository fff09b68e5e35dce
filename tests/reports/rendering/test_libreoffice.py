"""Every Arrow type in xlsx and csv, opened by LibreOffice Calc."""

from __future__ import annotations

import datetime as dt
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, parse

import pyarrow as pa
import pytest

from reports.rendering.columns.views import humanized
from tests.reports.rendering.arrow_types import CASES, Case, every_case, render

pytestmark = pytest.mark.skipif(
    shutil.which("soffice") is None,
    reason="LibreOffice is not installed (Debian: apt-get install libreoffice-calc-nogui)",
)
_NAMESPACE = "{{urn:oasis:names:tc:opendocument:xmlns:{}:1.0}}"
_OFFICE, _TABLE, _TEXT = (_NAMESPACE.format(name) for name in ("office", "table", "text"))
#: Text that spreadsheets tend to take for something else.
TRAPS = {
    "formula": "=1+1", "telephone": "+49 30 123", "minus": "-5+1", "at": "@x", "date": "2024-02-29", "zeros": "0012",
    "link": "https://example.org", "digits": "1234567890123456789", "percent": "50%", "true": "TRUE",
    "apostrophe": "'a",
}  # fmt: skip
SENTENCE = "Only the first 2 rows are included: the report allows no more."
#: Comma, double quote, UTF-8, from the first line.
_CSV = "CSV:44,34,76,1"


def open_in_calc(folder: Path, name: str, content: bytes, *options: str) -> dict[str, list[list[Element]]]:
    """The rows of each sheet, as cells of LibreOffice's own format."""
    (folder / name).write_bytes(content)
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{folder}/office", "--headless", *options, "--convert-to",
         "fods:OpenDocument Spreadsheet Flat XML", name],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    document = parse(folder / "matrix.fods").getroot()  # noqa: S314 -- written by LibreOffice a moment ago
    tables = document.iter(f"{_TABLE}table")
    return {
        table.get(f"{_TABLE}name", ""): [cells(row) for row in table.iter(f"{_TABLE}table-row")] for table in tables
    }


def cells(row: Element) -> list[Element]:
    """The cells of a row. One that stands for equal neighbors is repeated, though not the thousands after the last."""
    distinct = row.findall(f"{_TABLE}table-cell")
    return [cell for cell in distinct for _ in range(min(100, int(cell.get(f"{_TABLE}number-columns-repeated", "1"))))]


def text_of(cell: Element) -> str:
    return "\n".join("".join(line.itertext()) for line in cell.findall(f"{_TEXT}p"))


def type_of(cell: Element) -> str | None:
    return cell.get(f"{_OFFICE}value-type")


@pytest.fixture(scope="module")
def batch() -> pa.RecordBatch:
    columns = {case.name: case.array for case in CASES} | {name: pa.array([text, None]) for name, text in TRAPS.items()}
    return pa.record_batch(columns)


@pytest.fixture(scope="module")
def workbook(batch: pa.RecordBatch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[Element]]]:
    return open_in_calc(tmp_path_factory.mktemp("xlsx"), "matrix.xlsx", render("xlsx", batch, truncated=SENTENCE))


@pytest.fixture(scope="module")
def column(batch: pa.RecordBatch, workbook: dict[str, list[list[Element]]]) -> dict[str, Element]:
    """The first value of each column."""
    header, first = workbook["Data"][:2]
    # Headings are names made readable.
    assert [text_of(heading) for heading in header[: len(batch.schema)]] == [
        humanized(name) for name in batch.schema.names
    ]
    return dict(zip(batch.schema.names, first, strict=False))


@every_case
def test_xlsx_opens_with_the_right_values_and_types(case: Case, column: dict[str, Element]) -> None:
    cell = column[case.name]
    if isinstance(case.xlsx, bool):
        assert (type_of(cell), text_of(cell)) == ("boolean", str(case.xlsx).upper())
    elif isinstance(case.xlsx, (int, float)):
        assert math.isclose(float(cell.get(f"{_OFFICE}value", "")), case.xlsx, rel_tol=1e-14)
    elif isinstance(case.xlsx, dt.timedelta):
        hours, seconds = divmod(int(case.xlsx.total_seconds()), 3600)
        assert text_of(cell).startswith(f"{hours}:{seconds // 60:02}:{seconds % 60:02}")
    elif isinstance(case.xlsx, dt.time):
        assert cell.get(f"{_OFFICE}time-value", "").startswith(case.xlsx.strftime("PT%HH%MM%S"))
    elif isinstance(case.xlsx, dt.datetime):
        assert dt.datetime.fromisoformat(cell.get(f"{_OFFICE}date-value", "")) == case.xlsx
    else:
        assert text_of(cell) == (case.xlsx or "")
        assert type_of(cell) == ("string" if case.xlsx else None)


@pytest.mark.parametrize("name", TRAPS)
def test_text_in_xlsx_stays_text(name: str, column: dict[str, Element]) -> None:
    cell = column[name]
    assert (type_of(cell), text_of(cell), cell.get(f"{_TABLE}formula")) == ("string", TRAPS[name], None)
    assert not list(cell.iter(f"{_TEXT}a"))


def test_xlsx_says_in_a_sheet_that_rows_are_missing(workbook: dict[str, list[list[Element]]]) -> None:
    assert any(SENTENCE in map(text_of, row) for row in workbook["About this report"])


def test_csv_opens_with_exact_texts(batch: pa.RecordBatch, tmp_path: Path) -> None:
    as_text = "/".join(f"{number}/2" for number in range(1, batch.num_columns + 1))
    (sheet,) = open_in_calc(tmp_path, "matrix.csv", render("csv", batch), f"--infilter={_CSV},{as_text}").values()
    header, first = sheet[:2]
    read = {text_of(name): text_of(cell) for name, cell in zip(header, first, strict=False) if text_of(name)}
    guarded: dict[str, Any] = {name: f"'{TRAPS[name]}" for name in ("formula", "telephone", "minus", "at")}
    assert read == {case.name: case.csv for case in CASES} | TRAPS | guarded


def test_csv_opened_with_default_options_runs_no_formula(batch: pa.RecordBatch, tmp_path: Path) -> None:
    (sheet,) = open_in_calc(tmp_path, "matrix.csv", render("csv", batch), f"--infilter={_CSV}").values()
    values = dict(zip(map(text_of, sheet[0]), sheet[1], strict=False))
    assert not any(cell.get(f"{_TABLE}formula") for cell in sheet[1])
    assert [text_of(values[name]) for name in ("formula", "minus", "int8", "decimal32")] == [
        "'=1+1",
        "'-5+1",
        "-128",
        "-1.5",
    ]
    assert type_of(values["date32"]) == "date"
