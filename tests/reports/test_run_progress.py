"""The progress of a run: from the rows that the data source expects to the job's percentage."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from adbc_driver_postgresql import dbapi

from reports.engine import RunSpec, percent, run
from reports.parameters.values import TypedValue
from reports.rendering.base import Document
from reports.sources import read
from reports.sources.base import Limits, SourceSpec
from tests.server import Client

Progress = Callable[..., list[tuple[int, int | None]]]


@pytest.fixture
def tables(tmp_path: Path) -> SourceSpec:
    """A Parquet file with 100,000 rows and a CSV file with 50,000."""
    folder = tmp_path / "tables"
    folder.mkdir()
    duckdb.sql(f"copy (select x, x % 7 as seventh from range(100000) as r(x)) to '{folder}/many.parquet'")
    duckdb.sql(f"copy (select x, 'text ' || x as text from range(50000) as r(x)) to '{folder}/lines.csv'")
    return SourceSpec(kind="files", location=str(folder))


@pytest.fixture
def progress(document: Document, limits: Limits, tmp_path: Path) -> Progress:
    """Runs a query and returns its progress reports: rows so far, and the expected total."""

    def run_query(source: SourceSpec, query: str, **options: Any) -> list[tuple[int, int | None]]:
        spec = RunSpec(source=source, query=query, values={}, formats=("csv",), document=document, limits=limits)
        reports: list[tuple[int, int | None]] = []
        run(replace(spec, **options), tmp_path / "out", lambda rows, size, total: reports.append((rows, total)))
        return reports

    return run_query


def test_the_rows_of_a_parquet_file_are_known_before_they_are_read(tables: SourceSpec, progress: Progress) -> None:
    reports = progress(tables, "select * from many")
    assert {total for _, total in reports} == {100_000}
    assert reports[0][0] < 100_000


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select * from many limit :most", 500),
        ("select * from many cross join range(:most) as r(y)", 50_000_000),
        ("select x from many union all select x from many", 200_000),
        ("select * from many where false", 0),
        ("select 1 as one", 1),
    ],
)
def test_limits_products_and_unions_are_counted(tables: SourceSpec, limits: Limits, query: str, expected: int) -> None:
    values = {"most": TypedValue("integer", 500)} if ":most" in query else {}
    with read(tables, query, values, limits) as rows:
        assert rows.expected_rows == expected


def test_the_rows_of_a_csv_file_are_estimated(tables: SourceSpec, progress: Progress) -> None:
    (total,) = {total for _, total in progress(tables, "select * from lines")[:-1]}
    assert total
    assert 25_000 < total < 100_000


def test_a_lower_row_limit_is_the_total(tables: SourceSpec, progress: Progress) -> None:
    assert progress(tables, "select * from many", max_rows=5_000)[0][1] == 5_000


def test_postgresql_estimates_rows_for_the_values(postgres_url: str, limits: Limits) -> None:
    with dbapi.connect(postgres_url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists counted as select x from generate_series(1, 20000) as g(x)")
        cursor.execute("analyze counted")
    source = SourceSpec(kind="postgresql", location=postgres_url)
    for most, expected in ((200, 200), (20_000, 20_000)):
        values = {"most": TypedValue("integer", most)}
        with read(source, "select * from counted where x <= :most", values, limits) as rows:
            assert rows.expected_rows
            assert expected * 0.5 <= rows.expected_rows <= expected * 1.5
            assert sum(batch.num_rows for batch in rows.batches) == most


def test_sqlite_has_no_estimate(tmp_path: Path, progress: Progress) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    reports = progress(SourceSpec(kind="sqlite", location=str(tmp_path / "empty.db")), "select 1 as one")
    assert reports == [(1, None), (1, 1)]


@pytest.mark.parametrize(
    ("rows", "total", "expected"),
    [(0, 100, 0), (1, 3, 33), (100, 100, 99), (101, 100, None), (5, None, None), (0, 0, None), (10**9, 10**10, 10)],
)
def test_percent_is_at_most_99_and_unknown_after_a_wrong_estimate(
    rows: int, total: int | None, expected: int | None
) -> None:
    assert percent(rows, total) == expected


def test_a_running_job_shows_its_percentage(bob: Client) -> None:
    job = bob.generate("many-rows", {"copies": 100, "rows": 30_000_000}, format="ndjson")
    try:
        until = time.monotonic() + 30
        shown = None
        while shown is None and time.monotonic() < until:
            status = bob.get(f"/jobs/{job}").json()
            assert status["status"] in ("Queued", "Running")
            shown = status["progress"]["percent"] if status["progress"]["rows"] else None
            time.sleep(0.1)
        assert 0 <= shown < 100
        assert abs(shown - status["progress"]["rows"] / 300_000) < 2
    finally:
        bob.post(f"/jobs/{job}/cancel")
