"""SQLite: exact values, columns with a type for everything in them, and read-only access."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.exceptions import QueryFailed, QueryTimeout, SourceUnavailable, SourceUnusable
from reports.parameters.values import TypedValue
from reports.sources import read
from reports.sources.base import SourceSpec
from reports.sources.sqlite.column_types import schema_for, to_array, types_in
from reports.sources.sqlite.source import SqliteSource


@pytest.fixture
def make(tmp_path):
    """Create a database from SQL and rows. Its name needs percent-encoding in a URI."""
    path = tmp_path / "flüge #1? 100%.db"

    def build(*statements: str, rows: list[tuple] = ()) -> SourceSpec:
        with closing(sqlite3.connect(path)) as con, con:
            for statement in statements:
                con.execute(statement)
            if rows:
                con.executemany(f"insert into t values ({', '.join('?' * len(rows[0]))})", rows)
        return SourceSpec(kind="sqlite", location=str(path))

    return build


VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()


def exact(value, stored) -> bool:
    """The forms a value may take in a column with others: itself, an equal number, or its text."""
    if stored == value:
        return True
    return isinstance(stored, str) and stored in (
        str(value),
        f"X'{value.hex().upper()}'" if isinstance(value, bytes) else "",
    )


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_no_value_is_changed_by_its_neighbors(values):
    schema = schema_for(["a"], [types_in(values)])
    stored = to_array(values, schema.field(0).type).to_pylist()
    assert all(exact(value, kept) for value, kept in zip(values, stored, strict=True))


@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_value_in_a_later_batch_fits_or_restarts_the_query(batches):
    kinds, flat = frozenset(), [v for batch in batches for v in batch]
    for batch in batches:
        kinds |= types_in(batch)
    type = schema_for(["a"], [kinds]).field(0).type
    assert type == schema_for(["a"], [types_in(flat)]).field(0).type


def test_big_integers_all_scripts_and_bytes_arrive_unchanged(make, fetch):
    row = (2**63 - 1, "日本 🛫 e\u0301", b"\0\xff", 0.1, None)
    spec = make("create table t (i, s, b, f, n)", rows=[row, (-(2**63), "", b"", 1e-300, None)])
    table = fetch(spec, "select * from t")
    assert [str(type) for type in table.schema.types] == ["int64", "string", "binary", "double", "string"]
    assert tuple(table.to_pylist()[0].values()) == row


def test_a_value_that_does_not_fit_after_10_000_rows_widens_its_column(make, fetch):
    rows = [(i, i, None, 2**53 + 1) for i in range(10_050)] + [("n/a", 0.5, 7, 0.5)]
    table = fetch(make("create table t (a, b, c, d)", rows=rows), "select * from t")
    assert [str(type) for type in table.schema.types] == ["string", "double", "int64", "string"]
    assert table.num_rows == 10_051
    assert table.to_pylist()[-1] == {"a": "n/a", "b": 0.5, "c": 7, "d": "0.5"}
    assert table.to_pylist()[0] == {"a": "0", "b": 0.0, "c": None, "d": "9007199254740993"}


def test_an_empty_result_has_columns(make, fetch):
    table = fetch(make("create table t (a, b)"), "select * from t")
    assert table.schema.names == ["a", "b"]
    assert table.num_rows == 0


def test_columns_with_the_same_name_get_unique_names(make, fetch):
    names = fetch(make("create table t (a)"), "select 1 as a, 2 as a, 3 as a_2, 4 as ''").schema.names
    assert names == ["a", "a_3", "a_2", "column_4"]


def test_values_are_bound_as_sqlite_stores_them(make, fetch):
    values = {
        "s": TypedValue("string", "'; drop table t; --"),
        "d": TypedValue("date", date(2024, 2, 29)),
        "t": TypedValue("datetime", datetime(2024, 2, 29, 10, 0, 0, 5, tzinfo=UTC)),
        "b": TypedValue("boolean", True),
        "n": TypedValue("number", Decimal("0.1")),
        "w": TypedValue("number", Decimal("9007199254740993")),
        "z": TypedValue("integer", None),
    }
    row = fetch(make("create table t (a)"), "select :s, :d, :t, :b, :n, :w, :z", **values).to_pylist()[0]
    assert list(row.values()) == [
        "'; drop table t; --", "2024-02-29", "2024-02-29 10:00:00.000005", 1, 0.1, 9007199254740993, None,
    ]  # fmt: skip


def test_a_list_matches_its_values_and_an_empty_list_nothing(make, fetch):
    spec = make("create table t (a)", rows=[("x",), ("y",), ("a,b",)])
    some, none = TypedValue("string", ("x", "a,b")), TypedValue("string", ())
    null = TypedValue("string", None)

    def count(condition: str, names: TypedValue) -> int:
        return fetch(spec, f"select count(*) as n from t where {condition}", names=names).to_pylist()[0]["n"]

    assert count("a in :names", some) == count("a in (:names)", some) == 2
    assert count("a not in :names", some) == 1
    assert count("a in :names", none) == count("a in (:names)", none) == 0
    assert count("a not in :names", none) == 3
    assert count("a in :names", null) == count("a in (:names)", null) == 0
    assert count(":names is null or a in :names", null) == 3
    assert count(":names is null or a in :names", some) == 2


def test_a_list_may_have_a_thousand_values(make, fetch):
    names = TypedValue("integer", tuple(range(1_000)))
    spec = make("create table t (a)", rows=[(5,), (1_000,)])
    assert fetch(spec, "select a from t where a in :names", names=names).num_rows == 1


@pytest.mark.parametrize(
    "query",
    [
        "insert into t values (1)",
        "delete from t",
        "update t set a = 1",
        "update sqlite_master set sql = ''",
        "create table x (a)",
        "create temp table x (a)",
        "drop table t",
        "attach 'other.db' as o",
        "pragma query_only = off",
        "select * from pragma_table_info('t')",
        "select load_extension('x')",
        "vacuum",
        "vacuum into 'copy.db'",
        "begin",
        "reindex",
        "with x as (select 1) insert into t select * from x",
        "select 1; drop table t",
    ],
)
def test_every_statement_that_is_not_a_query_is_refused(make, fetch, query, tmp_path):
    spec = make("create table t (a)")
    before = (tmp_path / "flüge #1? 100%.db").read_bytes()
    with pytest.raises(QueryFailed) as caught:
        fetch(spec, query)
    assert "only read" in caught.value.message or "more than one" in caught.value.message
    assert (tmp_path / "flüge #1? 100%.db").read_bytes() == before


def test_json_and_full_text_tables_can_be_read(make, fetch):
    spec = make("create virtual table f using fts5(x)", "insert into f values ('hello world')")
    assert fetch(spec, "select x from f where f match 'hello'").num_rows == 1
    assert fetch(spec, "select value from json_each('[1, 2]')").num_rows == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select * from secrets", "table or column that does not exist"),
        ("select secret", "table or column that does not exist"),
        ("select nofunction(1)", "function or operator"),
        ("selec 1", "not valid SQL"),
        ("select :nobody", ":nobody, which the report does not declare"),
        ("select cast(x'ff' as text)", "not valid UTF-8"),
        ("select abs(-9223372036854775808)", "could not compute"),
        ("select randomblob(1000000000)", "more memory"),
    ],
)
def test_a_failed_query_is_explained_without_repeating_it(make, fetch, query, words):
    with pytest.raises(QueryFailed) as caught:
        fetch(make("create table t (a)"), query)
    assert words in caught.value.message
    assert "secret" not in caught.value.message


def test_a_query_that_takes_too_long_is_stopped(make, fetch, limits):
    endless = "with recursive r(x) as (select 1 union all select x + 1 from r) select sum(x) from r"
    started = time.monotonic()
    with pytest.raises(QueryTimeout):
        fetch(make("create table t (a)"), endless, replace(limits, timeout_seconds=1))
    assert time.monotonic() - started < 15


def test_rows_that_take_too_long_are_stopped(make, fetch, limits):
    endless = "with recursive r(x) as (select 1 union all select x + 1 from r) select x from r"
    with pytest.raises(QueryTimeout):
        fetch(make("create table t (a)"), endless, replace(limits, timeout_seconds=1))


def test_a_missing_or_foreign_file_makes_the_source_unusable(fetch, tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database, but long enough to have a header" * 50)
    for location in (tmp_path / "secret.db", tmp_path, tmp_path / "x.db"):
        with pytest.raises(SourceUnusable) as caught:
            fetch(SourceSpec(kind="sqlite", location=str(location)), "select * from t")
        assert caught.value.code == "source_unavailable"
        assert not caught.value.retryable
        assert str(tmp_path) not in caught.value.message


def test_a_locked_file_can_be_read_later(make, limits):
    spec = make("create table t (a)")
    source = SqliteSource(lock_wait_seconds=0.1)
    with closing(sqlite3.connect(spec.location)) as writer:
        writer.execute("begin exclusive")
        with pytest.raises(SourceUnavailable) as caught, read(spec, "select * from t", {}, limits, source=source):
            pass
        assert caught.value.retryable


def test_long_rows_arrive_in_smaller_batches(make, limits):
    spec = make("create table t (a)", rows=[("x" * 200_000,)] * 600)
    with read(spec, "select a from t", {}, limits) as rows:
        sizes = [batch.num_rows for batch in rows.batches]
    assert sum(sizes) == 600
    assert max(sizes) < 200


def test_reading_can_stop_early(make, limits):
    spec = make("create table t (a)", rows=[(i,) for i in range(30_000)])
    with SqliteSource().read(spec, "select a from t", {}, limits) as rows:
        assert next(rows.batches).num_rows == 10_000
