"""Kept rows: exact types, pages of them, sorted and searched."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reports.engine import RunSpec, path_of, run
from reports.kept_rows.file import BATCH_ROWS, NAME, KeptRowsWriter, read_kept
from reports.kept_rows.page import RowsPage, RowsQuery, json_page, text_page
from reports.rendering.infinity import infinity
from reports.sources.base import SourceSpec

ROWS = 3 * BATCH_ROWS + 100
TABLE = pa.table(
    {
        "n": pa.array(range(ROWS), pa.int64()),
        "amount": pa.array([Decimal(i % 1000) / 100 for i in range(ROWS)], pa.decimal128(38, 2)),
        "name": [None if i == 5 else f"Größe {i % 7}" if i % 2 else f"size {i % 7}" for i in range(ROWS)],
        "day": pa.array([date(2024, 1, 1 + i % 28) for i in range(ROWS)], pa.date32()),
        "kind": pa.array([f"k{i % 3}" for i in range(ROWS)]).dictionary_encode(),
        "list": [[i, i + 1] for i in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("kept") / "rows"
    with path.open("wb") as out:
        assert write(out, TABLE, max_rows=ROWS)
    return path


def write(out: Any, table: pa.Table, max_rows: int, step: int = 1_000) -> bool:
    writer = KeptRowsWriter(out, table.schema, max_rows)
    for batch in table.to_batches(max_chunksize=step):
        writer.write(batch)
    writer.close(rows=table.num_rows, truncated=None)
    return writer.is_kept


def page(path: Path, **changes: Any) -> tuple[list[list[Any]], RowsPage]:
    found = json_page(RowsQuery(**{"path": str(path), "offset": 0, "limit": 10} | changes))
    return json.loads(found.json, parse_float=Decimal), found


def test_rows_are_kept_as_they_were(path: Path) -> None:
    with read_kept(path) as rows:
        read = pa.Table.from_batches(rows.batches, rows.schema)
    assert read.to_pylist() == TABLE.to_pylist()
    assert read.schema.field("amount").type == pa.decimal128(38, 2)


@pytest.mark.parametrize("step", [1, BATCH_ROWS - 1, BATCH_ROWS, 3 * BATCH_ROWS])
def test_all_batches_but_the_last_are_of_one_size(tmp_path: Path, step: int) -> None:
    table = TABLE.slice(0, 2 * BATCH_ROWS + 3)
    with (tmp_path / "rows").open("wb") as out:
        assert write(out, table, ROWS, step)
    with read_kept(tmp_path / "rows") as rows:
        assert [batch.num_rows for batch in rows.batches] == [BATCH_ROWS, BATCH_ROWS, 3]


def test_more_rows_or_bytes_than_allowed_are_not_kept() -> None:
    assert not write(io.BytesIO(), TABLE, max_rows=ROWS - 1)
    long = pa.table({"text": ["x" * 1_000_000] * 80})
    assert not write(io.BytesIO(), long, max_rows=ROWS, step=10)


@pytest.mark.parametrize("offset", [0, BATCH_ROWS - 1, ROWS - 3, ROWS, ROWS + 5])
def test_a_page_starts_anywhere(path: Path, offset: int) -> None:
    rows, found = page(path, offset=offset, limit=5)
    assert [row[0] for row in rows] == list(range(ROWS))[offset : offset + 5]
    assert found.total == ROWS


def test_values_are_those_of_the_json_format(path: Path) -> None:
    rows, found = page(path, offset=5, limit=1)
    assert rows == [[5, Decimal("0.05"), None, "2024-01-06", "k2", [5, 6]]]
    kinds = [(column.name, column.type) for column in found.columns]
    assert kinds == [
        ("n", "integer"), ("amount", "decimal"), ("name", "text"), ("day", "date"), ("kind", "text"), ("list", "nested")
    ]  # fmt: skip


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ["n", "amount", "name", "day", "kind"])
def test_rows_are_sorted_with_nulls_last_and_ties_as_they_were(path: Path, column: str, descending: bool) -> None:
    rows, found = page(path, sort=column, descending=descending, offset=100, limit=1_000)
    at = TABLE.schema.names.index(column)
    values = [tuple(row.values()) for row in TABLE.select(["n", "amount", "name", "day", "kind"]).to_pylist()]
    known = [value for value in values if value[at] is not None]
    lower = (lambda value: value[at].lower()) if column in ("name", "kind") else (lambda value: value[at])
    # Python's reverse sort keeps the order of ties, too.
    expected = sorted(known, key=lower, reverse=descending)
    assert [row[0] for row in rows] == [value[0] for value in expected[100:1_100]]
    assert found.total == ROWS


@pytest.mark.parametrize(
    ("search", "matches"),
    [
        ("GRÖSSE", lambda row: False),
        ("größe 3", lambda row: row["name"] == "Größe 3"),
        ("9.99", lambda row: row["amount"] == Decimal("9.99")),
        ("k1", lambda row: row["kind"] == "k1"),
        ("2024-01-28", lambda row: row["day"] == date(2024, 1, 28)),
        ("no such text", lambda row: False),
    ],
)
def test_a_search_finds_values_that_contain_the_text(path: Path, search: str, matches: Any) -> None:
    rows, found = page(path, search=search, limit=1_000, sort="n", descending=True)
    expected = [row["n"] for row in TABLE.to_pylist() if matches(row)]
    assert found.total == len(expected)
    assert [row[0] for row in rows] == expected[::-1][:1_000]


def test_a_search_finds_dates_that_are_infinite(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    days = pa.array([infinity(pa.date32()), 0, None], pa.int32()).cast(pa.date32())
    with path.open("wb") as out:
        assert write(out, pa.table({"day": days}), max_rows=10)
    assert page_of(path, search="infinity").total == 1


def test_an_unknown_column_to_sort_by_is_said(path: Path) -> None:
    assert not page_of(path, sort="no such").known_sort


def page_of(path: Path, **changes: Any) -> RowsPage:
    return text_page(RowsQuery(**{"path": str(path), "offset": 0, "limit": 10} | changes))


def test_a_page_for_people_shortens_long_values(tmp_path: Path) -> None:
    with (tmp_path / "rows").open("wb") as out:
        assert write(out, pa.table({"a": ["x" * 5_000, None, "y"], "n": [1, None, 3]}), 10)
    assert page_of(tmp_path / "rows").texts == [["x" * 500 + "…", "1"], [None, None], ["y", "3"]]


def test_a_page_of_very_long_values_has_fewer_rows(tmp_path: Path) -> None:
    with (tmp_path / "rows").open("wb") as out:
        assert write(out, pa.table({"a": ["x" * 1_500_000] * 10}), 10, step=5)
    rows, found = page(tmp_path / "rows")
    assert (len(rows), found.total) == (2, 10)


@pytest.mark.parametrize("table", [pa.table({"a": pa.array([], pa.int64())}), pa.table({"a": pa.nulls(3)})])
def test_no_rows_and_no_types_are_no_problem(tmp_path: Path, table: pa.Table) -> None:
    with (tmp_path / "rows").open("wb") as out:
        assert write(out, table, 10)
    for changes in ({}, {"sort": "a"}, {"search": "x", "sort": "a"}):
        rows, _ = page(tmp_path / "rows", **changes)
        assert rows == ([] if "search" in changes else [[None]] * table.num_rows)


def test_a_run_keeps_its_rows_and_a_conversion_writes_the_same_file(tmp_path, limits, document) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    spec = RunSpec(
        source=SourceSpec(kind="files", location=str(tmp_path / "t.csv")),
        query="select i, i / 3 as third, interval 1 day as span from range(20000) t(i)",
        values={},
        formats=("csv",),
        document=document,
        limits=limits,
        keep_rows=20_000,
    )
    ignore = lambda rows, size, total: None  # noqa: E731
    first = run(spec, tmp_path / "first", ignore)
    kept = path_of(tmp_path / "first", NAME, spec)
    assert first.kept and first.kept.size == kept.stat().st_size
    source = SourceSpec(kind="duckdb", location="/no/such/file")
    again = run(replace(spec, source=source, kept=kept, truncated="Cut."), tmp_path / "again", ignore)
    assert again.files == first.files and again.truncated == "Cut."
    too_many = run(replace(spec, keep_rows=19_999), tmp_path / "third", ignore)
    assert too_many.kept is None and not path_of(tmp_path / "third", NAME, spec).exists()
