"""How far a run is: the planner's expectation, from the source to the job's status."""

from __future__ import annotations

import time
from dataclasses import replace

import duckdb
import pytest

from reports.engine import RunSpec, percent, run
from reports.parameters.values import TypedValue
from reports.sources.base import SourceSpec
from tests.server import Client


@pytest.fixture
def folder(tmp_path) -> SourceSpec:
    place = tmp_path / "tables"
    place.mkdir()
    duckdb.sql(f"copy (select x, x % 7 as seventh from range(100000) as r(x)) to '{place}/many.parquet'")
    duckdb.sql(f"copy (select x, 'text ' || x as text from range(50000) as r(x)) to '{place}/lines.csv'")
    return SourceSpec(kind="files", location=str(place))


@pytest.fixture
def totals(document, limits, tmp_path):
    """What a run tells, batch by batch, as (rows, total)."""

    def told(source: SourceSpec, query: str, **how) -> list[tuple[int, int | None]]:
        spec = RunSpec(source=source, query=query, values={}, format="csv", document=document, limits=limits)
        seen: list[tuple[int, int | None]] = []
        run(replace(spec, **how), tmp_path / "out", lambda rows, size, total: seen.append((rows, total)))
        return seen

    return told


def test_the_rows_of_a_parquet_file_are_known_before_they_are_read(folder, totals):
    seen = totals(folder, "select * from many")
    assert {total for _, total in seen} == {100_000}
    assert seen[0][0] < 100_000


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
def test_limits_products_and_unions_are_counted(folder, limits, query, expected):
    from reports.sources import read

    values = {"most": TypedValue("integer", 500)} if ":most" in query else {}
    with read(folder, query, values, limits) as rows:
        assert rows.expected_rows == expected


def test_the_rows_of_a_csv_file_are_estimated(folder, totals):
    (total,) = {total for _, total in totals(folder, "select * from lines")[:-1]}
    assert 25_000 < total < 100_000


def test_max_rows_is_the_total_where_it_is_less(folder, totals):
    assert totals(folder, "select * from many", max_rows=5_000)[0][1] == 5_000


def test_postgresql_tells_what_its_planner_expects_of_the_values(postgres_url, limits):
    from adbc_driver_postgresql import dbapi

    from reports.sources import read

    with dbapi.connect(postgres_url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists counted as select x from generate_series(1, 20000) as g(x)")
        cursor.execute("analyze counted")
    source = SourceSpec(kind="postgresql", location=postgres_url)
    for most, expected in ((200, 200), (20_000, 20_000)):
        with read(source, "select * from counted where x <= :most", {"most": TypedValue("integer", most)}, limits) as r:
            assert expected * 0.5 <= r.expected_rows <= expected * 1.5
            assert sum(batch.num_rows for batch in r.batches) == most


def test_sqlite_has_no_idea_and_says_so(tmp_path, totals):
    import sqlite3

    sqlite3.connect(tmp_path / "empty.db").close()
    seen = totals(SourceSpec(kind="sqlite", location=str(tmp_path / "empty.db")), "select 1 as one")
    assert seen == [(1, None), (1, 1)]


@pytest.mark.parametrize(
    ("rows", "total", "expected"),
    [(0, 100, 0), (1, 3, 33), (100, 100, 99), (101, 100, None), (5, None, None), (0, 0, None), (10**9, 10**10, 10)],
)
def test_percent_is_99_at_most_and_nothing_once_the_expectation_was_wrong(rows, total, expected):
    assert percent(rows, total) == expected


def test_a_running_job_tells_its_percent(bob: Client):
    job = bob.generate("many-rows", {"copies": 100, "rows": 30_000_000}, format="ndjson")
    try:
        until = time.monotonic() + 30
        seen = None
        while seen is None and time.monotonic() < until:
            status = bob.get(f"/jobs/{job}").json()
            assert status["status"] in ("Queued", "Running")
            seen = status["progress"]["percent"] if status["progress"]["rows"] else None
            time.sleep(0.1)
        assert 0 <= seen < 100
        assert abs(seen - status["progress"]["rows"] / 300_000) < 2
    finally:
        bob.post(f"/jobs/{job}/cancel")
