"""Load from several clients at once: each a process with one connection that asks again as soon as it is answered."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any
from urllib.parse import urlsplit

from bench.stats import percentile

_fork = get_context("fork")


@dataclass(frozen=True)
class Call:
    """One request, and the status that its answer must have."""

    method: str
    path: str
    expected: int
    token: str = ""
    body: Any = None

    def headers(self) -> dict[str, str]:
        sent = {"Authorization": self.token} if self.token else {}
        return sent | ({"Content-Type": "application/json"} if self.body is not None else {})


@dataclass
class Load:
    """What clients saw: milliseconds of every call, seconds for all of them, and what the server worked for them."""

    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0

    def __add__(self, other: Load) -> Load:
        return Load(
            self.milliseconds + other.milliseconds,
            self.seconds + other.seconds,
            self.processor_seconds + other.processor_seconds,
        )

    def at(self, share: float) -> float:
        return percentile(self.milliseconds, share)

    @property
    def rate(self) -> float:
        return len(self.milliseconds) / self.seconds

    @property
    def processor(self) -> float:
        """Milliseconds of processor for one call."""
        return self.processor_seconds / len(self.milliseconds) * 1000


def closed_loop(url: str, calls: Sequence[Call], clients: int) -> Load:
    """Make the calls, shared among that many clients. Any answer other than the expected one is an error."""
    ready, answers = _fork.Barrier(clients), _fork.SimpleQueue()
    shares = [calls[at::clients] for at in range(clients)]
    processes = [_fork.Process(target=_client, args=(url, share, ready, answers)) for share in shares]
    for process in processes:
        process.start()
    heard = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    if faults := [fault for _, _, _, fault in heard if fault]:
        raise SystemExit(f"The server did not answer as expected: {faults[0]}")
    began, ended = min(start for _, start, _, _ in heard), max(end for _, _, end, _ in heard)
    return Load([taken for share, _, _, _ in heard for taken in share], ended - began)


def _client(url: str, calls: Sequence[Call], ready: Barrier, answers: SimpleQueue[Any]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    _ask(connection, Call("GET", "/livez", 200))
    ready.wait()
    start, taken, fault = time.monotonic(), [], ""
    try:
        taken = [_ask(connection, call) for call in calls]
    except (AssertionError, OSError, http.client.HTTPException) as error:
        fault = str(error) or repr(error)
    answers.put((taken, start, time.monotonic(), fault))


def _ask(connection: http.client.HTTPConnection, call: Call) -> float:
    body = None if call.body is None else json.dumps(call.body)
    start = time.perf_counter()
    connection.request(call.method, call.path, body, call.headers())
    answer = connection.getresponse()
    text = answer.read()
    taken = (time.perf_counter() - start) * 1000
    assert answer.status == call.expected, f"{call.method} {call.path}: {answer.status} {text[:200]!r}"
    return taken
