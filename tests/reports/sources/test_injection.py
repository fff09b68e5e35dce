"""A value never becomes SQL: on every engine, any text returns unchanged and nothing else happens."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.parameters.values import TypedValue
from reports.sources.base import SourceSpec

CORPUS = [
    "'", "''", '"', "`", "\\", "\\'", "';", "'; drop table t; --", "' or '1'='1", "' or 1=1 --", '" or ""="',
    "1; select 2",
    "') ; attach 'x' as y; --", "$$", "$tag$", "$1", "?", "?1", "@a", ":value", ":other", "::text", "%s", "%(value)s",
    "{value}", "{}", "{a,b}", "{NULL}", "NULL", "null", "a,b", "[1,2]", '{"a": 1}', "/*", "*/", "--", "-- :value\n",
    "x' union select name from sqlite_master --", "' || (select 1) || '", "E'\\x27'", "U&'\\0027'",
    "\u2019", "\uff07",
    "\u02bc", "\x01\x1f\x7f", "\n", "\r\n", "\t", " ", "", "日本", "🛫", "e\u0301", "\ufeff", "\u202e",
    "0x27", "1e999",
    "current_setting('reportserver.p1')", "pg_sleep(10)",
    "load_extension('x')", "read_csv('/etc/passwd')", "a" * 10_000,
    "'" * 5_000,
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50) | st.sampled_from(
    CORPUS
)


@pytest.fixture
def sqlite_spec(tmp_path):
    with closing(sqlite3.connect(tmp_path / "s.db")) as con, con:
        con.execute("create table t (a)")
        con.execute("insert into t values ('only row')")
    return SourceSpec(kind="sqlite", location=str(tmp_path / "s.db"))


@pytest.fixture
def files_spec(tmp_path):
    (tmp_path / "t.csv").write_text("a\nonly row\n")
    return SourceSpec(kind="files", location=str(tmp_path / "t.csv"))


@pytest.fixture
def sql_spec(mariadb_url):
    return SourceSpec(kind="sql", location=mariadb_url)


@pytest.fixture
def postgresql_spec(postgres_url):
    return SourceSpec(kind="postgresql", location=postgres_url)


@pytest.fixture
def adbc_spec(tmp_path):
    sqlite3.connect(tmp_path / "a.db").close()
    return SourceSpec(kind="adbc", location=f"adbc://sqlite?uri={tmp_path}/a.db")


QUERY = (
    "select :value as back, ':value' as text, \":a\" as name, 1 /* :value */ as one -- :value\n"
    "from (select 'only row' as \":a\") as t where :value = :value and :value in :many and :value in (:many)"
)


@pytest.mark.parametrize("kind", ["sqlite", "files", "postgresql", "sql", "adbc"])
def test_no_value_becomes_sql(kind, request, fetch):
    spec = request.getfixturevalue(f"{kind}_spec")
    many = TypedValue("string", tuple(CORPUS))
    # MySQL quotes names so.
    query = QUERY.replace('"', "`") if kind == "sql" else QUERY
    for text in CORPUS:
        rows = fetch(spec, query, value=TypedValue("string", text), many=many).to_pylist()
        assert rows == [{"back": text, "text": ":value", "name": "only row", "one": 1}]
    assert fetch(spec, "select 1 as n from (select 1 as one) as t where 'absent' in :many", many=many).num_rows == 0


@pytest.mark.parametrize("kind", ["sqlite", "files", "postgresql", "sql", "adbc"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_any_text_returns_unchanged(kind, texts, request, fetch):
    spec = request.getfixturevalue(f"{kind}_spec")
    row = fetch(
        spec,
        "select :value as back from (select 1 as one) as t where :value in :many",
        value=TypedValue("string", texts[0]),
        many=TypedValue("string", tuple(texts)),
    ).to_pylist()  # fmt: skip
    assert row == [{"back": texts[0]}]
