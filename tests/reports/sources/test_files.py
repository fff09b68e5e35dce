"""Folders of files: each file is a table, and nothing else can be reached."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.exceptions import QueryFailed, QueryTimeout, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import read
from reports.sources.base import SourceSpec

ENDLESS = "select count(*) from range(1000000000000) r(x) where x * x % 7 = 3"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "dä'ta"
    folder.mkdir()
    (folder / "t.csv").write_text("a,b\n1,x\n2,y\n")
    with gzip.open(folder / "zipped.csv.gz", "wt") as file:
        file.write("a\n5\n")
    (folder / "lines.ndjson").write_text('{"a": 1}\n{"a": null}\n')
    (folder / "list.json").write_text(json.dumps([{"a": 1, "b": "ü"}]))
    pq.write_table(pa.table({"a": [1, 2, 3]}), folder / "People.parquet")
    (folder / 'it\'s "odd" [1]*.csv').write_text("a\n7\n")
    (folder / "late.csv").write_text("a\n" + "1\n" * 60_000 + "n/a\n")
    (folder / "broken.parquet").write_text("not parquet")
    (folder / ".hidden.csv").write_text("a\n1\n")
    return folder


@pytest.fixture
def spec(folder):
    return SourceSpec(kind="files", location=str(folder))


@pytest.mark.parametrize(
    ("table", "rows"),
    [("t", 2), ("zipped", 1), ("lines", 2), ("list", 1), ("people", 3), ('"it\'s ""odd"" [1]*"', 1), ("late", 60_001)],
)
def test_each_file_is_a_table_with_its_name(spec, fetch, table, rows):
    assert fetch(spec, f"select * from {table}").num_rows == rows


def test_a_source_can_be_a_single_file(folder, fetch):
    spec = SourceSpec(kind="files", location=str(folder / "t.csv"))
    assert fetch(spec, "select sum(a) as s from t").to_pylist() == [{"s": Decimal(3)}]
    with pytest.raises(QueryFailed):
        fetch(spec, "select * from lines")


def test_a_text_after_many_numbers_is_kept(folder, spec, fetch):
    (folder / "late2.ndjson").write_text('{"a": 1}\n' * 60_000 + '{"a": "n/a"}\n')
    assert fetch(spec, "select a from late").to_pylist()[-1] == {"a": "n/a"}
    assert fetch(spec, "select a::varchar as a from late2").num_rows == 60_001


def test_digits_that_are_not_a_number_stay_text(folder, spec, fetch):
    (folder / "codes.csv").write_text("zip,big\n00123,123456789012345678901234\n")
    assert fetch(spec, "select * from codes").to_pylist() == [
        {"zip": "00123", "big": Decimal("123456789012345678901234")}
    ]


def test_a_link_out_of_the_folder_is_not_a_table(folder, spec, fetch, tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(QueryFailed):
        fetch(spec, "select * from link")


def test_two_files_with_one_name_are_refused_only_if_the_query_uses_it(folder, spec, fetch):
    (folder / "T.json").write_text("[]")
    with pytest.raises(SourceUnusable, match="same table"):
        fetch(spec, "select * from t")
    assert fetch(spec, "select * from lines").num_rows == 2


@pytest.mark.parametrize(
    "query",
    [
        "copy t to '{folder}/t.csv'",
        "copy t to '{folder}/new.csv'",
        "copy (select 1) to '/tmp/stolen.csv'",
        "attach '{folder}/x.db'",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
        "reset memory_limit",
        "pragma threads = 1",
        "create table x (a int)",
        "drop view t",
        "create secret (type s3)",
        "export database '{folder}/x'",
        "call pragma_version()",
        "checkpoint",
        "explain analyze select 1",
        "select * from query('drop view t')",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('/proc/self/environ')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from sniff_csv('/etc/passwd')",
        "select * from parquet_metadata('/etc/passwd')",
        "select * from read_csv('https://example.com/x.csv')",
        "select * from read_csv('{folder}/../outside.csv')",
        "select * from query_table('/etc/passwd')",
        "select getenv('HOME')",
        "select * from sqlite_scan('/x.db', 't')",
        "select * from postgres_scan('host=x', 's', 't')",
        "select 1; copy t to '/tmp/stolen.csv'",
    ],
)
def test_nothing_but_the_folder_can_be_read_and_nothing_written(spec, fetch, folder, query):
    (folder / ".." / "outside.csv").write_text("a\n1\n")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(QueryFailed) as caught:
        fetch(spec, query.replace("{folder}", str(folder).replace("'", "''")))
    assert "/" not in caught.value.message
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not Path("/tmp/stolen.csv").exists()  # noqa: S108


def test_python_variables_are_not_tables(spec, fetch):
    rows = pa.table({"a": [1]})
    with pytest.raises(QueryFailed):
        fetch(spec, "select * from rows")
    assert rows.num_rows == 1


def test_values_keep_their_types(spec, fetch):
    values = {
        "d": TypedValue("date", date(2024, 2, 29)),
        "t": TypedValue("datetime", datetime(2024, 2, 29, 10, tzinfo=UTC)),
        "b": TypedValue("boolean", True),
        "n": TypedValue("number", Decimal("0.10")),
        "z": TypedValue("integer", None),
        "Z": TypedValue("integer", 2**63 - 1),
    }
    row = fetch(spec, "select :d d, :t t, :b b, :n n, :z z, :Z big, timestamp '2024-02-29 10:00' = :t same", **values)
    assert row.to_pylist() == [
        {"d": date(2024, 2, 29), "t": datetime(2024, 2, 29, 10, tzinfo=UTC), "b": True, "n": Decimal("0.10"), "z": None,
         "big": 2**63 - 1, "same": True}
    ]  # fmt: skip


@pytest.mark.parametrize("type", ["string", "integer", "number", "boolean", "date", "datetime"])
def test_a_list_of_any_type_matches_its_values_and_an_empty_list_nothing(spec, fetch, type):
    one = {"string": "x", "integer": 1, "number": Decimal("0.1"), "boolean": True, "date": date(2024, 1, 1),
           "datetime": datetime(2024, 1, 1, tzinfo=UTC)}[type]  # fmt: skip
    query = (
        "select (:one in :many) as found, (:one in (:many)) as found2, (:one not in :none) as others, 1 in :null as n"
    )
    values = {"many": TypedValue(type, (one, one)), "none": TypedValue(type, ()), "one": TypedValue(type, one)}
    row = fetch(spec, query, null=TypedValue("integer", None), **values).to_pylist()[0]
    assert row == {"found": True, "found2": True, "others": True, "n": None}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select * from secrets", "table or column that does not exist"),
        ("select secret from t", "table or column that does not exist"),
        ("select nofunction(1)", "function or operator"),
        ("selec 1", "not valid SQL"),
        ("select cast('secret' as int)", "could not compute or convert"),
        ("select cast(b as int) from t", "could not compute or convert"),
    ],
)
def test_a_failed_query_is_explained_without_repeating_it(spec, fetch, query, words):
    with pytest.raises(QueryFailed) as caught:
        fetch(spec, query)
    assert words in caught.value.message
    assert "secret" not in caught.value.message


def test_a_damaged_or_missing_file_makes_the_source_unusable(spec, fetch, tmp_path):
    with pytest.raises(SourceUnusable, match="damaged"):
        fetch(spec, "select * from broken")
    with pytest.raises(SourceUnusable, match="does not exist"):
        fetch(SourceSpec(kind="files", location=str(tmp_path / "nowhere")), "select 1")


def test_the_message_of_error_in_the_query_is_shown(spec, fetch):
    query = "select case when a > 1 then error('There''s no row for that.') else a end as n from t"
    with pytest.raises(QueryFailed, match=r"^There's no row for that[.]$"):
        fetch(spec, query)


@pytest.mark.parametrize("query", [ENDLESS, "select x, sum(x) over (order by x desc) from range(1000000000) r(x)"])
def test_a_query_that_takes_too_long_is_stopped(spec, fetch, limits, query):
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        fetch(spec, query, replace(limits, timeout_seconds=1))
    assert time.monotonic() - started < 15


def test_running_out_of_memory_is_reported(spec, fetch, limits):
    query = "select list(x) from range(100000000) r(x)"
    with pytest.raises(QueryFailed, match="more memory"):
        fetch(spec, query, replace(limits, memory_bytes=50_000_000))


def test_sorting_more_than_memory_spills_into_the_folder_of_the_run(spec, limits):
    assert not limits.temp_dir.exists(), "it is made by whoever needs it"
    small = replace(limits, memory_bytes=150_000_000)
    with read(spec, "select x, md5(x::varchar) as s from range(4000000) r(x) order by s", {}, small) as rows:
        first = next(rows.batches)
        assert [file for file in limits.temp_dir.iterdir() if file.stat().st_size > 0]
        assert first.num_rows + sum(batch.num_rows for batch in rows.batches) == 4_000_000


def test_reading_can_stop_early(spec, limits):
    started = time.monotonic()
    with read(spec, "select * from range(10000000000) r(x)", {}, limits) as rows:
        assert next(rows.batches).num_rows > 0
    assert time.monotonic() - started < 15


def test_memory_stays_flat_over_five_million_rows(tmp_path):
    script = """
import resource, sys
from pathlib import Path
from reports.sources import read
from reports.sources.base import Limits, SourceSpec
folder = Path(sys.argv[1])
(folder / "t.csv").write_text("a\\n1\\n")
spec = SourceSpec(kind="files", location=str(folder))
def peak(count):
    with read(spec, f"select x, 'text ' || x as s, x * 1.5 as f from range({count}) r(x)", {},
              Limits(timeout_seconds=60, memory_bytes=300_000_000, temp_dir=folder)) as rows:
        assert sum(batch.num_rows for batch in rows.batches) == count
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
few = peak(500_000)
print(peak(5_000_000) - few)
"""
    result = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 60
