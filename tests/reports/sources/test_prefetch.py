"""Prefetching: every batch once and in order, errors at their place, and no thread left."""

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


def test_every_batch_arrives_once_and_in_order():
    prefetcher = Prefetcher(batches(50))
    assert [batch["n"][0].as_py() for batch in prefetcher] == list(range(50))
    assert next(prefetcher, None) is None
    prefetcher.join()


def test_an_error_is_raised_once_after_the_batches_before_it():
    prefetcher = Prefetcher(batches(3, OSError("gone")))
    assert [next(prefetcher)["n"][0].as_py() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="gone"):
        next(prefetcher)
    assert list(prefetcher) == []
    prefetcher.join()


def test_the_thread_ends_when_nobody_asks_for_more():
    before = threading.active_count()
    prefetcher = Prefetcher(batches(1_000_000))
    next(prefetcher)
    prefetcher.stop()
    prefetcher.join()
    assert threading.active_count() == before
