"""DuckDB database files can be read, and nothing else can."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from reports.exceptions import QueryFailed, QueryTimeout, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import describe, errors, read
from reports.sources.base import SourceSpec


@pytest.fixture
def path(tmp_path) -> Path:
    (tmp_path / "secret.csv").write_text("password\nhush\n")
    path = tmp_path / "source.duckdb"
    with duckdb.connect(path) as database:
        database.execute("create table t as select x as n, 'text ' || x as s, x / 8 as f from range(30000) as r(x)")
        database.execute("create view even as select * from t where n % 2 = 0")
        database.execute(f"create view sneaky as select * from read_csv('{tmp_path}/secret.csv')")
        database.execute("create schema other")
        database.execute("create table other.u (d decimal(38,10), h hugeint, moment timestamptz, l integer[])")
        database.execute("insert into other.u values (1.5, 170141183460469231731687303715884105727, now(), [1, null])")
    return path


@pytest.fixture
def spec(path) -> SourceSpec:
    return SourceSpec(kind="duckdb", location=str(path))


def test_tables_and_views_of_the_file_are_read(spec, fetch):
    assert fetch(
        spec, "select count(*) as c from even where n < :most", most=TypedValue("integer", 10)
    ).to_pylist() == [{"c": 5}]
    table = fetch(spec, "select * from t order by n")
    assert table.schema.types == [pa.int64(), pa.string(), pa.float64()]
    assert table.num_rows == 30_000
    assert fetch(spec, "select * from other.u").schema.names == ["d", "h", "moment", "l"]


def test_a_query_is_described_and_its_rows_estimated_without_running_it(spec, limits):
    with read(spec, "select * from t", {}, limits) as rows:
        assert rows.expected_rows == 30_000
    found = describe(spec, "select n, s, 1.5 as d from t where n = :n", {"n": TypedValue("integer", 1)}, limits)
    assert found.schema == pa.schema([("n", pa.int64()), ("s", pa.string()), ("d", pa.decimal128(2, 1))])
    assert found.certain


@pytest.mark.parametrize(
    "query",
    [
        "insert into t values (1, 'a', 2)",
        "delete from t",
        "drop table t",
        "create table z as select 1",
        "copy t to '/tmp/never.csv'",
        "attach '/tmp/never.duckdb' as x",
        "install httpfs",
        "set memory_limit = '100GB'",
        "pragma enable_profiling",
        "select * from sneaky",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select getenv('HOME')",
        "checkpoint",
        "export database '/tmp/never'",
    ],
)
def test_a_query_reaches_nothing_but_the_rows_of_the_file(spec, path, fetch, query):
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(QueryFailed):
        fetch(spec, query)
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_a_query_that_takes_too_long_is_stopped(spec, fetch, limits):
    start = time.monotonic()
    with pytest.raises(QueryTimeout):
        fetch(spec, "select count(*) from t a, t b, t c where a.n + b.n + c.n = 5", replace(limits, timeout_seconds=1))
    assert time.monotonic() - start < 15


def test_running_out_of_memory_is_reported(spec, fetch, limits):
    small = replace(limits, memory_bytes=20_000_000)
    with pytest.raises(QueryFailed) as caught:
        fetch(spec, "select list(a.s || b.s) as l from t a, t b where b.n < 1000", small)
    assert caught.value.message == errors.NO_MEMORY


def test_a_missing_or_foreign_file_is_reported(tmp_path, fetch):
    with pytest.raises(SourceUnusable, match="does not exist"):
        fetch(SourceSpec(kind="duckdb", location=str(tmp_path / "no.duckdb")), "select 1")
    assert not (tmp_path / "no.duckdb").exists()
    (tmp_path / "text.duckdb").write_text("no database, but long enough to look like one" * 1000)
    with pytest.raises(SourceUnusable, match="not a DuckDB database"):
        fetch(SourceSpec(kind="duckdb", location=str(tmp_path / "text.duckdb")), "select 1")


WRITER = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as database:
    database.execute("create table more (n integer)")
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_another_program_is_writing_can_be_read_later(spec, path, fetch):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(SourceUnavailable, match="Another program is writing") as caught:
            fetch(spec, "select 1")
        assert caught.value.retryable
        writer.stdin.close()
    assert fetch(spec, "select count(*) as c from more").to_pylist() == [{"c": 0}]


def test_two_readers_can_read_at_the_same_time(spec, fetch, limits):
    with read(spec, "select * from t", {}, limits) as rows:
        next(rows.batches)
        assert fetch(spec, "select count(*) as c from t").to_pylist() == [{"c": 30_000}]
