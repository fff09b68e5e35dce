"""Placeholders are found in code only, and nothing else in the query changes."""

from __future__ import annotations

import sqlite3

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.exceptions import QueryFailed
from reports.sources.placeholders import DIALECTS, names, pieces, single_statement, substitute

any_dialect = pytest.mark.parametrize("dialect", DIALECTS)
SNIPPETS = st.sampled_from(
    ["'", "''", '"', "`", "[", "]", "--", "\n", "\r", "/*", "*/", "$$", "$a$", "$", "e'", "E'", "\\", ":x", ":y1", "::",
     ":=", ":", ";", " ", "in", "(", ")", ",", "1", "ü", "😀", "select", "a[1:2]", "\0", "x"]
)  # fmt: skip
QUERIES = st.lists(SNIPPETS | st.text(max_size=3), max_size=30).map("".join)


@any_dialect
@given(query=QUERIES)
def test_replacing_each_placeholder_by_itself_returns_the_query(dialect, query):
    assert substitute(query, dialect, lambda piece: f":{piece.name}") == query
    assert "".join(piece.text for piece in pieces(query, dialect)) == query


@any_dialect
@given(before=st.sampled_from(["", " ", "x ", "1+"]), inside=st.text(max_size=20))
def test_a_placeholder_inside_quotes_or_comments_is_never_found(dialect, before, inside):
    text = f"{inside} :x"
    in_quotes = text.replace("\\", "\\\\") if dialect == "mysql" else text
    quoted = [
        "'" + in_quotes.replace("'", "''") + "'",
        '"' + in_quotes.replace('"', '""') + '"',
        "-- " + text.replace("\n", "").replace("\r", "") + "\n",
        "/*" + text.replace("*", "").replace("/", "") + "*/",
    ]
    if dialect in ("sqlite", "mysql", "standard"):
        quoted += ["`" + text.replace("`", "``") + "`"]
    if dialect == "sqlite":
        quoted += ["[" + text.replace("]", "") + "]"]
    if dialect == "mysql":
        quoted += ["'" + in_quotes.replace("'", "\\'") + "'", "#" + text.replace("\n", "") + "\n"]
    if dialect in ("duckdb", "postgresql"):
        quoted += ["$t$" + text.replace("$", "") + "$t$", " e'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"]
    for sql in quoted:
        assert names(f"{before}{sql}", dialect) == []
        assert names(f"{before}{sql} + :y", dialect) == ["y"]


@pytest.mark.parametrize(
    ("dialect", "query", "expected"),
    [
        ("postgresql", "select a::text, :a::int", ["a"]),
        ("postgresql", "select a[1:2], x := 5", []),
        ("postgresql", r"select e'it\'s :no' , :yes", ["yes"]),
        ("postgresql", r"select 'it\' , :yes", ["yes"]),
        ("postgresql", "select e'a\\'' -- more\n '\\':no' , :yes", ["yes"]),
        ("postgresql", r"select name'\' , :yes", ["yes"]),
        ("postgresql", "select $$ :no $$, $a$ $$ :no $a$, a$b$c, :yes", ["yes"]),
        ("postgresql", "/* /* :no */ :no */ select :yes", ["yes"]),
        ("sqlite", "/* /* :no */ select :yes", ["yes"]),
        ("mysql", r"select 'it\'s :no' , :yes", ["yes"]),
        ("mysql", r'select "it\"s :no" , :yes', ["yes"]),
        ("mysql", "select 5--:yes # :no\n, :more -- :no", ["yes", "more"]),
        ("mysql", "select /* /* :no */ `a:no` , :yes", ["yes"]),
        ("standard", r"select 'it\' , :yes", ["yes"]),
        ("standard", "select 5--:no", []),
        ("sqlite", "select 1 --\r :no\n, :yes", ["yes"]),
        ("duckdb", "select 1 --\r, :yes", ["yes"]),
        ("sqlite", "select [a:b], `:no`, :yes, :Yes, :yes", ["yes", "Yes"]),
        ("sqlite", "select 'unfinished :no", []),
        ("postgresql", "select :naïve", ["naïve"]),
        ("postgresql", "select ':a' || :b || ':c' || :_d1", ["b", "_d1"]),
        ("postgresql", "select 10:30", []),
    ],
)
def test_each_engine_has_its_own_quotes_and_comments(dialect, query, expected):
    assert names(query, dialect) == expected


def test_the_context_of_each_placeholder_is_recognized():
    sql = "a in :a and b not IN /* x */ ( :b ) and c in (:c, 1) and d = :d and e in (1, :e)"
    found = {piece.name: piece.context for piece in pieces(sql, "sqlite") if piece.name}
    assert found == {"a": "in", "b": "in list", "c": "in mixed list", "d": "value", "e": "value"}


@any_dialect
def test_everything_after_the_only_statement_is_stripped(dialect):
    assert single_statement("select ';' ; -- done; \n ; /* ; */", dialect) == "select ';'"
    assert single_statement("select 1 -- :x ;", dialect) == "select 1"


@any_dialect
@pytest.mark.parametrize(
    "query", ["", " ; ", "-- nothing", "select 1; select 2", "select 1;;drop table x", "select\0 1"]
)
def test_an_empty_query_or_a_second_statement_is_refused(dialect, query):
    with pytest.raises(QueryFailed):
        single_statement(query, dialect)


def _sqlite_sees(query: str) -> set[str] | None:
    """The parameters that SQLite finds, by asking for one after the other; None if it refuses the query."""
    con, given = sqlite3.connect(":memory:"), {}
    try:
        while True:
            try:
                con.execute(f"explain {query}", given)
            except sqlite3.ProgrammingError as error:
                if "did not supply a value" not in str(error) or len(given) > 20:
                    return None
                given[str(error).split(":", 1)[1].split(" ")[0].rstrip(".")] = 1
            except (sqlite3.Error, sqlite3.Warning):
                return None
            else:
                return set(given)
    finally:
        con.close()


WELL_FORMED = st.lists(
    st.sampled_from(
        [
            "'a :q'",
            "''",
            "'it''s :q'",
            '":q"',
            "/* :q */",
            "-- :q\n",
            "-- ' \n",
            "/* ' */",
            ":x",
            ":y",
            "1",
            "(:z)",
            "  ",
        ]
    ),
    min_size=1,
    max_size=8,
).map(lambda parts: "select 1 + " + " + 1 + ".join(p for p in parts) + "\n + 1")


@given(WELL_FORMED)
def test_sqlite_sees_the_same_placeholders(query):
    seen = _sqlite_sees(query)
    assert seen is None or seen == set(names(query, "sqlite"))


@given(WELL_FORMED | QUERIES.map(lambda text: f"select 1 + :x {text}"))
def test_duckdb_sees_the_same_placeholders(query):
    with duckdb.connect() as con:
        try:
            statements = con.extract_statements(substitute(query, "duckdb", lambda piece: f"${piece.name}"))
        except (duckdb.Error, UnicodeDecodeError):
            return
    if len(statements) == 1:
        seen = {name.lower() for name in statements[0].named_parameters}
        assert seen <= {name.lower() for name in names(query, "duckdb")} | {"1", "a"}
