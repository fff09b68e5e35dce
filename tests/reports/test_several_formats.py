"""A run with several formats: one read of the source, all files or none, all with the same rows."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from reports.engine import RunSpec, path_of, run
from reports.exceptions import FormatCannotHold, ResultTooLarge
from reports.sources.base import SourceSpec
from reports.sources.sqlite.source import SqliteSource

ROWS = 25_000


@pytest.fixture
def spec(tmp_path, limits, document) -> RunSpec:
    with closing(sqlite3.connect(tmp_path / "source.db")) as con, con:
        con.execute("create table t (a, b)")
        con.executemany("insert into t values (?, ?)", ((i, f"row {i}") for i in range(ROWS)))
    source = SourceSpec(kind="sqlite", location=str(tmp_path / "source.db"))
    formats = ("ndjson", "csv", "xlsx", "parquet")
    return RunSpec(source=source, query="select * from t", values={}, formats=formats, document=document, limits=limits)


def ignore(rows: int, size: int, total: int | None) -> None:
    pass


def rows_of(spec: RunSpec, path: Path) -> dict[str, list[tuple[int, str]]]:
    """Return the rows of each file, read by other programs."""
    paths = {format: path_of(path, format, spec) for format in spec.formats}
    with paths["csv"].open(newline="", encoding="utf-8") as file:
        in_csv = [(int(a), b) for a, b in list(csv.reader(file))[1:]]
    lines = map(json.loads, paths["ndjson"].read_text().splitlines())
    sheet = openpyxl.load_workbook(paths["xlsx"]).worksheets[0]
    return {
        "csv": in_csv,
        "ndjson": [(row["a"], row["b"]) for row in lines],
        "xlsx": list(sheet.iter_rows(min_row=2, max_col=2, values_only=True)),
        "parquet": [(row["a"], row["b"]) for row in pq.read_table(paths["parquet"]).to_pylist()],
    }


def test_all_files_have_the_rows_of_one_read(spec, tmp_path, monkeypatch):
    reads = []
    read = SqliteSource.read
    monkeypatch.setattr(SqliteSource, "read", lambda *args: reads.append(args) or read(*args))
    result = run(spec, tmp_path / "result", ignore)
    assert len(reads) == 1
    assert (result.rows, result.truncated) == (ROWS, None)
    assert [file.format for file in result.files] == list(spec.formats)
    for file in result.files:
        assert path_of(tmp_path / "result", file.format, spec).stat().st_size == file.size
    expected = [(i, f"row {i}") for i in range(ROWS)]
    assert rows_of(spec, tmp_path / "result") == dict.fromkeys(spec.formats, expected)


def test_max_bytes_reached_in_one_file_cuts_all_at_that_row(spec, tmp_path):
    result = run(replace(spec, max_bytes=200_000), tmp_path / "result", ignore)
    assert 0 < result.rows < ROWS and result.truncated
    found = rows_of(spec, tmp_path / "result")
    assert {format: len(rows) for format, rows in found.items()} == dict.fromkeys(spec.formats, result.rows)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"max_rows": 10, "on_limit": "fail"}, ResultTooLarge),
        # Too many for pdf, after csv was written for the most part.
        ({"formats": ("csv", "pdf"), "query": "select t.a from t, t u limit 300000"}, FormatCannotHold),
    ],
)
def test_there_are_all_files_or_none(spec, tmp_path, changes, error):
    before = {*tmp_path.iterdir()}
    with pytest.raises(error):
        run(replace(spec, **changes), tmp_path / "result", ignore)
    assert {*tmp_path.iterdir()} == before


def test_all_files_are_started_again_when_a_column_type_widens(spec, tmp_path):
    query = "select case when a = 24999 then 'late' else a end as a, b from t order by t.a"
    spec = replace(spec, query=query, formats=("csv", "ndjson"))
    run(spec, tmp_path / "result", ignore)
    assert len(path_of(tmp_path / "result", "csv", spec).read_text().splitlines()) == ROWS + 1
    assert path_of(tmp_path / "result", "ndjson", spec).read_text().startswith('{"a":"0"')
