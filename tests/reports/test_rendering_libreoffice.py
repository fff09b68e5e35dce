"""The type matrix in xlsx and csv, as LibreOffice Calc opens it."""

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

from tests.reports.test_rendering_types import CASES, Case, every_case, render

pytestmark = pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice is not here (Debian: apt-get install libreoffice-calc-nogui)"
)
_NAMESPACE = "{{urn:oasis:names:tc:opendocument:xmlns:{}:1.0}}"
_OFFICE, _TABLE, _TEXT = (_NAMESPACE.format(name) for name in ("office", "table", "text"))
#: Text that a spreadsheet likes to take for something else.
TRAPS = {
    "formula": "=1+1", "telephone": "+49 30 123", "minus": "-5", "at": "@x", "date": "2024-02-29", "zeros": "0012",
    "link": "https://example.org", "digits": "1234567890123456789", "percent": "50%", "true": "TRUE",
    "apostrophe": "'a",
}  # fmt: skip
SENTENCE = "Only the first 2 rows are here: the report allows no more."
#: Comma, double quote, UTF-8, from the first line.
_CSV = "CSV:44,34,76,1"


def opened(folder: Path, name: str, content: bytes, *how: str) -> dict[str, list[list[Element]]]:
    """The file's sheets as LibreOffice has them after opening it: rows of cells, in its own format."""
    (folder / name).write_bytes(content)
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{folder}/office", "--headless", *how, "--convert-to",
         "fods:OpenDocument Spreadsheet Flat XML", name],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    document = parse(folder / "matrix.fods").getroot()  # noqa: S314 -- written by LibreOffice a moment ago
    tables = document.iter(f"{_TABLE}table")
    return {
        table.get(f"{_TABLE}name", ""): [cells(row) for row in table.iter(f"{_TABLE}table-row")] for table in tables
    }


def cells(row: Element) -> list[Element]:
    """A cell that stands for many counts as many; those behind the last column are thousands."""
    found = row.findall(f"{_TABLE}table-cell")
    return [cell for cell in found for _ in range(min(100, int(cell.get(f"{_TABLE}number-columns-repeated", "1"))))]


def shown(cell: Element) -> str:
    return "\n".join("".join(line.itertext()) for line in cell.findall(f"{_TEXT}p"))


def kind(cell: Element) -> str | None:
    return cell.get(f"{_OFFICE}value-type")


@pytest.fixture(scope="module")
def batch() -> pa.RecordBatch:
    columns = {case.name: case.array for case in CASES} | {name: pa.array([text, None]) for name, text in TRAPS.items()}
    return pa.record_batch(columns)


@pytest.fixture(scope="module")
def workbook(batch: pa.RecordBatch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[Element]]]:
    return opened(tmp_path_factory.mktemp("xlsx"), "matrix.xlsx", render("xlsx", batch, truncated=SENTENCE))


@pytest.fixture(scope="module")
def column(workbook: dict[str, list[list[Element]]]) -> dict[str, Element]:
    """The first value of each column."""
    head, first = workbook["Data"][:2]
    return {shown(name): cell for name, cell in zip(head, first, strict=False) if shown(name)}


@every_case
def test_xlsx_opens_with_the_values_and_types_it_should(case: Case, column: dict[str, Element]) -> None:
    cell = column[case.name]
    if isinstance(case.xlsx, bool):
        # Calc keeps a workbook's truth values as numbers that are shown as words.
        assert (cell.get(f"{_OFFICE}value"), shown(cell)) == ("1", str(case.xlsx).upper())
    elif isinstance(case.xlsx, (int, float)):
        assert math.isclose(float(cell.get(f"{_OFFICE}value", "")), case.xlsx, rel_tol=1e-14)
    elif isinstance(case.xlsx, dt.time):
        assert cell.get(f"{_OFFICE}time-value", "").startswith(case.xlsx.strftime("PT%HH%MM%S"))
    elif isinstance(case.xlsx, dt.datetime):
        assert dt.datetime.fromisoformat(cell.get(f"{_OFFICE}date-value", "")) == case.xlsx
    else:
        assert shown(cell) == (case.xlsx or "")
        assert kind(cell) == ("string" if case.xlsx else None)


@pytest.mark.parametrize("name", TRAPS)
def test_text_in_xlsx_stays_text(name: str, column: dict[str, Element]) -> None:
    cell = column[name]
    assert (kind(cell), shown(cell), cell.get(f"{_TABLE}formula")) == ("string", TRAPS[name], None)
    assert not list(cell.iter(f"{_TEXT}a"))


def test_xlsx_says_in_its_sheet_that_rows_are_missing(workbook: dict[str, list[list[Element]]]) -> None:
    assert any(SENTENCE in map(shown, row) for row in workbook["About this report"])


def test_csv_opens_with_every_text_as_it_is(batch: pa.RecordBatch, tmp_path: Path) -> None:
    as_text = "/".join(f"{number}/2" for number in range(1, batch.num_columns + 1))
    (sheet,) = opened(tmp_path, "matrix.csv", render("csv", batch), f"--infilter={_CSV},{as_text}").values()
    head, first = sheet[:2]
    read = {shown(name): shown(cell) for name, cell in zip(head, first, strict=False) if shown(name)}
    guarded: dict[str, Any] = {name: f"'{TRAPS[name]}" for name in ("formula", "telephone", "minus", "at")}
    assert read == {case.name: case.csv for case in CASES} | TRAPS | guarded


def test_csv_opened_without_a_question_runs_no_formula(batch: pa.RecordBatch, tmp_path: Path) -> None:
    (sheet,) = opened(tmp_path, "matrix.csv", render("csv", batch), f"--infilter={_CSV}").values()
    values = dict(zip(map(shown, sheet[0]), sheet[1], strict=False))
    assert not any(cell.get(f"{_TABLE}formula") for cell in sheet[1])
    assert [shown(values[name]) for name in ("formula", "minus", "int8", "decimal32")] == [
        "'=1+1",
        "'-5",
        "-128",
        "-1.5",
    ]
    assert kind(values["date32"]) == "date"
