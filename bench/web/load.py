"""Load from several clients at once. Each is a process with one connection."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.harness.statistics import percentile

_fork = get_context("fork")


@dataclass(frozen=True)
class Request:
    """A request, and the status that its response must have."""

    method: str
    path: str
    expected_status: int
    token: str = ""
    body: Any = None

    def headers(self) -> dict[str, str]:
        headers = {"Authorization": self.token} if self.token else {}
        return headers | ({"Content-Type": "application/json"} if self.body is not None else {})


@dataclass
class Load:
    """Response times in milliseconds, the seconds that all requests took together, and the server's CPU seconds."""

    response_times: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __add__(self, other: Load) -> Load:
        return Load(
            self.response_times + other.response_times,
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
        )

    def percentile(self, share: float) -> float:
        return percentile(self.response_times, share)

    @property
    def requests_per_second(self) -> float:
        return len(self.response_times) / self.seconds

    @property
    def cpu_per_request(self) -> float:
        """CPU milliseconds of one request."""
        return self.cpu_seconds / len(self.response_times) * 1000


class _ClientResult(NamedTuple):
    """What one client measured. `error` is empty if all responses were as expected."""

    response_times: list[float]
    started_at: float
    ended_at: float
    error: str


def closed_loop(url: str, requests: Sequence[Request], clients: int) -> Load:
    """Divide the requests among clients that send the next one as soon as they have a response.

    Raises SystemExit for a response with an unexpected status.
    """
    ready, queue = _fork.Barrier(clients), _fork.SimpleQueue()
    shares = [requests[number::clients] for number in range(clients)]
    processes = [_fork.Process(target=_run_client, args=(url, share, ready, queue)) for share in shares]
    for process in processes:
        process.start()
    results: list[_ClientResult] = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    if errors := [result.error for result in results if result.error]:
        raise SystemExit(f"The server's response was not as expected: {errors[0]}")
    seconds = max(result.ended_at for result in results) - min(result.started_at for result in results)
    return Load([time for result in results for time in result.response_times], seconds)


def _run_client(url: str, requests: Sequence[Request], ready: Barrier, queue: SimpleQueue[Any]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    _send(connection, Request("GET", "/livez", 200))
    ready.wait()
    started_at = time.monotonic()
    response_times: list[float] = []
    error = ""
    try:
        response_times = [_send(connection, request) for request in requests]
    except (AssertionError, OSError, http.client.HTTPException) as exception:
        error = str(exception) or repr(exception)
    queue.put(_ClientResult(response_times, started_at, time.monotonic(), error))


def _send(connection: http.client.HTTPConnection, request: Request) -> float:
    """Send a request. Returns the response time in milliseconds."""
    body = None if request.body is None else json.dumps(request.body)
    start = time.perf_counter()
    connection.request(request.method, request.path, body, request.headers())
    response = connection.getresponse()
    text = response.read()
    response_time = (time.perf_counter() - start) * 1000
    assert response.status == request.expected_status, (
        f"{request.method} {request.path}: {response.status} {text[:200]!r}"
    )
    return response_time
