"""csv, json and ndjson beyond the types: quoting, the formula guard, NULL, options, and arbitrary text."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.rendering import CsvOptions, Document
from tests.reports.rendering.arrow_types import DOCUMENT, opaque_numeric, render

TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=8)


def read(data: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))


def with_csv(**options: Any) -> Document:
    return dataclasses.replace(DOCUMENT, csv=CsvOptions(**options))


def batch(**columns: object) -> pa.RecordBatch:
    return pa.record_batch({name: pa.array(values) for name, values in columns.items()})


@given(TEXTS)
def test_any_text_survives_csv_without_the_guard(values: list[str | None]) -> None:
    rows = batch(n=list(range(len(values))), v=pa.array(values, pa.string()))
    lines = read(render("csv", rows, document=with_csv(formula_guard=False)))
    assert [line[1] for line in lines[1:]] == [value or "" for value in values]


@given(TEXTS)
def test_any_text_survives_csv_with_the_guard_except_for_the_apostrophe(values: list[str | None]) -> None:
    rows = batch(n=list(range(len(values))), v=pa.array(values, pa.string()))
    lines = read(render("csv", rows))
    for line, value in zip(lines[1:], values, strict=True):
        assert line[1] in (value or "", f"'{value}")
        assert not line[1].startswith(("=", "+", "@", "\t", "\r")) and (line[1][:1] != "-" or is_harmless(line[1]))


def is_harmless(text: str) -> bool:
    return re.fullmatch(r"-[0-9:.]+", text) is not None


@given(TEXTS)
def test_any_text_survives_json_and_ndjson(values: list[str | None]) -> None:
    rows = batch(v=pa.array(values, pa.string()))
    assert [row["v"] for row in json.loads(render("json", rows))] == values
    lines = render("ndjson", rows).decode().split("\n")[:-1]
    assert [json.loads(line)["v"] for line in lines] == values


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"])  # noqa: RUF001
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start: str) -> None:
    assert read(render("csv", batch(n=[1], v=[f"{start}1+1"])))[1] == ["1", f"'{start}1+1"]


def test_negative_numbers_times_and_intervals_are_not_guarded_even_in_a_column_of_text() -> None:
    harmless = ["-5", "-1.5", "-02:00:00", "-838:59:59", "-1 days", "-1 years -2 mons +3 days -04:05:06.789"]
    rows = batch(n=range(9), v=[*harmless, "-5+1", "-5\n=1", None])
    assert [row[1] for row in read(render("csv", rows))[1:]] == [*harmless, "'-5+1", "'-5\n=1", ""]


def test_the_guard_covers_headings_and_dictionary_encoded_texts() -> None:
    rows = pa.record_batch({"=cmd()": pa.array(["-x", "y"]).dictionary_encode(), "n": [1, 2]})
    assert read(render("csv", rows)) == [["'=cmd()", "n"], ["'-x", "1"], ["y", "2"]]


def test_negative_numbers_are_not_guarded() -> None:
    rows = pa.record_batch({"i": pa.array([-1]), "f": pa.array([-0.5]), "d": pa.array([-2]).cast(pa.decimal128(21, 2))})
    assert render("csv", rows) == b"i,f,d\r\n-1,-0.5,-2.00\r\n"


def test_null_is_an_empty_field_and_an_empty_text_is_quoted() -> None:
    assert render("csv", batch(a=[None, "", "x"], b=["x", None, ""])) == b'a,b\r\n,x\r\n"",\r\nx,""\r\n'


def test_no_bytes_are_not_null() -> None:
    assert render("csv", batch(a=[None, b"", b"="], b=["x", "y", "z"])) == b'a,b\r\n,x\r\n"",y\r\n3d,z\r\n'


def test_a_null_in_a_single_column_is_not_a_blank_line() -> None:
    assert read(render("csv", batch(a=[1, None]))) == [["a"], ["1"], [""]]


def test_only_fields_that_need_quotes_get_them() -> None:
    rows = batch(v=["plain text", "a,b", 'a"b', "a\nb", "a;b"])
    assert render("csv", rows) == b'v\r\nplain text\r\n"a,b"\r\n"a""b"\r\n"a\nb"\r\na;b\r\n'


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^", "]"])
def test_a_report_can_choose_the_delimiter(delimiter: str) -> None:
    document = with_csv(delimiter=delimiter, byte_order_mark=True)
    data = render("csv", batch(a=[f"x{delimiter}y", "z"], b=[1, 2]), document=document)
    assert data.startswith(b"\xef\xbb\xbf")
    assert read(data[3:], delimiter) == [["a", "b"], [f"x{delimiter}y", "1"], ["z", "2"]]


@pytest.mark.parametrize("name", ["csv", "json", "ndjson"])
def test_no_rows_give_a_valid_file(name: str) -> None:
    schema = pa.schema({"a": pa.int64(), "b": pa.string()})
    data = render(name, schema=schema)
    assert data == {"csv": b"a,b\r\n", "json": b"[\n]\n", "ndjson": b""}[name]
    assert data == render(name, pa.RecordBatch.from_pylist([], schema=schema))


def test_batches_of_any_size_are_written_one_after_another() -> None:
    parts = [batch(v=list(range(start, stop))) for start, stop in ((0, 1), (1, 1), (1, 50_000), (50_000, 50_001))]
    assert [row["v"] for row in json.loads(render("json", *parts[:1], *parts[2:]))] == list(range(50_001))
    assert len(read(render("csv", *parts[:1], *parts[2:]))) == 50_002


@pytest.mark.parametrize("value", ['a"b', b"\0", date(2024, 2, 29), Decimal("1.50"), True, [1, None], {"a": "x"}])
def test_json_values_are_the_same_with_and_without_nulls_in_the_column(value: object) -> None:
    alone = render("ndjson", batch(before=["x"], v=[value], after=["y"]))
    beside = render("ndjson", batch(before=["x", "z"], v=[value, None], after=["y", "z"]))
    assert beside.splitlines() == [*alone.splitlines(), b'{"before":"z","v":null,"after":"z"}']
    assert json.loads(alone)["after"] == "y"


def test_column_names_are_escaped_in_json() -> None:
    assert json.loads(render("json", pa.record_batch({'a"\n\\': [1]}))) == [{'a"\n\\': 1}]


def test_nested_values_of_a_slice_stay_in_their_rows() -> None:
    values = [{"l": [index, None], "s": f'"{index}"'} for index in range(10)]
    rows = pa.record_batch({"v": pa.array(values)}).slice(3, 4)
    assert [row["v"] for row in json.loads(render("json", rows))] == values[3:7]


def test_texts_larger_than_a_slice_are_complete() -> None:
    rows = batch(v=["x" * 9_000_000, "y"])
    assert [len(row["v"]) for row in json.loads(render("json", rows))] == [9_000_000, 1]


def test_numeric_text_that_is_not_a_number_is_guarded_like_text() -> None:
    rows = pa.record_batch({"n": opaque_numeric(["-1.5", '=1,"2"'])})
    assert read(render("csv", rows)) == [["n"], ["-1.5"], ['\'=1,"2"']]
    assert render("csv", rows.slice(0, 1)) == b"n\r\n-1.5\r\n"


@pytest.mark.parametrize(
    ("day", "text"),
    [(-719_162, "0001-01-01"), (-719_163, "0000-12-31"), (-719_528, "0000-01-01"), (-719_529, "-0001-12-31"),
     (2_932_896, "9999-12-31"), (2_932_897, "+10000-01-01"), (2**31 - 2, "+5881580-07-10"),
     (2**31 - 1, "infinity"), (1 - 2**31, "-infinity")],
)  # fmt: skip
def test_dates_outside_of_arrows_calendar_are_exact(day: int, text: str) -> None:
    rows = pa.record_batch({"d": pa.array([day, None, 0], pa.int32()).cast(pa.date32())})
    assert [row["d"] for row in json.loads(render("json", rows))] == [text, None, "1970-01-01"]


def test_json_is_embedded_with_digits_of_any_number() -> None:
    value = f'{{"a":[{"1" * 5000}, 1.10, 1e400, -0.0],"a":"\\ud800"}}'
    rows = pa.record_batch({"v": pa.array([value], pa.json_(pa.string()))})
    assert render("ndjson", rows).decode() == f'{{"v":{value}}}\n'
