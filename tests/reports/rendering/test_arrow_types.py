"""Every Arrow type in csv, json, ndjson, parquet and xlsx, read back by other programs."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from tests.reports.rendering.arrow_types import Case, every_case, record_batch, render


@every_case
def test_csv_reads_back_with_pythons_csv(case: Case) -> None:
    rows = list(csv.reader(io.StringIO(render("csv", record_batch(case)).decode(), newline="")))
    assert rows == [["n", "v"], ["1", case.csv], ["2", ""]]


@every_case
def test_csv_reads_back_with_duckdb(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(render("csv", record_batch(case)))
    relation = duckdb.read_csv(str(path), all_varchar=True, header=True, delimiter=",", quotechar='"', escapechar='"')
    # DuckDB reads "" as NULL where nothing tells it not to; Python's reader above tells them apart by the quotes.
    assert relation.fetchall() == [("1", case.csv or None), ("2", None)]


@every_case
@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_json_reads_back_with_pythons_json(case: Case, name: str) -> None:
    text = render(name, record_batch(case)).decode()
    if name == "ndjson":
        text = f"[{','.join(text.splitlines())}]" if "\x85" not in text else text
    rows = json.loads(text, parse_float=Decimal)
    expected = Decimal(repr(case.json)) if isinstance(case.json, float) else case.json
    assert rows == [{"n": 1, "v": expected}, {"n": 2, "v": None}]


@every_case
def test_ndjson_reads_back_with_duckdb(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    path.write_bytes(render("ndjson", record_batch(case)))
    with duckdb.connect() as connection:
        rows = connection.read_json(str(path), columns={"n": "int", "v": "json"}).fetchall()
    assert [row[0] for row in rows] == [1, 2]
    assert rows[1][1] is None
    # DuckDB takes a JSON number with a fraction through a double; the test above reads every digit.
    assert (None if rows[0][1] is None else json.loads(rows[0][1])) == _floats(case.json)


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


@every_case
def test_parquet_reads_back_with_duckdb(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(render("parquet", record_batch(case)))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        rows = connection.read_parquet(str(path)).project("n, v::varchar").fetchall()
    assert rows == [(1, case.parquet), (2, None)]


@every_case
def test_xlsx_reads_back_with_openpyxl(case: Case) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(render("xlsx", record_batch(case))))["Data"]
    rows = list(sheet.iter_rows(values_only=True))
    expected = "" if case.xlsx == "" else case.xlsx
    assert rows[0] == ("N", "V")
    assert (rows[1][1] or "") == expected if expected == "" else rows[1][1] == expected
    assert type(rows[1][1]) is type(expected) or expected in ("", 0)
    assert len(rows) == 3 and (len(rows[2]) == 1 or rows[2][1] is None)


@every_case
@pytest.mark.parametrize("name", ["html", "pdf"])
def test_every_type_can_be_displayed(case: Case, name: str) -> None:
    assert len(render(name, record_batch(case))) > 500
