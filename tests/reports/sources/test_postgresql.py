"""A real PostgreSQL server: streamed, bounded, read-only, exact."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from reports.exceptions import QueryFailed, QueryTimeout, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import read
from reports.sources.base import SourceSpec


@pytest.fixture
def spec(postgres_url) -> SourceSpec:
    return SourceSpec(kind="postgresql", location=postgres_url)


def test_types_that_arrow_has_keep_their_values(spec, fetch):
    query = """select 1::smallint a, 2^31::bigint b, 0.5::real c, 'ü'::text d, date '2024-02-29' e, true f,
               timestamptz '2024-02-29 10:00+02' g, timestamp '2024-02-29 10:00' h, '\\x00ff'::bytea i,
               null j, array[1, 2] k"""
    row = list(fetch(spec, query).to_pylist()[0].values())
    assert row == [
        1, 2**31, 0.5, "ü", date(2024, 2, 29), True, datetime(2024, 2, 29, 8, tzinfo=UTC), datetime(2024, 2, 29, 10),
        b"\0\xff", None, [1, 2],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("'1 day'::interval", "1 day"),
        ("'00000000-0000-0000-0000-00000000000a'::uuid", "00000000-0000-0000-0000-00000000000a"),
        ("inet '10.0.0.1'", "10.0.0.1/32"),
        ("bit '101'", "101"),
        ("int4range(1, 2)", "[1,2)"),
        ("point(1, 2)", "(1,2)"),
        ("row(1, 'x')", "(1,x)"),
        ("array[1.1, 2.22]", "{1.1,2.22}"),
        ("timetz '10:00+02'", "10:00:00+02"),
        ("'{\"a\": 1}'::jsonb", '{"a": 1}'),
        ("5.25::money", Decimal("5.25")),
        ("4000000000::oid", 4_000_000_000),
    ],
)
def test_types_that_arrow_lacks_arrive_as_text(spec, fetch, sql, text):
    assert fetch(spec, f'select {sql} as "a""b", 1 as b').to_pylist() == [{'a"b': text, "b": 1}]


@pytest.mark.parametrize(
    ("sql", "type", "value"),
    [
        ("1.10::numeric(10,2)", "decimal128(10, 2)", Decimal("1.10")),
        ("12345678901234567890123456.1::numeric", "decimal128(38, 1)", Decimal("12345678901234567890123456.1")),
        ("sum(9223372036854775807)", "decimal128(38, 0)", Decimal(2**63 - 1)),
        ("avg(0.1)", "decimal128(38, 20)", Decimal("0.1")),
        ("1200::numeric(5,-2)", "decimal128(7, 0)", Decimal(1200)),
        ("null::numeric", "decimal128(38, 0)", None),
        ("1e50::numeric", "numeric", "1" + "0" * 50),
        ("'NaN'::numeric(4,1)", "numeric", "NaN"),
        ("1.5::numeric(60,30)", "decimal256(60, 30)", Decimal("1.5")),
        ("'-1.5'::numeric(76,1)", "decimal256(76, 1)", Decimal("-1.5")),
        ("'NaN'::numeric(60,30)", "numeric", "NaN"),
        ("1.5::numeric(77,30)", "numeric", "1.5" + "0" * 29),
        ("null::numeric(77,30)", "numeric", None),
    ],
)
def test_numeric_is_exact_as_decimal_or_text(spec, fetch, sql, type, value):
    table = fetch(spec, f"select {sql} as n")
    found = table.schema.field("n").type
    assert (found.type_name if isinstance(found, pa.OpaqueType) else str(found)) == type
    assert table.to_pylist() == [{"n": value}]


def test_more_digits_in_a_later_batch_widen_the_column(spec, fetch):
    query = "select case when x < 500000 then x::numeric else x + 0.12345 end as n from generate_series(1, 500000) x"
    table = fetch(spec, query)
    assert table.num_rows == 500_000
    assert table.column("n")[-1].as_py() == Decimal("500000.12345")
    assert table.column("n")[0].as_py() == 1


def test_values_keep_their_types(spec, fetch):
    values = {
        "d": TypedValue("date", date(2024, 2, 29)),
        "t": TypedValue("datetime", datetime(2024, 2, 29, 10, 0, 0, 5, tzinfo=UTC)),
        "b": TypedValue("boolean", False),
        "n": TypedValue("number", Decimal("0.10")),
        "z": TypedValue("integer", None),
        "i": TypedValue("integer", -(2**63)),
        "s": TypedValue("string", "5"),
        "e": TypedValue("string", ""),
    }
    query = (
        "select :d d, :t t, :b b, :n n, :z z, :i i, :s::int + 1 s, :e e, :t = timestamp '2024-02-29 10:00:00.000005' q"
    )
    assert fetch(spec, query, **values).to_pylist() == [
        {"d": date(2024, 2, 29), "t": datetime(2024, 2, 29, 10, 0, 0, 5, tzinfo=UTC), "b": False, "n": Decimal("0.10"),
         "z": None, "i": -(2**63), "s": 6, "e": "", "q": True}
    ]  # fmt: skip


@pytest.mark.parametrize("type", ["string", "integer", "number", "boolean", "date", "datetime"])
def test_a_list_of_any_type_matches_its_values_and_an_empty_list_nothing(spec, fetch, type):
    one = {"string": 'a,"b\\{}', "integer": 1, "number": Decimal("0.1"), "boolean": True, "date": date(2024, 1, 1),
           "datetime": datetime(2024, 1, 1, tzinfo=UTC)}[type]  # fmt: skip
    query = "select :one in :many a, :one in (:many) b, :one = any(:many) c, :one not in :none d, 1 in :null e"
    values = {"many": TypedValue(type, (one, one)), "none": TypedValue(type, ()), "one": TypedValue(type, one)}
    row = fetch(spec, query, null=TypedValue("integer", None), **values).to_pylist()[0]
    assert row == {"a": True, "b": True, "c": True, "d": True, "e": None}


@pytest.mark.parametrize(
    "query",
    [
        "create table x (a int)",
        "create temp table x (a int)",
        "insert into pg_description values (0, 0, 0, '')",
        "with x as (delete from pg_description returning 1) select * from x",
        "select set_config('transaction_read_only', 'off', false)",
        "set transaction read write",
        "commit",
        "begin",
        "copy (select 1) to '{file}'",
        "copy (select 1) to program 'touch {file}'",
        "select 1) to program 'touch {file}' --",
        "select 1) to program 'touch {file}' /*",
        "select 1; create table x (a int)",
        "do $$ begin create table x (a int); end $$",
        "call nothing()",
        "select nextval('s')",
        "vacuum",
        "listen x",
        "select",
    ],
)
def test_every_statement_that_is_not_a_query_is_refused(spec, fetch, query, postgres_url):
    file = Path(f"/tmp/written-by-test-{threading.get_native_id()}")  # noqa: S108 -- the server's user can write here
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create sequence if not exists s")
        with pytest.raises(QueryFailed):
            fetch(spec, query.replace("{file}", str(file)))
        assert not file.exists()
        assert connection.execute("select count(*) from pg_class where relname = 'x'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select * from secrets", "table or column that does not exist"),
        ("select secret", "table or column that does not exist"),
        ("select nofunction('secret')", "function or operator"),
        ("selec 1", "not valid SQL"),
        ("select 'secret'::int", "could not compute or convert"),
        ("select 1 / (500000 - x) from generate_series(1, 1000000) x", "could not compute or convert"),
    ],
)
def test_a_failed_query_is_explained_without_repeating_it(spec, fetch, query, words):
    with pytest.raises(QueryFailed) as caught:
        fetch(spec, query)
    assert words in caught.value.message
    assert "secret" not in caught.value.message
    assert "127.0.0.1" not in caught.value.message


def test_a_missing_permission_is_reported(postgres_url, fetch):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create role reader login")
    with pytest.raises(QueryFailed, match="isn't allowed to run this query"):
        fetch(SourceSpec(kind="postgresql", location=postgres_url.replace("postgres@", "reader@")), "table pg_authid")


@pytest.mark.parametrize(
    "query", ["select pg_sleep(10)", "select x, pg_sleep(0.001) from generate_series(1, 1000000) x"]
)
def test_a_query_that_takes_too_long_is_stopped(spec, fetch, limits, query):
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        fetch(spec, query, replace(limits, timeout_seconds=1))
    assert time.monotonic() - started < 8


def test_reading_can_stop_early(spec, limits, postgres_url):
    started = time.monotonic()
    with read(spec, "select generate_series(1, 1000000000) as x", {}, limits) as rows:
        assert next(rows.batches).num_rows > 0
    assert time.monotonic() - started < 8
    assert _wait_until_nothing_runs(postgres_url)


def _wait_until_nothing_runs(url: str) -> bool:
    running = "select count(*) from pg_stat_activity where application_name = 'reportserver'"
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(200):
            if connection.execute(running).fetchone() == (0,):
                return True
            time.sleep(0.1)
    return False


def test_the_session_names_us_and_has_time_limits(spec, fetch):
    query = "select name, setting from pg_settings where name in ('application_name', 'statement_timeout', 'TimeZone')"
    settings = {row["name"]: row["setting"] for row in fetch(spec, query).to_pylist()}
    assert settings == {"application_name": "reportserver", "statement_timeout": "20000", "TimeZone": "UTC"}


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        (r"e'a\'' -- ' :no\n  '\':no' || :yes", "a'':no!"),
        (r"'\' || :yes", "\\!"),
        ("$$':no$$ || :yes || $a$$$:no$a$", "':no!$$:no"),
        ("/* /* ' */ :no */ :yes", "!"),
        ("u&'\\0041 :no' || :yes", "A :no!"),
        ('(select ":no" from (select \'x\' as ":no") q) || :yes', "x!"),
        (":yes::varchar(1)::text", "!"),
        ("(array['a','b'])[1:2][1] || :yes", None),
        ("(array['a','b'])[2] || :yes", "b!"),
    ],
)
def test_quotes_and_comments_are_recognized_as_by_the_server(spec, fetch, sql, text):
    sql = sql.replace("\\n", "\n")
    rows = fetch(spec, f"select {sql} as t", yes=TypedValue("string", "!")).to_pylist()
    assert rows == [{"t": text}] if text else len(rows) == 1


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("postgresql://postgres@host.invalid/postgres", SourceUnavailable),
        ("postgresql://postgres@127.0.0.1:1/postgres", SourceUnavailable),
        ("postgresql://postgres@{server}/nodatabase", SourceUnusable),
        ("postgresql://stranger:s3cret@{server}/postgres", SourceUnusable),
        ("postgresql://postgres@{server}/postgres?options=-c%20x=y", SourceUnusable),
        ("postgresql://postgres@{server}/postgres?service=x", SourceUnusable),
        ("postgresql://postgres@{server}/postgres?sslmode=require", SourceUnusable),
        ("postgresql://postgres@{server}/postgres?sslmode=nonsense", SourceUnusable),
        ("postgresql://postgres:s3cret@{server}:x:y/postgres", SourceUnusable),
        ("mysql://root:s3cret@{server}/x", SourceUnusable),
        ("host=/etc password=s3cret", SourceUnusable),
        ("postgresql://postgres:s3cret#@{server}/postgres", SourceUnusable),
    ],
)
def test_refused_access_and_an_unreachable_server_are_different_errors(postgres_url, fetch, location, kind):
    location = location.replace("{server}", postgres_url.split("@")[1].split("/")[0])
    with pytest.raises(kind) as caught:
        fetch(SourceSpec(kind="postgresql", location=location), "select 1")
    assert caught.value.retryable is (kind is SourceUnavailable)
    for word in ("127.0.0.1", "host.invalid", "s3cret", "nodatabase", "stranger"):
        assert word not in caught.value.message
    assert "s3cret" not in str(caught.value.details)


@contextmanager
def _killed_after(url: str, seconds: float) -> Iterator[None]:
    def kill() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'reportserver'"
            )

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_connection_lost_while_rows_stream_is_retryable(spec, fetch, postgres_url):
    query = "select x, pg_sleep(0.001) from generate_series(1, 1000000) x"
    with _killed_after(postgres_url, 1), pytest.raises(SourceUnavailable) as caught:
        fetch(spec, query)
    assert caught.value.retryable


def test_memory_stays_flat_with_bound_values(postgres_url, tmp_path):
    script = """
import resource, sys
from pathlib import Path
from reports.parameters.values import TypedValue
from reports.sources import read
from reports.sources.base import Limits, SourceSpec
spec = SourceSpec(kind="postgresql", location=sys.argv[1])
def peak(count):
    values = {"from": TypedValue("integer", 1), "text": TypedValue("string", "it's")}
    query = f"select x, :text || x as s, x * 1.5 as f from generate_series(1, {count}) x where x >= :from"
    with read(spec, query, values, Limits(timeout_seconds=60, memory_bytes=1, temp_dir=Path("."))) as rows:
        assert sum(batch.num_rows for batch in rows.batches) == count
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
few = peak(300_000)
print(peak(2_000_000) - few)
"""
    result = subprocess.run([sys.executable, "-c", script, postgres_url], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 40
