"""Parquet files of each encoding, compression and type: the exact values, or a sentence that names the file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.exceptions import SourceUnusable
from reports.sources.base import SourceSpec
from tests.reports.sources.files.handmade_parquet import Column, parquet

ROWS = 3_000
INTEGERS = pa.array([row * 7919 % ROWS - 5 for row in range(ROWS)])
TEXTS = pa.array([None if row % 7 == 0 else f"text {row * 7919 % ROWS}" for row in range(ROWS)])
FLOATS = pa.array([row / 7 for row in range(ROWS)])
BOOLEANS = pa.array([row % 3 == 0 for row in range(ROWS)])
BYTES = pa.array([b"%016d" % row for row in range(ROWS)], pa.binary(16))


@pytest.fixture
def values(tmp_path: Path, fetch):
    """Read the column v of a file t.parquet."""

    def read_values(query: str = "select v from t") -> list[object]:
        return fetch(SourceSpec(kind="files", location=str(tmp_path)), query).column(0).to_pylist()

    return read_values


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize(
    ("encoding", "array"),
    [
        ("PLAIN", INTEGERS),
        ("PLAIN", TEXTS),
        ("DELTA_BINARY_PACKED", INTEGERS),
        ("DELTA_LENGTH_BYTE_ARRAY", TEXTS),
        ("DELTA_BYTE_ARRAY", TEXTS),
        ("DELTA_BYTE_ARRAY", BYTES),
        ("BYTE_STREAM_SPLIT", FLOATS),
        ("BYTE_STREAM_SPLIT", INTEGERS),
        ("RLE", BOOLEANS),
    ],
)
def test_each_encoding(tmp_path, values, encoding, array, dictionary, version):
    """With a dictionary, the pages are RLE_DICTIONARY."""
    options = {"use_dictionary": True} if dictionary else {"use_dictionary": False, "column_encoding": {"v": encoding}}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"v": array}), path, data_page_version=version, row_group_size=1_000, **options)
    used = pq.ParquetFile(path).metadata.row_group(0).column(0).encodings
    assert ("RLE_DICTIONARY" if dictionary and array is not BOOLEANS else encoding) in used or array is BOOLEANS
    assert values() == array.to_pylist()


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
def test_each_compression(tmp_path, values, compression):
    pq.write_table(pa.table({"v": TEXTS}), tmp_path / "t.parquet", compression=compression)
    assert values() == TEXTS.to_pylist()


def test_an_encoding_that_duckdb_lacks_for_a_type(tmp_path, values):
    numbers = pa.array([Decimal(row) for row in range(ROWS)], pa.decimal128(20, 2))
    options = {"use_dictionary": False, "column_encoding": {"v": "BYTE_STREAM_SPLIT"}}
    pq.write_table(pa.table({"v": numbers}), tmp_path / "t.parquet", **options)
    with pytest.raises(SourceUnusable, match=r"“t.parquet” can't be read: it uses something that this server can't"):
        values()


def test_long_decimals_are_refused_and_not_rounded(tmp_path, values):
    long = pa.decimal256(60, 2)
    number = Decimal("1234567890123456789012345678901234567890.12")
    table = pa.table(
        {
            "s": pa.array([{"a": 1, "b": [number]}], pa.struct({"a": pa.int64(), "b": pa.list_(long)})),
            "v": pa.array([number], long),
            "w": pa.array([None], long),
            "x": pa.array([Decimal("0.10")], pa.decimal128(38, 2)),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    for column in ("v", "s"):
        reason = f"“t.parquet” can't be read: its column “{column}” has decimals of more than 38 digits"
        with pytest.raises(SourceUnusable, match=reason) as caught:
            values(f"select {column} from t")
        assert not caught.value.retryable
    assert values("select x from t") == [Decimal("0.10")]
    assert values("select w from t") == [None]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Column("int32", [1, -2], logical=30), [1, -2]),
        (Column("int64", [2**63 - 1], logical=30), [2**63 - 1]),
        (Column("double", [0.1], logical=30), [0.1]),
        (Column("bytes", [b"ab", b""], logical=30), [b"ab", b""]),
        (Column("fixed", [b"abc"], logical=30), [b"abc"]),
        (Column("bytes", [b"ab"], logical=4, converted=4), ["ab"]),
        (Column("int32", [7], logical=11), [None]),
    ],
)
def test_a_logical_type_that_is_unknown_leaves_the_stored_value(tmp_path, values, column, expected):
    """As the specification of Parquet asks of readers. 4 is ENUM, and 11 the type of a column that is only NULL."""
    (tmp_path / "t.parquet").write_bytes(parquet(column))
    assert values() == expected


@pytest.mark.parametrize(
    "column",
    [
        Column("int32", [1], converted=40),
        Column("bytes", [b"ab"], converted=20),
        Column("int64", [1], converted=6),
        Column("bytes", [b"ab"], logical=17),
        Column("bytes", [b"\xff"], logical=1, converted=0),
    ],
)
def test_a_type_that_can_not_be_read_names_the_file(tmp_path, values, column):
    """An unknown converted type, BSON, a date of 64 bits, a damaged geometry, a text that isn't UTF-8."""
    (tmp_path / "t.parquet").write_bytes(parquet(column))
    with pytest.raises(SourceUnusable, match=r"“t\.parquet” can't be read: it ") as caught:
        values()
    assert not caught.value.retryable


def test_an_interval_has_months_days_and_milliseconds(tmp_path, values):
    months_days_milliseconds = b"\x0e\0\0\0\x03\0\0\0\xdc\x05\0\0"
    (tmp_path / "t.parquet").write_bytes(parquet(Column("fixed", [months_days_milliseconds], converted=21)))
    assert [tuple(value) for value in values()] == [(14, 3, 1_500_000_000)]


@pytest.mark.parametrize(("type", "ticks"), [(pa.time64("ns"), 86_399_123_456_789), (pa.timestamp("ns"), 10**18 + 1)])
def test_nanoseconds(tmp_path, fetch, type, ticks):
    pq.write_table(pa.table({"v": pa.array([ticks], type)}), tmp_path / "t.parquet")
    column = fetch(SourceSpec(kind="files", location=str(tmp_path)), "from t").column("v")
    assert column.type == type
    assert column.cast(pa.int64()).to_pylist() == [ticks]
