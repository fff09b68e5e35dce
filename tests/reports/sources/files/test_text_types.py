"""A text has a type only if the type's value says all that the text says."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.sources.duckdb.engine import string_literal
from reports.sources.files.text_types import DEVIATION, candidate_for, conversion, facts
from tests.reports.sources.files.texts import TEXTS, says

NOT_NUMBERS = [
    "00071", "-0", "+5", " 5", "5 ", "1_000", "1,000", "0x1F", "0b1", "5.", "1e", "e5", "--5", "1.2.3", "٣",
    "½", "1 000", "-", ".", "-.", "1e400", "1e-400", "9" * 39, "0." + "1" * 39, "1.0000000000000000e5", "true1",
    "$5", "5%", "(5)", "5-", "0x",
]  # fmt: skip
NOT_TIMES = [
    "01/02/2024", "1/2/24", "2024-1-2", "2024/01/02", "2023-02-29", "2024-13-01", "24-01-02", "0000-01-01",
    "12024-01-01", "infinity", "-infinity", "epoch", "today", "0044-03-15 (BC)", "2024-01-02 (BC)", "10:00",
    "1:00:00", "25:00:00", "10:00:60", "10:00:00.1234567", "10:00:00+01", "2024-03-01 13:45",
    "2024-03-01 13:45:00.1234567", "2024-03-01 24:00:00", "2024-03-01  13:45:00", "2024-03-01t13:45:00",
    "2024-03-01 13:45:00 Europe/Paris", "2024-03-01 13:45:00 UTC", "2024-03-01T13:45:00+0100",
    "0044-03-15 (BC) 10:00:00", "12024-01-01 10:00:00", "2024-W01-1", "t", "f", "yes", "1.5 h",
]  # fmt: skip


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def type_of(connection, texts: Sequence[str | None]) -> str | None:
    [found] = facts(connection, f"({table(texts)})", ["c"])
    return found.type


def converted(connection, texts: Sequence[str | None], type: str) -> list[object]:
    candidate = candidate_for("c", type)
    query = f"select {conversion('c', 'v', type)} from (select c, {candidate} as v from ({table(texts)}))"
    return connection.sql(query).to_arrow_table().column(0).to_pylist()


def table(texts: Sequence[str | None]) -> str:
    rows = ", ".join("(null::varchar)" if text is None else f"({string_literal(text)})" for text in texts)
    return f"select * from (values {rows}) as rows(c)"


@pytest.mark.parametrize(
    ("texts", "type"),
    [
        (["1", "-20", "0", None, ""], "bigint"),
        ([str(2**63 - 1), str(-(2**63))], "bigint"),
        ([str(2**63), "1"], "decimal(38,0)"),
        (["1.50", "-0.5", "7", ".25"], "decimal(18,2)"),
        (["649686000000001631.44", "0.10"], "decimal(38,2)"),
        (["0.12345678901234567"], "decimal(18,17)"),
        (["1e5", "1.5", "nan", "-inf", "3"], "double"),
        (["0.30000000000000004", "1e-07"], "double"),
        (["1.2e-05", "-12e-5", "1.5e-300", "123e-5", "2"], "double"),
        (["0.1234567890123456789", "1e5"], None),
        (["12345678901234567", "1e5"], None),
        (["nan"], None),
        (["2024-02-29", "0001-01-01", "9999-12-31"], "date"),
        (["2024-03-01 13:45:00", "2024-03-01T13:45:00.123456"], "timestamp"),
        (["2024-03-01 13:45:00Z", "2024-03-01T13:45:00.5+01:30"], "timestamptz"),
        (["2024-03-01 13:45:00Z", "2024-03-01 13:45:00"], None),
        (["2024-03-01", "2024-03-01 13:45:00"], None),
        (["10:00:00", "24:00:00", "23:59:59.999999"], "time"),
        (["true", "FALSE"], "boolean"),
        (["true", "1"], None),
        ([None, ""], None),
    ],
)
def test_types(connection, texts, type):
    assert type_of(connection, texts) == type


@pytest.mark.parametrize("text", NOT_NUMBERS + NOT_TIMES)
def test_texts_that_would_lose_something_stay_texts(connection, text):
    assert type_of(connection, [text]) is None
    for type in (
        "bigint",
        "decimal(38,0)",
        "decimal(18,2)",
        "double",
        "date",
        "timestamp",
        "timestamptz",
        "time",
        "boolean",
    ):
        if text.lower() in ("infinity", "-infinity") and type == "double":
            continue
        with pytest.raises(duckdb.Error, match=DEVIATION):
            converted(connection, [text], type)


@pytest.mark.parametrize(
    "type", ["bigint", "decimal(18,2)", "double", "date", "timestamp", "timestamptz", "time", "boolean"]
)
def test_no_text_and_an_empty_text_are_null(connection, type):
    assert converted(connection, [None, ""], type) == [None, None]


@settings(max_examples=100)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_a_type_that_is_found_holds_all_texts(connection, texts):
    """Whatever the type is, its conversion raises nothing and its values say what the texts say."""
    type = type_of(connection, texts)
    if type is not None:
        for text, value in zip(texts, converted(connection, texts, type), strict=True):
            assert says(value, text), (type, text, value)


@settings(max_examples=100)
@given(samples=st.lists(TEXTS, min_size=1, max_size=3), text=TEXTS)
def test_a_text_is_converted_exactly_or_not_at_all(connection, samples, text):
    type = type_of(connection, samples)
    if type is not None:
        try:
            [value] = converted(connection, [text], type)
        except duckdb.Error as error:
            assert DEVIATION in str(error)
        else:
            assert says(value, text), (type, text, value)
