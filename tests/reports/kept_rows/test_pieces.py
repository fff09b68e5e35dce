"""Results that are split by a column: pieces whose rows add up to the whole."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from reports.engine import RunSpec, path_of, run
from reports.exceptions import DesignMismatch
from reports.kept_rows import pieces
from reports.kept_rows.file import read_kept
from reports.kept_rows.pieces import NAME, LeftOut, Pieces, PiecesWriter, Split
from reports.rendering.base import Section
from reports.sources.base import SourceSpec

TABLE = pa.table(
    {
        "n": pa.array(range(5_000), pa.int64()),
        "key": pa.array([None if n % 50 == 7 else f"k{n % 9}" for n in range(5_000)]).dictionary_encode(),
        "amount": pa.array([Decimal(n) / 100 for n in range(5_000)], pa.decimal128(38, 2)),
        "day": pa.array([date(2024, 1, 1 + n % 28) for n in range(5_000)], pa.date32()),
        "list": [[n, None] for n in range(5_000)],
    }
)
KEYS = ("k3", "k0", "none", "k8")


def divide(
    folder: Path, keys: Sequence[str], *tables: tuple[Section | None, pa.Table], step: int = 300, truncated: str = ""
) -> tuple[Path, Pieces]:
    path = folder / "pieces"
    with path.open("w+b") as out, (folder / "spool").open("w+b") as spool:
        writer = PiecesWriter(out, Split(column="key", keys=tuple(keys)), spool)
        for section, table in tables:
            divider = writer.begin(section, table.schema)
            for batch in table.to_batches(max_chunksize=step):
                divider.write(batch)
            divider.close(rows=table.num_rows, truncated=truncated or None)
        writer.close(rows=0, truncated=None)
    return path, writer.pieces


def read(path: Path, piece: pieces.Piece, section: str | None = None) -> pa.Table:
    own = path.with_name("piece")
    own.write_bytes(path.read_bytes()[piece.offset : piece.offset + piece.size])
    with read_kept(own, section) as rows:
        return pa.Table.from_batches(rows.batches, rows.schema)


@pytest.mark.parametrize("gathered", [1, 20_000, 1 << 30])
def test_each_piece_has_exactly_its_rows_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gathered: int
) -> None:
    monkeypatch.setattr(pieces, "_GATHERED_BYTES", gathered)
    path, found = divide(tmp_path, KEYS, (None, TABLE))
    rows = TABLE.to_pylist()
    for piece in found.pieces:
        assert read(path, piece).to_pylist() == [row for row in rows if row["key"] == piece.key]
    assert [piece.key for piece in found.pieces] == list(KEYS)
    assert sum(piece.rows for piece in found.pieces) + found.left_out.rows == TABLE.num_rows
    others = [row["key"] for row in rows if row["key"] not in KEYS]
    assert found.left_out == LeftOut(rows=len(others), keys=tuple(dict.fromkeys(others)))


def test_keys_are_compared_as_the_texts_that_csv_has(tmp_path: Path) -> None:
    for values, key in [([1, 2], "2"), ([1.5, 2.0], "2"), ([True, False], "false"), ([date(2024, 1, 2)], "2024-01-02")]:
        _, found = divide(tmp_path, [key], (None, pa.table({"key": values})))
        assert found.pieces[0].rows == 1, key


def test_many_keys_without_a_piece_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    table = pa.table({"key": [f"{n:04}" + "x" * 300 for n in range(1_000)]})
    _, found = divide(tmp_path, [], (None, table), step=10)
    assert (found.left_out.rows, len(found.left_out.keys), found.left_out.more) == (1_000, 20, True)
    assert found.left_out.keys[0] == "0000" + "x" * 196


def test_sections_are_split_each(tmp_path: Path) -> None:
    one, two = Section(name="one", title="One"), Section(name="two", title="Two")
    other = pa.table({"key": ["k3", "z", "k3"], "text": ["a", "b", "c"]})
    path, found = divide(tmp_path, KEYS, (one, TABLE), (two, other), truncated="Cut.")
    first = found.pieces[0]
    assert read(path, first, "two").to_pylist() == [{"key": "k3", "text": "a"}, {"key": "k3", "text": "c"}]
    assert read(path, first, "one").num_rows == first.rows - 2
    with read_kept(path.with_name("piece"), "one") as rows:
        assert rows.may_be_cut
    assert found.left_out.keys[-1] == "z"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1]}, "The query returns no column key to split the result by. Its columns are a."),
        ({"Key": [1]}, "no column key"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignMismatch, match=words):
        divide(tmp_path, KEYS, (None, pa.table(columns)))


def test_an_ambiguous_column_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["key", "key"])
    with pytest.raises(DesignMismatch, match="returns 2 columns named key"):
        divide(tmp_path, KEYS, (None, table))


def test_a_run_renders_the_whole_and_a_piece_like_any_rows(tmp_path: Path, limits: Any, document: Any) -> None:
    with closing(sqlite3.connect(tmp_path / "source.db")) as database, database:
        database.execute("create table t (id integer, region text)")
        database.executemany("insert into t values (?, ?)", ((n, f"r{n % 4}") for n in range(1_000)))
    spec = RunSpec(
        source=SourceSpec(kind="sqlite", location=str(tmp_path / "source.db")),
        query="select * from t",
        values={},
        formats=("csv",),
        document=document,
        limits=limits,
        split=Split(column="region", keys=("r1", "r3", "r9")),
        keep_rows=5_000,
    )
    result = run(spec, tmp_path / "result", lambda *_: None)
    assert result.pieces and result.pieces_file and result.rows == 1_000
    whole = path_of(tmp_path / "result", NAME, spec)
    assert result.pieces_file.size == whole.stat().st_size
    assert {piece.key: piece.rows for piece in result.pieces.pieces} == {"r1": 250, "r3": 250, "r9": 0}
    assert result.pieces.left_out == LeftOut(rows=500, keys=("r0", "r2"))
    first, _, empty = result.pieces.pieces
    read(whole, first)
    again = run(replace(spec, split=None, kept=whole.with_name("piece")), tmp_path / "own", lambda *_: None)
    assert again.rows == 250 and again.kept
    assert pacsv.read_csv(tmp_path / "own")["region"].unique().to_pylist() == ["r1"]
    read(whole, empty)
    assert run(replace(spec, split=None, kept=whole.with_name("piece")), tmp_path / "own", lambda *_: None).rows == 0
    assert not list(tmp_path.glob("*spool*"))


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_GATHERED_BYTES", 1 << 20)
    peaks = []
    for batches in (20, 200):
        batch = pa.record_batch({"key": [f"k{n % 50}" for n in range(2_000)], "text": ["x" * 100] * 2_000})
        before = pa.default_memory_pool().bytes_allocated()
        tracemalloc.start()
        with (tmp_path / "pieces").open("w+b") as out, (tmp_path / "spool").open("w+b") as spool:
            writer = PiecesWriter(out, Split(column="key", keys=tuple(f"k{n}" for n in range(50))), spool)
            divider, most = writer.begin(None, batch.schema), 0
            for _ in range(batches):
                divider.write(batch)
                most = max(most, pa.default_memory_pool().bytes_allocated() - before)
            divider.close(rows=0, truncated=None)
            writer.close(rows=0, truncated=None)
        peaks.append(most + tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert Counter(piece.rows for piece in writer.pieces.pieces) == {batches * 40: 50}
    # All rows are 40 MB.
    assert peaks[1] - peaks[0] < 1 << 20, peaks
