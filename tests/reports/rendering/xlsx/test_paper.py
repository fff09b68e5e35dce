"""Workbooks on paper: printed by LibreOffice, read back with poppler."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from tests.reports.rendering.arrow_types import render
from tests.reports.rendering.pdf_reader import needs_poppler, pages, tool

pytestmark = [
    pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed"),
    needs_poppler,
]
LONG = " ".join(f"word{n}" for n in range(60))


def printed(folder: Path, *batches: pa.RecordBatch) -> bytes:
    (folder / "t.xlsx").write_bytes(render("xlsx", *batches))
    office = f"-env:UserInstallation=file://{folder}/office"
    command = ["soffice", office, "--headless", "--convert-to", "pdf", "t.xlsx"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return (folder / "t.pdf").read_bytes()


def test_nine_wide_columns_fit_the_width_of_a_page_with_headings_and_page_numbers(tmp_path: Path) -> None:
    row = {f"column_{n}": [f"value {n} of row {row} with some words" for row in range(120)] for n in range(9)}
    data = printed(tmp_path, pa.record_batch(row))
    sheets = pages(data)
    # The last page is the sheet about the report.
    assert all(f"Column {n}" in sheet for sheet in sheets[:-1] for n in range(9))
    assert len(sheets) <= 4
    numbers = [re.findall(r"Page (\d+) of (\d+)", sheet) for sheet in sheets]
    assert numbers == [[(str(number), str(len(sheets)))] for number in range(1, len(sheets) + 1)]
    assert "Invoices & <co>" in sheets[0]
    width, height = map(float, re.search(r"Page size: *([\d.]+) x ([\d.]+)", tool("pdfinfo", "-", data=data)).groups())
    assert width > height


def test_a_narrow_sheet_is_in_portrait(tmp_path: Path) -> None:
    info = tool("pdfinfo", "-", data=printed(tmp_path, pa.record_batch({"n": [1], "name": ["Ada"]})))
    width, height = map(float, re.search(r"Page size: *([\d.]+) x ([\d.]+)", info).groups())
    assert width < height


def test_a_long_text_is_wrapped_and_a_very_long_one_takes_a_few_lines(tmp_path: Path) -> None:
    rows = {"id": [1, 2, 3], "note": [LONG, "x " + "very long " * 2_000, "two\nlines"], "after": [None, None, "end"]}
    first, *others = pages(printed(tmp_path, pa.record_batch(rows)))
    assert all(word in first for word in LONG.split())
    assert len(others) == 1
    assert first.count("very long") < 120
    assert re.search(r"3\s+two\s+end\s+lines", first)


def test_every_boolean_is_shown_as_a_word(tmp_path: Path) -> None:
    flags = [True, False, None, True, False] * 6
    rows = {"flag": flags, "n": list(range(30)), "other": [None, *flags[1:]], "text": ["x"] * 30}
    first, *_ = pages(printed(tmp_path, pa.record_batch(rows)))
    words = {True: "TRUE", False: "FALSE", None: ""}
    for n, (flag, other) in enumerate(zip(rows["flag"], rows["other"], strict=True)):
        assert re.search(rf"^ *{words[flag]} +{n} +{words[other]} *x$", first, re.M), n
