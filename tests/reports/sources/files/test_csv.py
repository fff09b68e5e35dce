"""How a CSV file is read: its notation is fixed, and no guess changes a value."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from reports.sources import read
from reports.sources.base import SourceSpec
from reports.sources.files.csv import csv_view


@pytest.fixture
def rows(tmp_path: Path, fetch):
    """Write a file and return the rows that a query of the table t reads from it."""

    def read_rows(text: str | bytes, query: str = "from t", name: str = "t.csv") -> list[list[object]]:
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        table = fetch(SourceSpec(kind="files", location=str(folder)), query)
        return [table.column_names, *(list(row.values()) for row in table.to_pylist())]

    return read_rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_first_line_shows_the_delimiter(rows, delimiter):
    assert rows(f"a{delimiter}b\n1{delimiter}x y\n") == [["a", "b"], [1, "x y"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b,c|d\n1,2,3\n", [["a", "b", "c|d"], [1, 2, 3]]),
        ('"a;b;c;d",e\n1,2\n', [["a;b;c;d", "e"], [1, 2]]),
        ("name\nx;y\nz;w\n", [["name"], ["x;y"], ["z;w"]]),
        ("name / x;y\n1;2\n", [["name / x", "y"], [1, 2]]),
    ],
)
def test_the_most_frequent_delimiter_outside_of_quotes_counts(rows, text, expected):
    assert rows(text) == expected


def test_nothing_is_a_comment_and_no_line_is_skipped(rows):
    assert rows("#a,b\n#1,'x'\n\n2,y\n") == [["#a", "b"], ["#1", "'x'"], ["2", "y"]]


def test_quotes_protect_delimiters_quotes_and_line_ends(rows):
    assert rows('a,b\n"x,1","say ""hi"""\r\n'.replace("\n", "\r\n", 1) + '"two\nlines",5" wide\r\n') == [
        ["a", "b"],
        ["x,1", 'say "hi"'],
        ["two\nlines", '5" wide'],
    ]


def test_an_empty_field_is_null_and_a_quoted_one_an_empty_text(rows):
    assert rows('a,n\n,\n"",""\nx,1\n') == [["a", "n"], [None, None], ["", None], ["x", 1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,x\n2,y\n", [["column0", "column1"], [1, "x"], [2, "y"]]),
        ("x,y\nz,w\n", [["x", "y"], ["z", "w"]]),
        ("id,name\n1,x\n", [["id", "name"], [1, "x"]]),
        (
            "2024-01-01,1.5\n2024-01-02,2\n",
            [["column0", "column1"], [date(2024, 1, 1), Decimal("1.5")], [date(2024, 1, 2), 2]],
        ),
        ("a,b\n", [["a", "b"]]),
        ("a,b", [["a", "b"]]),
        ("\ufeffa,b\n1,2\n", [["a", "b"], [1, 2]]),
        ("a,A, a ,,a_1\n1,2,3,4,5\n", [["a", "A_1", "a_2", "column3", "a_1_1"], [1, 2, 3, 4, 5]]),
    ],
)
def test_the_first_line_is_the_header_unless_it_looks_like_the_others(rows, text, expected):
    assert rows(text) == expected


def test_a_file_without_a_header_stays_one_when_a_text_comes_late(rows):
    found = rows("1\n" * 30_000 + "n/a\n")
    assert (found[0], found[1], found[-1], len(found)) == (["column0"], ["1"], ["n/a"], 30_002)


def test_values_of_each_type(rows):
    text = (
        "i,big,d,f,day,t,z,clock,b,code\n"
        "5,99999999999999999999,1.50,1e5,2024-02-29,2024-03-01 13:45:00.5,2024-03-01T13:45:00+01:00,10:00:00,true,007\n"
    )
    assert rows(text)[1] == [
        5, Decimal("99999999999999999999"), Decimal("1.50"), 100000.0, date(2024, 2, 29),
        datetime(2024, 3, 1, 13, 45, 0, 500000), datetime(2024, 3, 1, 12, 45, tzinfo=UTC), time(10), True, "007",
    ]  # fmt: skip


def test_ambiguous_dates_are_texts_that_a_query_can_parse(rows):
    query = "select d, strptime(d, '%d/%m/%Y')::date as day from t"
    assert rows("d\n01/02/2024\n", query)[1] == ["01/02/2024", date(2024, 2, 1)]


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ("99.50", Decimal("99.50")),
        ("1.75", Decimal("1.75")),
        ("00071", "00071"),
        ("1_000", "1_000"),
        ("2024-03-01 13:45:00", "2024-03-01 13:45:00"),
        ("12345678901234567891", Decimal("12345678901234567891")),
        ("1e2", 100.0),
    ],
)
def test_a_value_after_the_sample_changes_the_type_and_not_the_value(rows, late, expected):
    text = ("n,i\n" + "".join(f"100,{i}\n" for i in range(21_000)) + f"{late},-1\n").encode()
    found = rows(text, "select n, sum(i) over () as s from t where i = -1 or i = 0 order by i")
    assert found[1][0] == expected
    assert type(found[1][0]) is type(expected)
    assert found[1][1] == -1


def test_a_column_that_begins_empty_has_the_type_of_its_values(rows):
    text = "i,n\n" + "".join(f"{i},\n" for i in range(21_000)) + "21000,-1\n21001,2.50\n"
    assert rows(text, "select sum(n) as s, count(*) as c from t")[1] == [Decimal("1.50"), 21_002]


def test_a_sum_over_late_fractions_is_exact(rows):
    """Values.md, 1: DuckDB reads 99.50 as 100 and 0.49 as 0 once it takes the column for integers."""
    text = "id,amount\n" + "".join(f"{i},100\n" for i in range(21_000)) + "21000,99.50\n21001,0.49\n"
    assert rows(text, "select sum(amount) as s from t where id >= 21000")[1] == [Decimal("99.99")]


def test_a_deviation_is_not_hidden_by_try_or_by_conditions(rows):
    text = "n\n" + "1\n" * 21_000 + "0.5\n"
    for query in (
        "select count(*) from t where try(n) is not null",
        "select count(try(n)) from t",
        "select count(*) from t where coalesce(try_cast(n as integer), 1) = 1 or n < 1",
        "select count(*) from (select n from t union all by name select n from t where n = 0.5) where n <= 1 limit 1",
    ):
        assert rows(text, query)[1][0] >= 21_001, query


def test_columns_that_the_query_does_not_use_are_not_checked(tmp_path, limits):
    """The second column deviates, which must not cost a second look at the whole file."""
    (tmp_path / "t.csv").write_text("a,b\n" + "1,1\n" * 21_000 + "1,x\n")
    spec = SourceSpec(kind="files", location=str(tmp_path))
    with read(spec, "select sum(a) as s from t", {}, limits) as rows:
        assert pa.Table.from_batches(rows.batches).to_pylist() == [{"s": 21_001}]


@pytest.mark.parametrize("used", ["i", "f"])
def test_a_query_reads_only_the_columns_that_it_uses(tmp_path, used):
    """DuckDB would join a table of constants for a condition with IN, and read the column for it."""
    (tmp_path / "t.csv").write_text("i,b,f,d,t\n1,true,1e5,2024-02-29,10:00:00\n2,False,nan,2024-03-01,11:00:00\n")
    with duckdb.connect() as connection:
        connection.execute(f"create view t as {csv_view(connection, tmp_path / 't.csv', False)}")
        [[_, plan]] = connection.execute(f"explain select count({used}) from t").fetchall()
    assert "Join" not in plan
    assert not re.search(r"Projections: .*c[134]", plan)


def test_a_wide_decimal_keeps_its_type(tmp_path, fetch):
    (tmp_path / "t.csv").write_text("n\n649686000000001631.44\n0.10\n")
    assert fetch(SourceSpec(kind="files", location=str(tmp_path / "t.csv")), "from t").schema.types == [
        pa.decimal128(38, 2)
    ]
