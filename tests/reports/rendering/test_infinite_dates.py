"""Infinite dates and timestamps of PostgreSQL and DuckDB, alone and within other types, in every format."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pytest

from reports.engine import RunSpec, run
from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, TotalsOptions
from reports.sources.base import Limits, SourceSpec
from tests.reports.rendering.arrow_types import DOCUMENT, render
from tests.reports.rendering.pdf_reader import needs_poppler, words

#: SQL, and how JSON has the value.
POSTGRESQL: list[tuple[str, Any]] = [
    ("'infinity'::date", "infinity"),
    ("'-infinity'::date", "-infinity"),
    ("'infinity'::timestamp", "infinity"),
    ("'-infinity'::timestamptz", "-infinity"),
    ("'{infinity,2024-02-29,-infinity}'::date[]", ["infinity", "2024-02-29", "-infinity"]),
    ("'{-infinity,NULL}'::timestamp[]", ["-infinity", None]),
    ("'{infinity}'::timestamptz[]", ["infinity"]),
]
DUCKDB: list[tuple[str, Any]] = [
    ("date 'infinity'", "infinity"),
    ("timestamp '-infinity'", "-infinity"),
    ("timestamptz 'infinity'", "infinity"),
    ("'-infinity'::timestamp_s", "-infinity"),
    ("'infinity'::timestamp_ms", "infinity"),
    ("'-infinity'::timestamp_ns", "-infinity"),
    ("[date 'infinity', null]", ["infinity", None]),
    ("[[timestamp '-infinity']]", [["-infinity"]]),
    ("{'t': timestamp_ns 'infinity'}", {"t": "infinity"}),
    ("map {'k': {'d': [date '-infinity']}}", {"k": {"d": ["-infinity"]}}),
    ("map {date 'infinity': 1}", [["infinity", 1]]),
]
_CASES = [*(("postgresql", *case) for case in POSTGRESQL), *(("duckdb", *case) for case in DUCKDB)]
every_case = pytest.mark.parametrize(("kind", "sql", "value"), _CASES, ids=[f"{case[0]} {case[1]}" for case in _CASES])


@pytest.fixture
def rendered(kind: str, sql: str, request: pytest.FixtureRequest, limits: Limits, document: Document) -> Any:
    """The file of a run of the query in a format."""
    folder = limits.temp_dir.parent
    if kind == "duckdb":
        duckdb.connect(str(folder / "t.duckdb")).close()
    location = request.getfixturevalue("postgres_url") if kind == "postgresql" else str(folder / "t.duckdb")
    source = SourceSpec(kind=kind, location=location)

    def whole(format: str, query: str = f"select 1 as n, {sql} as v") -> Path:
        spec = RunSpec(source=source, query=query, values={}, formats=(format,), document=document, limits=limits)
        run(spec, folder / f"r.{format}", lambda rows, size, total: None)
        return folder / f"r.{format}"

    return whole


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@every_case
@needs_poppler
def test_infinity_is_a_word_in_formats_that_have_text(value: Any, rendered: Any) -> None:
    text = text_of(value)
    assert list(csv.reader(io.StringIO(rendered("csv").read_text())))[1] == ["1", text]
    assert json.loads(rendered("json").read_text()) == [{"n": 1, "v": value}]
    assert json.loads(rendered("ndjson").read_text()) == {"n": 1, "v": value}
    assert openpyxl.load_workbook(rendered("xlsx"))["Data"]["B2"].value == text
    assert f"<td>{text}</td>" in rendered("html").read_text()
    assert text in words(rendered("pdf").read_bytes())


@every_case
def test_parquet_names_the_column_the_value_and_the_way_out(value: Any, rendered: Any) -> None:
    infinity = "-infinity" if "-infinity" in text_of(value) and '"infinity' not in text_of(value) else "infinity"
    with pytest.raises(FormatCannotHold) as caught:
        rendered("parquet")
    assert f"“v” contains the date {infinity}, which" in caught.value.message
    assert "cast the column to text" in caught.value.message


@every_case
def test_a_cast_to_text_is_the_way_out(sql: str, value: Any, rendered: Any) -> None:
    path = rendered("parquet", f"select cast({sql} as varchar) as v")
    with duckdb.connect() as connection:
        ((text,),) = connection.read_parquet(str(path)).fetchall()
    assert "infinity" in text


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_other_values_beside_an_infinity_are_exact(unit: str, zone: str | None) -> None:
    data_type = pa.timestamp(unit, zone)
    rows = pa.record_batch({"t": pa.array([2**63 - 1, 0, None, 1 - 2**63, -1], pa.int64()).cast(data_type)}).slice(1)
    digits = {"s": "", "ms": ".999", "us": ".999999", "ns": ".999999999"}[unit]
    suffix = "Z" if zone else ""
    texts = [row["t"] for row in json.loads(render("json", rows))]
    assert texts == [
        f"1970-01-01T00:00:00{digits.replace('9', '0')}{suffix}",
        None,
        "-infinity",
        f"1969-12-31T23:59:59{digits}{suffix}",
    ]


def test_infinite_timestamps_in_nanoseconds_are_text_in_xlsx() -> None:
    rows = pa.record_batch({"t": pa.array([2**63 - 1, 1 - 2**63, 0], pa.timestamp("ns"))})
    sheet = openpyxl.load_workbook(io.BytesIO(render("xlsx", rows)))["Data"]
    assert [cell.value for cell in sheet["A"][1:]] == ["infinity", "-infinity", dt.datetime(1970, 1, 1)]


@pytest.mark.parametrize("format", ["html", "pdf"])
@needs_poppler
def test_infinities_are_the_extremes_of_totals(format: str) -> None:
    days = pa.array([0, 2**31 - 1, 1 - 2**31, None], pa.int32()).cast(pa.date32())
    rows = pa.record_batch({"first": days, "last": days})
    totals = TotalsOptions(columns={"first": "min", "last": "max"})
    document = Document(title="t", generated_at=DOCUMENT.generated_at, totals=totals)
    data = render(format, rows, document=document)
    # The script of html knows the word, too.
    text = words(data) if format == "pdf" else re.sub("<script.*?</script>", "", data.decode(), flags=re.DOTALL)
    assert text.rindex("-infinity") < text.rindex("infinity", 0, len(text))
    assert text.count("-infinity") == 3 and text.count("infinity") == 6
