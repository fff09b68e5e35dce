"""A remote file is read in blocks that together are exactly what was asked for."""

from __future__ import annotations

import os

import pytest

from jobs.exceptions import ResultMissing
from jobs.results.stores.objects import ObjectStore
from jobs.results.stores.remote_file import BlockStream

SIZE = (9 << 20) + 5


@pytest.fixture(scope="module")
def content(objects: ObjectStore) -> bytes:
    data = os.urandom(SIZE)
    objects.write_parts("blocks", data)
    return data


@pytest.mark.parametrize(
    ("start", "stop"), [(0, SIZE), (0, 1), (7, 7), (300_000, SIZE), ((4 << 20) - 1, (8 << 20) + 1), (SIZE - 1, SIZE)]
)
def test_the_blocks_of_a_range_are_its_bytes(objects: ObjectStore, content: bytes, start: int, stop: int) -> None:
    stream = BlockStream(objects.open("blocks"), start, stop)
    parts = []
    while block := stream.next_block():
        parts.append(bytes(block.result()))
    assert b"".join(parts) == content[start:stop]
    assert max(map(len, parts), default=0) <= 4 << 20


def test_a_remote_file_is_read_and_positioned_like_a_file(objects: ObjectStore, content: bytes) -> None:
    file = objects.open("blocks")
    assert file.read(10) == content[:10] and file.tell() == 10
    assert file.seek(-3, os.SEEK_END) == SIZE - 3
    assert file.read() == content[-3:] and file.read(1) == b""
    file.seek(0)
    assert file.read() == content


def test_a_file_that_was_replaced_is_not_read_on(objects: ObjectStore, content: bytes) -> None:
    file = objects.open("blocks")
    file.read(1)
    objects.write_parts("blocks", content[::-1])
    file.seek(5 << 20)
    with pytest.raises(ResultMissing):
        file.read(1)
    objects.write_parts("blocks", content)
