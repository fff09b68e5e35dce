"""Messages between a worker and its child."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import pytest

from jobs.execution.protocol import Message, Progress, Result, parse, send
from jobs.failures import Failure
from tests.jobs.helpers import FILE


@pytest.mark.parametrize(
    "message",
    [
        Progress(rows=3, bytes=40, percent=None),
        Result(rows=3, truncated="Only the first 3 rows are included.", files=(FILE, replace(FILE, format="pdf"))),
        Failure("query_failed", "No such table: “größe”.", retryable=False, trace="x" * 1_000_000),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_arrives_as_it_was_sent_even_if_it_is_larger_than_the_pipe(message: Message) -> None:
    read_end, write_end = os.pipe()
    sender = threading.Thread(target=lambda: (send(write_end, message), os.close(write_end)))
    sender.start()
    with os.fdopen(read_end, "rb") as pipe:
        [line] = pipe.read().splitlines()
    sender.join()
    assert parse(line) == message
