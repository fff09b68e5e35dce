"""A run: from a query to a finished file, or to no file at all."""

from __future__ import annotations

import csv
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.engine import RunSpec, run
from reports.exceptions import FormatCannotHold, OutOfSpace, QueryFailed, QueryTimeout, ResultTooLarge
from reports.rendering import RENDERERS
from reports.rendering.base import Document
from reports.sources.base import SourceSpec


class Lines:
    """A format with one line per row, and a small limit."""

    format, media_type, extension, max_rows, streams = "lines", "text/plain", "txt", 50_000, True

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> LinesWriter:
        return LinesWriter(out, schema)


class LinesWriter:
    def __init__(self, out: BinaryIO, schema: pa.Schema) -> None:
        self.out = out
        out.write(f"{schema.types}\n".encode())

    def write(self, batch: pa.RecordBatch) -> None:
        self.out.writelines(f"{row}\n".encode() for row in batch.to_pylist())

    def close(self, *, rows: int, truncated: str | None) -> None:
        self.out.write(f"{rows} {truncated}\n".encode())


@pytest.fixture
def spec(tmp_path, limits, document, monkeypatch) -> RunSpec:
    monkeypatch.setitem(RENDERERS, "lines", Lines())
    with closing(sqlite3.connect(tmp_path / "source.db")) as con, con:
        con.execute("create table t (a, b)")
        con.executemany("insert into t values (?, ?)", ((i, f"row {i}") for i in range(25_000)))
    source = SourceSpec(kind="sqlite", location=str(tmp_path / "source.db"))
    return RunSpec(
        source=source, query="select * from t", values={}, formats=("lines",), document=document, limits=limits
    )


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "result"


class Seen(list):
    def __call__(self, rows: int, size: int, total: int | None) -> None:
        self.append((rows, size, total))


def test_the_result_describes_the_file(spec, path):
    seen = Seen()
    result = run(spec, path, seen)
    content = path.read_bytes()
    assert (result.rows, result.truncated) == (25_000, None)
    assert result.files[0].size == len(content) == path.stat().st_size
    assert result.files[0].sha256 == hashlib.sha256(content).hexdigest()
    assert len(content.splitlines()) == 25_002
    assert [rows for rows, _, _ in seen] == [10_000, 20_000, 25_000, 25_000]
    assert seen[-1] == (25_000, len(content), 25_000)


@pytest.mark.parametrize("most", [1, 9_999, 10_000, 10_001, 24_999])
def test_max_rows_is_exact_and_stated(spec, path, most):
    result = run(replace(spec, max_rows=most), path, Seen())
    assert result.rows == most == len(path.read_bytes().splitlines()) - 2
    assert result.truncated == f"Only the first {most:,} rows are included: the report allows no more."
    assert result.truncated in path.read_text()


@pytest.mark.parametrize("most", [25_000, 25_001])
def test_a_result_of_exactly_max_rows_is_complete(spec, path, most):
    assert run(replace(spec, max_rows=most, on_limit="fail"), path, Seen()).truncated is None


def test_max_bytes_is_exceeded_by_a_thousand_rows_at_most(spec, path):
    result = run(replace(spec, max_bytes=100_000), path, Seen())
    assert 100_000 <= result.files[0].size < 100_000 + 1_000 * 60
    assert result.truncated.startswith(f"Only the first {result.rows:,} rows are included")
    assert result.truncated.endswith("the report allows files of 100 kB at most.")


@pytest.mark.parametrize("limit", [{"max_rows": 100}, {"max_bytes": 1_000}])
def test_a_limit_can_fail_the_run(spec, path, limit):
    with pytest.raises(ResultTooLarge):
        run(replace(spec, on_limit="fail", **limit), path, Seen())
    assert not path.exists()


def test_a_format_that_cannot_hold_the_rows_suggests_others(spec, path):
    with pytest.raises(FormatCannotHold) as caught:
        run(replace(spec, query="select * from t union all select * from t union all select * from t"), path, Seen())
    assert "at most 50,000 rows" in caught.value.message
    assert "csv or parquet" in caught.value.message
    assert not path.exists()


def test_the_file_is_restarted_when_a_column_type_widens(spec, path):
    query = "select case when a = 24999 then 'late' else a end as a from t order by t.a"
    result = run(replace(spec, query=query), path, Seen())
    lines = path.read_text().splitlines()
    assert result.rows == 25_000
    assert len(lines) == 25_002
    assert lines[0] == "[DataType(string)]"
    assert lines[1] == "{'a': '0'}"
    assert lines[-2] == "{'a': 'late'}"


def test_an_unfinished_writer_cannot_write_into_the_file_that_is_started_again(spec, path, monkeypatch):
    class Haunted(Lines):
        opened: list[LinesWriter] = []

        def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> LinesWriter:
            for unfinished in self.opened:
                unfinished.out.write(b"end of a file that nobody closed")
            self.opened.append(super().open(out, schema, document))
            return self.opened[-1]

    monkeypatch.setitem(RENDERERS, "lines", Haunted())
    run(replace(spec, query="select case when a = 24999 then 'late' else a end as a from t"), path, Seen())
    assert len(Haunted.opened) == 2
    assert "nobody" not in path.read_text()


def test_a_parquet_file_that_was_started_again_is_whole(spec, path, postgres_url):
    source = SourceSpec(kind="postgresql", location=postgres_url)
    query = "select case when x < 200000 then x::numeric else x + 0.5 end as n from generate_series(1, 200000) x"
    run(replace(spec, source=source, query=query, formats=("parquet",)), path, Seen())
    assert pq.read_table(path).column("n")[-1].as_py() == Decimal("200000.5")


@pytest.mark.parametrize("query", ["select nothing", "select abs(a - 9223372036854775807 - 20000) from t"])
def test_a_failed_run_leaves_no_file(spec, path, query):
    with pytest.raises(QueryFailed):
        run(replace(spec, query=query), path, Seen())
    assert not path.exists()


def test_an_exception_from_progress_stops_the_run_and_leaves_no_file(spec, path):
    class Cancelled(BaseException):
        pass

    def cancel(rows: int, size: int, total: int | None) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run(spec, path, cancel)
    assert not path.exists()


def test_a_full_disk_is_a_retryable_error(spec, path):
    path.symlink_to("/dev/full")
    with pytest.raises(OutOfSpace) as caught:
        run(spec, path, Seen())
    assert caught.value.retryable
    assert not path.is_symlink()


@pytest.mark.parametrize("kind", ["files", "postgresql"])
def test_a_full_disk_is_not_reported_as_a_source_error(spec, path, kind, request, tmp_path):
    path.symlink_to("/dev/full")
    (tmp_path / "t.csv").write_text("a\n1\n")
    location = str(tmp_path / "t.csv") if kind == "files" else request.getfixturevalue("postgres_url")
    source = SourceSpec(kind=kind, location=location)
    with pytest.raises(OutOfSpace):
        run(replace(spec, source=source, query="select x as a from generate_series(1, 20000) as g(x)"), path, Seen())


def test_the_time_limit_includes_writing(spec, path, monkeypatch):
    import time

    monkeypatch.setattr(LinesWriter, "write", lambda self, batch: time.sleep(0.7))
    with pytest.raises(QueryTimeout):
        run(replace(spec, limits=replace(spec.limits, timeout_seconds=1)), path, Seen())
    assert not path.exists()


def test_an_empty_result_is_a_file(spec, path):
    assert run(replace(spec, query="select * from t where 0"), path, Seen()).rows == 0
    assert path.exists()


def test_csv_has_all_rows(spec, path):
    assert run(replace(spec, formats=("csv",)), path, Seen()).rows == 25_000
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["a", "b"]
    assert rows[-1] == ["24999", "row 24999"]


@pytest.mark.parametrize("format", sorted(RENDERERS))
def test_every_format_accepts_the_values_of_a_source(spec, path, format):
    query = "select 1 as i, 0.5 as f, 'ü' as s, null as n, 2 as i"
    assert run(replace(spec, formats=(format,), query=query), path, Seen()).files[0].size > 0


def test_the_content_digest_depends_on_columns_and_rows_but_not_on_their_order_or_the_format(spec, path):
    def digest(query: str, format: str = "csv", **changes: object) -> str:
        changed = replace(spec, query=query, formats=(format,), digests_content=True, **changes)
        return run(changed, path, lambda *_: None).content_digest

    first = digest("select a, b from t where a < 9")
    assert len(first) == 64
    assert first == digest("select a, b from t where a < 9 order by a desc", "parquet")
    others = (
        "select a, b from t where a < 8", "select a, b as c from t where a < 9", "select b, a from t where a < 9",
        "select a, b from t where a < 9 union all select a, b from t where a < 1",
        "select a, 'x' as b from t where a < 9", "select a, b from t where a < 0",
    )  # fmt: skip
    assert len({first, *map(digest, others)}) == 1 + len(others)
    assert digest("select 1 union all select 1 union all select 2") != digest("select 1 union all select 2")
    assert run(replace(spec, formats=("csv",)), path, lambda *_: None).content_digest == ""
