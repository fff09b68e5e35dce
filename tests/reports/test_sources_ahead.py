"""Reading ahead: every batch once and in order, errors where they belong, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from reports.sources.prefetch import Prefetcher


def batches(count: int, error: Exception | None = None) -> Iterator[pa.RecordBatch]:
    for number in range(count):
        yield pa.record_batch({"n": [number]})
    if error:
        raise error


def test_every_batch_comes_once_and_in_order():
    ahead = Prefetcher(batches(50))
    assert [batch["n"][0].as_py() for batch in ahead] == list(range(50))
    assert next(ahead, None) is None
    ahead.join()


def test_an_error_comes_after_the_batches_before_it_and_once():
    ahead = Prefetcher(batches(3, OSError("gone")))
    assert [next(ahead)["n"][0].as_py() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(ahead)
    assert list(ahead) == []
    ahead.join()


def test_a_reader_that_nobody_listens_to_ends():
    before = threading.active_count()
    ahead = Prefetcher(batches(1_000_000))
    next(ahead)
    ahead.stop()
    ahead.join()
    assert threading.active_count() == before
