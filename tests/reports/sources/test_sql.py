"""Other database servers, through SQLAlchemy: a real MariaDB."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pymysql
import pytest

from reports.engine import RunSpec, run
from reports.exceptions import QueryFailed, QueryTimeout, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import describe, end_orphaned_query, errors, read
from reports.sources.base import Limits, SourceSpec
from reports.sources.sql.source import bind


@pytest.fixture(scope="module")
def spec(mariadb_url) -> SourceSpec:
    return SourceSpec(kind="sql", location=mariadb_url)


@pytest.fixture(scope="module")
def server(mariadb_url) -> Iterator[Any]:
    """A cursor with all privileges."""
    url = urlsplit(mariadb_url)
    with pymysql.connect(host="127.0.0.1", port=url.port, user="root", database="reports", autocommit=True) as root:
        yield root.cursor()


COLUMNS = """i int, big bigint unsigned, wide decimal(65,30), money decimal(12,2), d double, day date, at datetime(6),
at0 datetime, t time, t3 time(3), y year, s varchar(50), doc json, bin varbinary(10), bits bit(9), e enum('a','b'),
yes boolean, ts timestamp null"""
VALUES = """2147483647, 18446744073709551615, 12345678901234567890123456789012345.123456789012345678901234567890,
-12.50, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '2024-01-01 10:00:00', '10:30:00', '23:59:59.5', 2024,
'ünï 日本 🛫', '{"a": [1]}', x'00ff', b'101010101', 'b', true, '2024-07-01 12:00:00'"""


def test_every_type_arrives_exactly_and_null_is_null(spec, server, fetch):
    server.execute(f"create or replace table every_type ({COLUMNS})")
    server.execute("set time_zone = '+02:00'")
    server.execute(f"insert into every_type values ({VALUES})")
    server.execute("set time_zone = '+00:00'")
    server.execute("insert into every_type () values ()")
    table = fetch(spec, "select * from every_type order by i desc")
    assert table.to_pylist()[0] == {
        "i": 2_147_483_647, "big": 2**64 - 1,
        "wide": Decimal("12345678901234567890123456789012345.123456789012345678901234567890"),
        "money": Decimal("-12.50"), "d": 0.1, "day": date(2024, 2, 29),
        "at": datetime(2024, 2, 29, 23, 59, 59, 123456), "at0": datetime(2024, 1, 1, 10), "t": clock(10, 30),
        "t3": clock(23, 59, 59, 500_000), "y": 2024, "s": "ünï 日本 🛫", "doc": '{"a": [1]}', "bin": b"\x00\xff",
        "bits": b"\x01\x55", "e": "b", "yes": 1, "ts": datetime(2024, 7, 1, 10),
    }  # fmt: skip
    assert set(table.to_pylist()[1].values()) == {None}
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    assert types == {
        "i": pa.int64(), "big": pa.uint64(), "wide": pa.decimal256(65, 30), "money": pa.decimal128(12, 2),
        "d": pa.float64(), "day": pa.date32(), "at": pa.timestamp("us"), "at0": pa.timestamp("s"),
        "t": pa.time32("s"), "t3": pa.time32("ms"), "y": pa.int64(), "s": pa.string(), "doc": pa.json_(pa.string()),
        "bin": pa.binary(), "bits": pa.binary(), "e": pa.string(), "yes": pa.int64(), "ts": pa.timestamp("s"),
    }  # fmt: skip


def test_an_empty_result_has_the_types_of_its_columns(spec, server, fetch):
    server.execute("create or replace table empty_one (n decimal(9,3), at datetime)")
    table = fetch(spec, "select * from empty_one")
    assert table.schema.types == [pa.decimal128(9, 3), pa.timestamp("s")]
    assert table.num_rows == 0


def test_a_date_or_time_outside_of_any_calendar_is_text_as_the_server_writes_it(spec, server, fetch):
    server.execute("create or replace table odd (n int, day date, t time)")
    server.execute("set sql_mode = ''")
    server.execute("insert into odd values (1, '2024-01-31', '-838:59:59'), (2, '0000-00-00', '00:00:01')")
    assert fetch(spec, "select day, t from odd order by n").to_pylist() == [
        {"day": "2024-01-31", "t": "-838:59:59"},
        {"day": "0000-00-00", "t": "00:00:01"},
    ]


def test_a_late_value_that_does_not_fit_restarts_the_query(spec, tmp_path, limits, document):
    query = "select cast(if(seq = 25000, '900:00:00', '01:00:00') as time) as t from seq_1_to_25000"
    query = query.replace("900", "100")
    run_spec = RunSpec(source=spec, query=query, values={}, formats=("csv",), document=document, limits=limits)
    assert run(run_spec, tmp_path / "out.csv", lambda rows, size, total: None).rows == 25_000
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert (lines[1], lines[-1]) == ("01:00:00", "100:00:00")


def test_values_of_every_type_are_bound(spec, fetch):
    values = {
        "s": TypedValue("string", 'it\'s a \\ "test" %s %(p1)s'),
        "i": TypedValue("integer", 2**63 - 1),
        "n": TypedValue("number", Decimal("1E+2")),
        "f": TypedValue("number", Decimal("0.10")),
        "b": TypedValue("boolean", True),
        "d": TypedValue("date", date(2024, 2, 29)),
        "t": TypedValue("datetime", datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=UTC)),
        "z": TypedValue("integer", None),
    }
    query = (
        "select :s s, :i i, :n n, :f + 0 f, :b b, date_add(:d, interval 1 day) d, "
        "timestamp '2024-02-29 12:00:00.000005' = :t t, :z is null z, '100%' p, 5 % 3 m, :s = :s same"
    )
    assert fetch(spec, query, **values).to_pylist() == [
        {"s": values["s"].value, "i": 2**63 - 1, "n": 100, "f": Decimal("0.10"), "b": 1, "d": "2024-03-01", "t": 1,
         "z": 1, "p": "100%", "m": 2, "same": 1}
    ]  # fmt: skip


def test_a_list_works_in_in_only_and_an_empty_list_matches_nothing(spec, fetch):
    few, none = TypedValue("integer", (1, 3)), TypedValue("integer", ())
    query = "select 1 in :few a, 2 in (:few) b, 1 in :none c, 1 not in :none d, 1 not in (:none) e"
    assert fetch(spec, query, few=few, none=none).to_pylist() == [{"a": 1, "b": 0, "c": 0, "d": 1, "e": 1}]
    with pytest.raises(QueryFailed, match="can only be used as “in :names”"):
        fetch(spec, "select :few", few=few)


def test_a_percent_sign_stays_with_and_without_values(spec, fetch):
    assert fetch(spec, "select '%s %% %d' as a").to_pylist() == [{"a": "%s %% %d"}]
    one = TypedValue("integer", 1)
    assert fetch(spec, "select '%s %% %d' as a, :one b", one=one).to_pylist() == [{"a": "%s %% %d", "b": 1}]


WRITES = [
    "delete from kept", "insert into kept values (2)", "update kept set n = 2", "drop table kept", "truncate kept",
    "create table other (n int)", "select * from kept into outfile '/tmp/never'", "select 1 into @a",
    "select * from kept for update", "/* select */ delete from kept", "with x as (select 1) delete from kept",
    "select /*!50000 n into outfile '/tmp/never' */ from kept", "call proc()", "set global max_connections = 1",
    "replace into kept values (3)", "load data infile '/etc/passwd' into table kept", "lock tables kept write",
    "commit", "begin", "select load_file('/etc/passwd')",
    "select `load_file`('/etc/passwd')", "select `LOAD_FILE` /* x */ ('/etc/passwd')", "select `load_file`\n('/x')",
    "kill 1", "grant all on *.* to x",
    "do sleep(0)", "handler kept open",
]  # fmt: skip


@pytest.mark.parametrize("query", WRITES)
def test_every_statement_that_is_not_a_query_is_refused(spec, server, fetch, query):
    server.execute("create or replace table kept (n int)")
    server.execute("insert into kept values (1)")
    with pytest.raises(QueryFailed):
        fetch(spec, query)
    server.execute("select * from kept")
    assert server.fetchall() == ((1,),)


def test_a_function_that_writes_is_stopped_by_the_read_only_transaction(spec, server, fetch):
    server.execute("create or replace table kept (n int)")
    server.execute("drop function if exists sneaky")
    server.execute(
        "create function sneaky() returns int modifies sql data begin insert into kept values (7); return 1; end"
    )
    with pytest.raises(QueryFailed) as caught:
        fetch(spec, "select sneaky()")
    assert caught.value.message == errors.NOT_READ_ONLY
    server.execute("select count(*) from kept")
    assert server.fetchone() == (0,)


@pytest.mark.parametrize("query", ["select sleep(30)", "select count(*) from seq_1_to_100000000 where md5(seq) = 'x'"])
def test_the_server_stops_a_query_that_takes_too_long(spec, fetch, limits, server, query):
    start = time.monotonic()
    with pytest.raises(QueryTimeout):
        fetch(spec, query, replace(limits, timeout_seconds=1))
    assert time.monotonic() - start < 8
    assert still_running(server) == []


def still_running(server: Any) -> list[str]:
    """What other connections than our own do, after giving them a moment to end."""
    for _ in range(50):
        server.execute(
            "select info from information_schema.processlist where id <> connection_id() and command <> 'Daemon'"
        )
        found = [row[0] for row in server.fetchall()]
        if not found:
            break
        time.sleep(0.1)
    return found


def test_stopping_early_discards_the_rows_and_ends_the_query(spec, limits, server):
    start = time.monotonic()
    with read(spec, "select seq, md5(seq) from seq_1_to_50000000", {}, limits) as rows:
        assert next(rows.batches).num_rows > 0
    assert time.monotonic() - start < 8
    assert still_running(server) == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("select * from nowhere", errors.NO_SUCH_NAME),
        ("select nothing from information_schema.tables", errors.NO_SUCH_NAME),
        ("select no_such_function(1)", errors.NO_SUCH_FUNCTION),
        ("select 1 from from x", errors.BAD_SYNTAX),
        ("select cast(18446744073709551615 as unsigned) + 1", errors.BAD_VALUE),
    ],
)
def test_errors_are_explained_in_sentences(spec, fetch, query, sentence):
    with pytest.raises(QueryFailed) as caught:
        fetch(spec, query)
    assert caught.value.message == sentence
    assert "nowhere" not in caught.value.message


def test_columns_with_the_same_name_stay_apart(spec, fetch):
    assert fetch(spec, "select 1 a, 2 a").to_pylist() == [{"a": 1, "a_2": 2}]


def test_refused_access_and_an_unreachable_server_are_different_errors(spec, server, fetch):
    server.execute("create or replace user reader identified by 'hush%!'")
    port = urlsplit(spec.location).port
    with pytest.raises(SourceUnusable) as caught:
        fetch(SourceSpec(kind="sql", location=f"mysql://reader:wrong@127.0.0.1:{port}/reports"), "select 1")
    assert "denied access to the report server" in caught.value.message
    with pytest.raises(SourceUnavailable) as caught:
        fetch(SourceSpec(kind="sql", location="mysql://reader:hush@127.0.0.1:1/reports"), "select 1")
    assert caught.value.retryable
    assert "hush" not in str(caught.value.details)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////etc/passwd", "kind sqlite"),
        ("postgresql://a@b/c", "kind postgresql"),
        ("duckdb:///x", "kind duckdb"),
        ("mysql://a@b/c?local_infile=1", "must not set: local_infile"),
        ("mysql://a@b/c?init_command=x&read_default_file=/etc/x", "must not set: init_command, read_default_file"),
        ("nonsense", "is not valid"),
        ("nosuchdialect://a@b/c", "not installed"),
        ("mssql+pymssql://a@b/c", "not installed"),
    ],
)
def test_an_unusable_url_is_reported(fetch, url, words):
    with pytest.raises(SourceUnusable, match=words):
        fetch(SourceSpec(kind="sql", location=url), "select 1")


def test_a_query_is_described_without_running_it(spec, server, limits):
    server.execute("create or replace table described (n decimal(9,3), s text)")
    found = describe(spec, "select *, sleep(5) as z, :x as x from described", {"x": TypedValue("integer", 1)}, limits)
    assert found.schema.names == ["n", "s", "z", "x"]
    assert found.schema.types[:2] == [pa.decimal128(9, 3), pa.string()]
    assert found.certain
    with pytest.raises(QueryFailed):
        describe(spec, "select nothing from described", {}, limits)


PEAK = """
import resource, sys
from pathlib import Path
from reports.sources import read
from reports.sources.base import Limits, SourceSpec
limits = Limits(timeout_seconds=120, memory_bytes=2**30, temp_dir=Path("/tmp"))
query = f"select seq, md5(seq) as text, repeat('x', 100) as more from seq_1_to_{sys.argv[2]}"
with read(SourceSpec(kind="sql", location=sys.argv[1]), query, {}, limits) as rows:
    count = sum(batch.num_rows for batch in rows.batches)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_stays_flat_with_any_number_of_rows(spec):
    def peak(rows: int) -> int:
        command = [sys.executable, "-c", PEAK, spec.location, str(rows)]
        count, kilobytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert int(count) == rows
        return int(kilobytes)

    assert peak(240_000) < peak(30_000) * 1.15


# ---- without a server


@pytest.mark.parametrize(
    ("style", "sql", "bound"),
    [
        ("qmark", "select ?, ? in (?, ?), '%'", (1, 1, 2, 3)),
        ("format", "select %s, %s in (%s, %s), '%%'", (1, 1, 2, 3)),
        ("pyformat", "select %(p1)s, %(p2)s in (%(p3)s, %(p4)s), '%%'", {"p1": 1, "p2": 1, "p3": 2, "p4": 3}),
        ("named", "select :p1, :p2 in (:p3, :p4), '%'", {"p1": 1, "p2": 1, "p3": 2, "p4": 3}),
        ("numeric", "select :1, :2 in (:3, :4), '%'", (1, 1, 2, 3)),
        ("numeric_dollar", "select $1, $2 in ($3, $4), '%'", (1, 1, 2, 3)),
    ],
)
def test_every_placeholder_style_of_drivers_is_supported(style, sql, bound):
    values = {"a": TypedValue("integer", 1), "many": TypedValue("integer", (2, 3))}
    assert bind("select :a, :a in :many, '%'", values, "standard", style) == (sql, bound)


# ---- orphaned queries


SECONDS_OF_WORK = "select count(*) as n from seq_1_to_1000000 a cross join seq_1_to_1000000 b where a.seq + b.seq = 7"


def read_in_a_process(spec: SourceSpec, folder: Path) -> int:
    """Start a child that runs the query; return its process id."""
    child = os.fork()
    if child == 0:
        try:
            with read(spec, SECONDS_OF_WORK, {}, Limits(timeout_seconds=60, memory_bytes=10**8, temp_dir=folder)):
                pass
        finally:
            os._exit(0)
    return child


def computing(server: Any) -> int:
    server.execute(
        "select count(*) from information_schema.processlist where info like 'select count(*) as n from seq%'"
    )
    return int(server.fetchone()[0])


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_query_of_a_killed_process_is_ended_on_the_server(spec, server, tmp_path):
    child = read_in_a_process(spec, tmp_path)
    until(lambda: computing(server) == 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    time.sleep(0.5)
    assert computing(server) == 1
    end_orphaned_query(spec, tmp_path)
    until(lambda: computing(server) == 0)


def test_another_connection_with_that_number_is_left_alone(spec, server, tmp_path):
    child = read_in_a_process(spec, tmp_path)
    until(lambda: computing(server) == 1)
    note = tmp_path / "connection.json"
    number, address = json.loads(note.read_text())
    note.write_text(json.dumps([number, "192.0.2.1:5"]))
    end_orphaned_query(spec, tmp_path)
    time.sleep(0.5)
    assert computing(server) == 1
    note.write_text(json.dumps([number, address]))
    end_orphaned_query(spec, tmp_path)
    os.waitpid(child, 0)
    until(lambda: computing(server) == 0)


@pytest.mark.parametrize("note", [None, "", "null", "[]", '["x", 1, 2]'])
def test_without_a_recorded_connection_nothing_is_ended(spec, server, tmp_path, note):
    child = read_in_a_process(spec, tmp_path)
    until(lambda: computing(server) == 1)
    other = tmp_path / "other"
    other.mkdir()
    if note is not None:
        (other / "connection.json").write_text(note)
    end_orphaned_query(spec, other)
    time.sleep(0.5)
    assert computing(server) == 1
    end_orphaned_query(spec, tmp_path)
    os.waitpid(child, 0)
