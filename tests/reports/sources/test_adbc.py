"""Databases with an ADBC driver: those of SQLite, DuckDB and PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest

from reports.exceptions import QueryFailed, QueryTimeout, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import catalog, describe, errors, excess_rights, read
from reports.sources.adbc.url import AdbcUrl, url_error
from reports.sources.base import Limits, SourceSpec
from reports.sources.rights import Excess


def adbc(driver: str, **options: str) -> SourceSpec:
    encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return SourceSpec(kind="adbc", location=f"adbc://{driver}?{encoded}")


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "a b#c.db")) as database, database:
        database.execute("create table t (n integer, x real, s text, b blob)")
        rows = [(2**63 - 1, 0.1, "ünï 🛫", b"\x00\xff"), (-1, -1e300, "", b""), (None,) * 4]
        database.executemany("insert into t values (?, ?, ?, ?)", rows)
    return tmp_path / "a b#c.db"


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    with duckdb.connect(tmp_path / "a.duckdb") as database:
        database.execute("set TimeZone = 'UTC'")
        database.execute(f"create table every_type as select {DUCKDB_VALUES}")
        database.execute("create table numbers as select range::bigint as n from range(100000)")
    return tmp_path / "a.duckdb"


DUCKDB_VALUES = """true as yes, 127::tinyint as tiny, 18446744073709551615::ubigint as big,
    -12.50::decimal(12,2) as money,
    1234567890123456789012345678.0123456789::decimal(38,10) as wide, 0.1::double as d, 'ünï 🛫' as s,
    '\\x00ff'::blob as b,
    date '2024-02-29' as day, time '23:59:59.123456' as clock, timestamp '2024-02-29 23:59:59.123456' as at,
    timestamptz '2024-02-29 12:00:00+02' as zoned, [1, null] as list, {'a': 1} as struct"""


def test_sqlite_rows_arrive_as_its_driver_reads_them(sqlite_file, fetch):
    table = fetch(adbc("sqlite", uri=str(sqlite_file)), "select * from t")
    assert table.schema.types == [pa.int64(), pa.float64(), pa.string(), pa.binary()]
    assert table.to_pylist() == [
        {"n": 2**63 - 1, "x": 0.1, "s": "ünï 🛫", "b": b"\x00\xff"},
        {"n": -1, "x": -1e300, "s": "", "b": b""},
        {"n": None, "x": None, "s": None, "b": None},
    ]


def test_every_type_of_duckdb_arrives_exactly(duckdb_file, fetch):
    spec = adbc("duckdb", path=str(duckdb_file))
    (row,) = fetch(spec, "select * from every_type").to_pylist()
    assert row == {
        "yes": True, "tiny": 127, "big": 2**64 - 1, "money": Decimal("-12.50"),
        "wide": Decimal("1234567890123456789012345678.0123456789"), "d": 0.1, "s": "ünï 🛫", "b": b"\x00ff",
        "day": date(2024, 2, 29), "clock": datetime(2024, 1, 1, 23, 59, 59, 123456).time(),
        "at": datetime(2024, 2, 29, 23, 59, 59, 123456), "zoned": datetime(2024, 2, 29, 10, tzinfo=UTC),
        "list": [1, None], "struct": {"a": 1},
    }  # fmt: skip
    described = describe(spec, "select * from every_type", {}, LIMITS)
    assert described.schema.field("wide").type == pa.decimal128(38, 10) and described.certain


LIMITS = Limits(timeout_seconds=20, memory_bytes=300_000_000, temp_dir=Path("unused"))


def test_postgresql_is_read_as_by_its_own_kind(postgres_url, fetch):
    spec = adbc("postgresql", uri=postgres_url)
    query = "select 1.10::numeric as n, '{1,2}'::int[] as a, :t as t, current_setting('transaction_read_only') as ro"
    table = fetch(spec, query, t=TypedValue("string", "'; drop table x"))
    assert table.to_pylist() == [{"n": Decimal("1.10"), "a": [1, 2], "t": "'; drop table x", "ro": "on"}]
    assert Excess.SUPERUSER in excess_rights(spec, LIMITS)
    assert catalog.tables(spec, LIMITS, search="", most=5) is not None


VALUES = {
    "i": TypedValue("integer", 2**63 - 1),
    "n": TypedValue("number", Decimal("1E+2")),
    "f": TypedValue("number", Decimal("0.10")),
    "b": TypedValue("boolean", True),
    "d": TypedValue("date", date(2024, 2, 29)),
    "t": TypedValue("datetime", datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=UTC)),
    "z": TypedValue("integer", None),
    "many": TypedValue("integer", (1, 2)),
    "none": TypedValue("string", ()),
}


def test_values_are_bound_with_their_types(duckdb_file, sqlite_file, fetch):
    query = "select :i as i, :n as n, :f as f, :b as b, :d as d, :t as t, :z is null as z"
    query += ", 2 in :many as m, 'x' in :none as o"
    (row,) = fetch(adbc("duckdb", path=str(duckdb_file)), query, **VALUES).to_pylist()
    assert row == {
        "i": 2**63 - 1, "n": 100, "f": Decimal("0.10"), "b": True, "d": date(2024, 2, 29),
        "t": datetime(2024, 2, 29, 12, 0, 0, 5), "z": True, "m": True, "o": False,
    }  # fmt: skip
    (row,) = fetch(adbc("sqlite", uri=str(sqlite_file)), query, **VALUES).to_pylist()
    assert row == {
        "i": 2**63 - 1, "n": 100, "f": 0.1, "b": 1, "d": "2024-02-29", "t": "2024-02-29 12:00:00.000005", "z": 1,
        "m": 1, "o": 0,
    }  # fmt: skip


def test_integers_that_a_driver_has_rounded_are_refused(sqlite_file, fetch):
    spec = adbc("sqlite", uri=str(sqlite_file))
    with pytest.raises(QueryFailed, match=r"“v” has integers that this driver rounds.*kind sqlite"):
        fetch(spec, "select 9007199254740993 as v union all select 0.5")
    with pytest.raises(QueryFailed, match="several types"):
        fetch(
            spec, f"select 1 as v union all {' union all '.join(['select 2'] * 10)} union all select 'x' from t where 0"
        )
        fetch(spec, "with recursive c(i) as (select 1 union all select i + 1 from c where i < 5000)"
                    " select case when i = 4000 then 'x' else i end as v from c")  # fmt: skip


WRITING = [
    "insert into t values (1, 2, 'x', x'')", "delete from t", "pragma query_only = off", "attach 'x' as y",
    "with x as (select 1) delete from t",
]  # fmt: skip


@pytest.mark.parametrize("query", WRITING)
def test_only_queries_run(query, sqlite_file, fetch):
    before = sqlite_file.read_bytes()
    with pytest.raises(QueryFailed, match=errors.NOT_READ_ONLY):
        fetch(adbc("sqlite", uri=str(sqlite_file)), query)
    assert sqlite_file.read_bytes() == before


def test_a_driver_cannot_write_or_read_other_files(sqlite_file, duckdb_file, tmp_path, fetch):
    absent = tmp_path / "absent.db"
    for uri in (str(absent), f"file:{absent}?mode=rwc"):
        with pytest.raises(SourceUnavailable):
            fetch(adbc("sqlite", uri=uri), "select 1 as one from sqlite_master")
    assert not absent.exists()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for options in ({}, {"enable_external_access": "true", "access_mode": "READ_WRITE"}):
        spec = adbc("duckdb", path=str(duckdb_file), **options)
        with pytest.raises(QueryFailed):
            fetch(spec, f"select * from read_csv('{tmp_path}/secret.csv')")
        assert excess_rights(spec, LIMITS) == []


def test_a_query_ends_at_its_time_limit(duckdb_file, limits):
    spec = adbc("duckdb", path=str(duckdb_file))
    short = Limits(timeout_seconds=1, memory_bytes=limits.memory_bytes, temp_dir=limits.temp_dir)
    query = "select count(*) as n from range(1000000000000) as r(i) where i % 7 = 3"
    with pytest.raises(QueryTimeout), read(spec, query, {}, short) as rows:
        list(rows.batches)


def test_rows_are_read_as_they_are_needed(duckdb_file, limits):
    spec = adbc("duckdb", path=str(duckdb_file))
    # As many rows as never fit in memory; leaving them unread ends the query.
    query = "select a.n from numbers a cross join numbers b"
    with read(spec, query, {}, limits) as rows:
        assert next(iter(rows.batches)).num_rows > 0


def test_tables_are_those_that_the_driver_lists(sqlite_file, duckdb_file):
    (table,) = catalog.tables(adbc("sqlite", uri=str(sqlite_file)), LIMITS, search="", most=10)
    assert (table.name, table.columns[0]) == ("t", ("n", "INTEGER"))
    names = [
        table.reference for table in catalog.tables(adbc("duckdb", path=str(duckdb_file)), LIMITS, search="n", most=9)
    ]
    assert names == ["every_type", "numbers"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("select nope from t", errors.NO_SUCH_NAME),
        ("select * from nope", errors.NO_SUCH_NAME),
        ("select nope(1)", errors.NO_SUCH_FUNCTION),
        ("select from where", errors.BAD_SYNTAX),
        ("select 1; select 2", "more than one statement"),
        ("select :other", "does not declare"),
    ],
)
def test_errors_say_what_is_wrong(query, sentence, sqlite_file, fetch):
    with pytest.raises(QueryFailed, match=sentence):
        fetch(adbc("sqlite", uri=str(sqlite_file)), query)


def test_a_driver_that_is_not_installed_is_named(fetch):
    with pytest.raises(SourceUnusable, match="The ADBC driver nosuch is not installed"):
        fetch(adbc("nosuch", uri="x"), "select 1")


def test_secrets_are_not_in_errors(fetch):
    spec = adbc("postgresql", uri="postgresql://reader:s3cret%2Fword@127.0.0.1:1/x")
    assert "s3cret" not in repr(spec) + repr(AdbcUrl.of(spec.location))
    with pytest.raises(SourceUnavailable) as caught:
        fetch(spec, "select 1")
    assert "s3cret" not in str(caught.value.details) + caught.value.message
    url = AdbcUrl.of("adbc://snowflake?uri=u%3As3cret%40h&password=pass-w&adbc.x.auth_token=to-ken")
    assert url.without_secrets("pass-w to-ken plain") == "*** *** plain"
    with pytest.raises(SourceUnusable) as unknown:
        fetch(adbc("sqlite", uri=":memory:", password="pass-w"), "select 1")
    assert "pass-w" not in str(unknown.value.details)


@pytest.mark.parametrize(
    "url",
    [
        "adbc:sqlite", "adbc://", "adbc:///lib.so", "adbc://../lib.so?uri=x", "adbc://a.so?uri=x", "adbc://sqlite/x?uri=y",
        "adbc://sqlite?uri", "adbc://sqlite?driver=x", "adbc://sqlite?profile=x", "adbc://sqlite?uri=a&uri=b",
        "adbc://postgresql?uri=x&adbc.y=z", "postgresql://a:b@c/d", "adbc://sqlite?uri=x#y",
    ],
)  # fmt: skip
def test_a_url_that_is_not_one_of_a_driver_is_refused(url, fetch):
    assert url_error(url)
    with pytest.raises(SourceUnusable, match="URL is not valid"):
        fetch(SourceSpec(kind="adbc", location=url), "select 1")
