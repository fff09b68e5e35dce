"""US-096 AC-001: other programs can open the files of every format and find the same rows."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from html.parser import HTMLParser

import duckdb
import openpyxl
import pytest

from tests.acceptance.helpers import succeeded_job

NAMES = ["region", "sales", "total"]
#: As documents show them.
HEADINGS = ["Region", "Sales", "Total"]
ROWS = [["north", 100, 14850], ["south", 100, 14950], ["west", 100, 15050]]
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}


class Cells(HTMLParser):
    """The texts of a table's cells."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open = False

    def handle_starttag(self, tag, attrs):
        self.open = tag in ("td", "th")
        if self.open:
            self.texts.append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.open = False

    def handle_data(self, data):
        if self.open:
            self.texts[-1] += data.strip()


@pytest.fixture(params=MEDIA_TYPES)
def file(request, bob, tmp_path):
    """The downloaded file, in each format."""
    job = succeeded_job(bob, format=request.param)
    answer = bob.get(f"/jobs/{job}/result")
    assert answer.headers["Content-Type"] == MEDIA_TYPES[request.param]
    assert answer.headers["Content-Disposition"].split("; ")[1].endswith(f'.{request.param}"')
    path = tmp_path / f"result.{request.param}"
    path.write_bytes(answer.content)
    return path


def test_us096_ac001_another_program_reads_the_rows(file):
    READERS[file.suffix](file)


def reads_csv(path):
    lines = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    assert lines == [NAMES, *[[str(value) for value in row] for row in ROWS]]


def reads_json(path):
    assert json.loads(path.read_text()) == [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def reads_ndjson(path):
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        dict(zip(NAMES, row, strict=True)) for row in ROWS
    ]


def reads_xlsx(path):
    book = openpyxl.load_workbook(path)
    rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    assert rows[-4:] == [HEADINGS, *ROWS]
    book.close()


def reads_parquet(path):
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)])
        assert [column[0] for column in found.description] == NAMES
        assert [list(row) for row in found.fetchall()] == ROWS


def reads_html(path):
    cells = Cells()
    cells.feed(path.read_text())
    texts = [text.replace(",", "").replace("\N{NARROW NO-BREAK SPACE}", "") for text in cells.texts]
    expected = [*HEADINGS, *[str(value) for row in ROWS for value in row]]
    # The heading of the parameter Region comes before the table.
    assert [text for text in texts if text in expected][-len(expected) :] == expected


def reads_pdf(path):
    assert path.read_bytes().startswith(b"%PDF-")
    if not shutil.which("pdftotext"):
        assert path.read_bytes().rstrip().endswith(b"%%EOF")
        return
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    assert "Sales by région" in text
    words = text.replace(",", "").split()
    assert all(str(value) in words for row in [HEADINGS, *ROWS] for value in row)


READERS = {
    ".csv": reads_csv,
    ".json": reads_json,
    ".ndjson": reads_ndjson,
    ".xlsx": reads_xlsx,
    ".parquet": reads_parquet,
    ".html": reads_html,
    ".pdf": reads_pdf,
}
