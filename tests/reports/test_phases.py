"""Where the time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyarrow as pa

from reports.engine.phases import Phases

BATCH = pa.record_batch({"a": [1]})


def test_each_phase_gets_its_time_however_often_it_is_entered() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        time.sleep(0.03)  # the first rows take long
        yield BATCH
        time.sleep(0.01)
        yield BATCH

    phases, started = Phases(), time.monotonic()
    for _ in phases.of_batches(batches()):
        time.sleep(0.02)
    phases.enter("publish")
    seconds = phases.end()
    assert set(seconds) == {"connect", "firstRow", "read", "render", "publish"}
    assert seconds["firstRow"] >= 0.03 and seconds["read"] >= 0.01 and seconds["render"] >= 0.04
    assert sum(seconds.values()) <= time.monotonic() - started + 0.005


def test_rows_that_are_not_read_take_no_time() -> None:
    phases = Phases()
    for _ in phases.of_batches([BATCH] * 3):
        break
    assert phases.end()["firstRow"] < 0.02
