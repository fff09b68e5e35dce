"""Checks of reports that aren't run, against every kind of data source."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pytest

from reports.dry_run.results import Column, Fits
from reports.exceptions import InvalidParameters
from reports.parameters.declarations import Parameter
from tests.reports.dry_run.helpers import check, target


def test_files_have_exact_types_and_rows_and_formats_may_be_too_small(tmp_path):
    duckdb.sql(f"copy (select x, x / 2 as half from range(250000) as r(x)) to '{tmp_path}/many.parquet'")
    query, formats = "select *, :day as day from many", ["csv", "html", "pdf"]
    parameters = [Parameter(name="day", type="date", required=True)]
    result = check(target("files", tmp_path / "many.parquet", query, parameters=parameters, formats=formats), {})
    assert result.columns == [Column("x", "int64"), Column("half", "double"), Column("day", "date32[day]")]
    assert (result.estimated_rows, result.types_are_certain) == (250_000, True)
    assert [(fit.format, fit.fits) for fit in result.formats] == [
        ("csv", Fits.YES),
        ("html", Fits.NO),
        ("pdf", Fits.NO),
    ]
    assert result.formats[1].message == "A html file can have at most 200,000 rows, and about 250,000 are expected."
    limited = check(target("files", tmp_path / "many.parquet", "from many", formats=formats, max_rows=100_000), {})
    assert limited.estimated_rows == 100_000
    assert limited.all_fit


def test_a_format_may_hold_too_few_columns(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    many = ", ".join(f"a as a{n}" for n in range(41))
    result = check(target("files", tmp_path, f"select {many} from t", formats=["pdf", "xlsx"]), {})
    assert [(fit.format, fit.fits) for fit in result.formats] == [("pdf", Fits.NO), ("xlsx", Fits.YES)]
    assert "41 columns" in result.formats[0].message


def test_postgresql_prepares_the_query_without_running_it(postgres_url):
    query = "select 1.5::numeric(9,2) as d, :when as w, pg_sleep(20)::text as z from generate_series(1, 500)"
    parameters = [Parameter(name="when", type="datetime", required=True)]
    start = time.monotonic()
    result = check(target("postgresql", postgres_url, query, parameters=parameters), {"when": "2024-01-01T10:00:00Z"})
    assert time.monotonic() - start < 3
    assert [column.type for column in result.columns] == ["decimal128(9, 2)", "timestamp[us, tz=UTC]", "string"]
    assert result.estimated_rows == 500
    assert check(target("postgresql", postgres_url, "select nothing"), {}).errors
    with pytest.raises(InvalidParameters):
        check(target("postgresql", postgres_url, query, parameters=parameters), {"when": "soon"})


def test_mariadb_prepares_the_query_without_running_it(mariadb_url):
    start = time.monotonic()
    result = check(target("sql", mariadb_url, "select cast(1.5 as decimal(9,2)) as d, sleep(20) as z"), {})
    assert time.monotonic() - start < 3
    assert result.columns[0] == Column("d", "decimal128(9, 2)")
    assert result.types_are_certain


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select seq from seq_1_to_3000 where :least < 5", 3_000),
        ("select a.seq from seq_1_to_30 a cross join seq_1_to_20 b", 600),
        ("select seq from seq_1_to_30 union all select seq from seq_1_to_20", 50),
        ("select * from (select seq from seq_1_to_70) t", 70),
        ("select seq from seq_1_to_3000 limit 5, 10", 10),
        ("select seq from seq_1_to_3000 where 1 = 0", 0),
        ("select '%' as per_cent", 1),
    ],
)
def test_mariadb_estimates_rows(mariadb_url, query, rows):
    parameters = [Parameter(name="least", type="integer")]
    result = check(target("sql", mariadb_url, query, parameters=parameters), {"least": 1})
    assert result.errors == []
    assert result.estimated_rows == rows


def test_an_unreachable_server_is_given_up_soon():
    start = time.monotonic()
    # An address reserved for documentation: nothing responds there.
    result = check(target("sql", "mysql://u:hush@192.0.2.1/x", "select 1"), {})
    assert time.monotonic() - start < 8
    assert result.errors
    assert "hush" not in result.driver_message


def test_a_check_leaves_no_files_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "t.csv").write_text("a\n1\n")
    check(target("files", tmp_path / "t.csv", "from t"), {})
    assert not [path for path in Path(tmp_path).iterdir() if path.name.startswith("reportserver-check")]
