"""Parsing of Range headers, and slices of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.results.http_range import ByteRange, FileSlice, RangeUnsatisfiable, parse


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=3-", ByteRange(3, 10)),
        ("bytes=3-5", ByteRange(3, 6)),
        ("bytes=3-99", ByteRange(3, 10)),
        ("bytes=-4", ByteRange(6, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        (" BYTES=9-9 ", ByteRange(9, 10)),
        (None, None),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-3", None),
        ("bytes=0-1,3-4", None),
        ("rows=0-1", None),
        ("bytes=٣-", None),
        (f"bytes=0-{'9' * 100}", None),
    ],
)
def test_a_range_is_parsed(header: str | None, expected: ByteRange | None) -> None:
    assert parse(header, 10) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_a_range_without_bytes_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(RangeUnsatisfiable):
        parse(header, size)


def test_a_slice_ends_where_the_range_ends(tmp_path: Path) -> None:
    (tmp_path / "digits").write_bytes(b"0123456789")
    with (tmp_path / "digits").open("rb", buffering=0) as file, FileSlice(file, ByteRange(2, 7)) as file_slice:
        assert file_slice.read(3) == b"234"
        assert file_slice.read() == b"56"
        assert file_slice.read(1) == b""
    assert file.closed
