"""Two readers for each format, which share nothing with the code that writes it, nor with each other.

Each returns the rows, the headings first. Cells are Python values: None for NULL where the format tells it from an
empty text. What a reader can't tell apart is said in `READERS`.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import duckdb
import html5lib
import ijson
import openpyxl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pypdf
import python_calamine

from tests.fidelity.arrow_arrays import from_array

Rows = list[list[Any]]


# ---- csv


def _python_csv(path: Path) -> Rows:
    csv.field_size_limit(10**7)
    return list(csv.reader(StringIO(path.read_bytes().decode(), newline="")))


def _arrow_csv(path: Path) -> Rows:
    """An unquoted empty field is None, "" is the empty text."""
    (header, *_) = csv.reader(StringIO(path.read_bytes().decode(), newline=""))
    names = [f"c{number}" for number in range(len(header))]
    table = pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(column_names=names, block_size=1 << 24),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )  # fmt: skip
    return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


# ---- json


def _python_json(path: Path) -> Rows:
    return _objects(json.loads(path.read_text(), parse_float=Decimal, parse_int=Decimal))


def _python_ndjson(path: Path) -> Rows:
    lines = path.read_text().split("\n")
    assert lines.pop() == ""
    return _objects(json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines)


def _ijson_array(path: Path) -> Rows:
    with path.open("rb") as file:
        return _objects(ijson.items(file, "item"))


def _ijson_lines(path: Path) -> Rows:
    with path.open("rb") as file:
        # ijson refuses an empty file, which is no rows.
        return _objects(ijson.items(file, "", multiple_values=True)) if path.stat().st_size else []


def _objects(objects: Iterable[dict[str, Any]]) -> Rows:
    rows = [*objects]
    assert all(list(row) == list(rows[0]) for row in rows)
    return [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []


# ---- parquet


def _arrow_parquet(path: Path) -> Rows:
    return _arrow_rows(pq.read_table(path))


def _duckdb_parquet(path: Path) -> Rows:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return _arrow_rows(connection.read_parquet(str(path)).to_arrow_table())


def _arrow_rows(table: pa.Table) -> Rows:
    columns = [from_array(column) for column in table.columns]
    return [table.column_names, *(list(row) for row in zip(*columns, strict=True))]


# ---- xlsx


def _openpyxl(path: Path) -> Rows:
    sheet = openpyxl.load_workbook(path)["Data"]
    return [[_unescaped(value) for value in row] for row in sheet.iter_rows(values_only=True)]


def _calamine(path: Path) -> Rows:
    sheet = python_calamine.load_workbook(path).get_sheet_by_name("Data")
    return [list(row) for row in sheet.to_python(skip_empty_area=False)]


def _unescaped(value: Any) -> Any:
    """Texts in Excel's notation of control characters, which openpyxl leaves alone in texts that are in cells."""
    return re.sub("_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), value) if isinstance(value, str) else value


# ---- html


class _Cells(HTMLParser):
    """The rows of the table of rows. A cell with the element that stands for NULL is None."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Rows = []
        self._is_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.rows = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._is_cell = True
            self.rows[-1].append("")
        elif tag == "i" and self._is_cell:
            self.rows[-1][-1] = None

    def handle_endtag(self, tag: str) -> None:
        self._is_cell = self._is_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.rows[-1][-1] = (self.rows[-1][-1] or "") + data


def html_rows(path: Path) -> Rows:
    """The rows of the last table, as Python's parser reads them."""
    parser = _Cells()
    # Reading text makes line feeds of all line ends, as a browser does.
    parser.feed(path.read_text())
    return parser.rows


def _html5lib(path: Path) -> Rows:
    with path.open("rb") as file, catch_warnings():
        simplefilter("ignore")
        page = html5lib.parse(file, namespaceHTMLElements=False)
    table = page.find(".//table[@class='rows']")
    return [[_cell(cell) for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]


def _cell(cell: Any) -> str | None:
    return None if cell.find("i") is not None else "".join(cell.itertext())


# ---- pdf: one row with all texts in the order they were drawn, without blanks


def _poppler(path: Path) -> Rows:
    command = ["pdftotext", "-raw", str(path), "-"]
    return [["".join(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())]]


def _pypdf(path: Path) -> Rows:
    return [["".join("".join(page.extract_text() for page in pypdf.PdfReader(path).pages).split())]]


@dataclass(frozen=True)
class Reader:
    """A program or library that reads a format, and whether it tells NULL from an empty text."""

    name: str
    read: Callable[[Path], Rows]
    tells_null: bool = True


READERS: dict[str, tuple[Reader, Reader]] = {
    "csv": (Reader("Python's csv", _python_csv, tells_null=False), Reader("Arrow's csv", _arrow_csv)),
    "json": (Reader("Python's json", _python_json), Reader("ijson", _ijson_array)),
    "ndjson": (Reader("Python's json", _python_ndjson), Reader("ijson", _ijson_lines)),
    "xlsx": (
        Reader("openpyxl", _openpyxl, tells_null=False),
        Reader("calamine", _calamine, tells_null=False),
    ),
    "parquet": (Reader("Arrow", _arrow_parquet), Reader("DuckDB", _duckdb_parquet)),
    "html": (Reader("html.parser", html_rows), Reader("html5lib", _html5lib)),
    "pdf": (Reader("poppler", _poppler), Reader("pypdf", _pypdf)),
}
