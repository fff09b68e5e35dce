"""Response times of status, generate and retry for eight clients, while two exports run and while they are paused."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil

from bench.harness.formatting import below, milliseconds, number, ratio
from bench.harness.markdown import table
from bench.web.load import Load, Request, closed_loop
from bench.web.server import Server

CLIENTS = 8
#: Goals for the p95 while two exports run, in milliseconds.
GOALS = {"generate": 100, "status": 50, "retry": 500}
_TITLES = {
    "livez": "GET /livez (baseline)",
    "status": "GET /jobs/{id}",
    "generate": "POST /reports/{id}/generate",
    "retry": "POST /jobs/{id}/retry",
}
_ROUNDS = 2
_RUNNING, _PAUSED = "two exports running", "exports paused"
#: Loads by endpoint and state of the exports.
Loads = dict[tuple[str, str], Load]


def measure(server: Server, requests: int) -> str:
    """Return the section of the document. `requests`: of each kind, in each of the two states."""
    failed_jobs = _failed_jobs(server, 2 * requests)
    loads: Loads = defaultdict(Load)
    with _two_exports(server) as exports:
        factory = _RequestFactory(server, failed_jobs, [*exports, *failed_jobs[: requests // 2]])
        for _ in range(_ROUNDS):
            for state in (_RUNNING, _PAUSED):
                _set_running(exports.values(), state == _RUNNING)
                for endpoint in _TITLES:
                    loads[endpoint, state] += _load(server, factory.make(endpoint, requests // _ROUNDS))
    return _section(loads, requests)


def _load(server: Server, requests: list[Request]) -> Load:
    before = _web_cpu_seconds(server)
    load = closed_loop(server.url, requests, CLIENTS)
    return replace(load, cpu_seconds=_web_cpu_seconds(server) - before)


def _web_cpu_seconds(server: Server) -> float:
    """Return the CPU seconds that the web processes have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in server.web_processes())


class _RequestFactory:
    """Makes requests of each kind. A failed job can be retried only once, so each is used for one retry."""

    def __init__(self, server: Server, failed_jobs: list[str], polled_jobs: list[str]) -> None:
        self._analyst, self._admin = server.analyst.token, server.admin.token
        self._failed_jobs, self._polled_jobs = iter(failed_jobs), polled_jobs

    def make(self, endpoint: str, count: int) -> list[Request]:
        return [getattr(self, f"_{endpoint}")() for _ in range(count)]

    def _livez(self) -> Request:
        return Request("GET", "/livez", 200)

    def _status(self) -> Request:
        return Request("GET", f"/api/v1/jobs/{random.choice(self._polled_jobs)}", 200, self._analyst)

    def _generate(self) -> Request:
        body = {"parameters": {"top": 10}, "format": "csv"}
        return Request("POST", "/api/v1/reports/busiest-routes/generate", 202, self._analyst, body)

    def _retry(self) -> Request:
        return Request("POST", f"/api/v1/jobs/{next(self._failed_jobs)}/retry", 202, self._admin)


def _failed_jobs(server: Server, count: int) -> list[str]:
    jobs = [server.analyst.generate("runway-slots", {"runways": 0}, "csv") for _ in range(count)]
    for job in jobs:
        assert server.analyst.wait(job, seconds=300)["status"] == "Failed"
    return jobs


@contextmanager
def _two_exports(server: Server) -> Iterator[dict[str, psutil.Process]]:
    """Run two exports that take longer than the benchmark. Yields their child processes by job id.

    They occupy both workers, so jobs that the requests create stay Queued in either state.
    """
    jobs = [server.analyst.generate("flights-export", {"copies": 100}, "csv") for _ in range(2)]
    for job in jobs:
        server.analyst.wait(job, "Running")
    exports: dict[str, psutil.Process] = {}
    try:
        exports |= {job: server.child_process(job) for job in jobs}
        time.sleep(2)
        yield exports
    finally:
        _set_running(exports.values(), True)
        for job in jobs:
            server.analyst.request("POST", f"/jobs/{job}/cancel", 202)
        for job in jobs:
            server.analyst.wait(job)


def _set_running(processes: Iterable[psutil.Process], running: bool) -> None:
    for process in processes:
        process.resume() if running else process.suspend()
    time.sleep(0.5)


def _section(loads: Loads, requests: int) -> str:
    head = [
        "request, 8 clients",
        "state",
        "p50",
        "p95",
        "p99",
        "requests/s",
        "CPU per request",
        "p95 / baseline",
        "goal for p95",
        "",
    ]
    rows = [_row(loads, endpoint, state) for endpoint in _TITLES for state in (_RUNNING, _PAUSED)]
    return f"""
Eight clients, each a process with one persistent connection, send the next request as soon as they have a response:
{requests} requests of each kind in each state. The clients share the server's cores, so the figures include their work.
The two exports (`flights-export`, 100 copies, CSV) occupy both workers. In the second state SIGSTOP pauses their
processes; nothing else differs. The two states alternate. The baseline is a response that needs neither database nor
user.

{table(head, rows)}

The goals apply while the exports run. “p95 / baseline” compares with the baseline's p95 in the same state, and “CPU per
request” is the CPU time of the web processes; both stay comparable when the machine is busy with other work. A retry
accepts a job like generate, and adds one event and one audit entry. Both write to the disk before they respond: a job
accepted with 202 survives a power cut.
"""


def _row(loads: Loads, endpoint: str, state: str) -> list[str]:
    load, baseline = loads[endpoint, state], loads["livez", state]
    goal = GOALS.get(endpoint) if state == _RUNNING else None
    p95 = load.percentile(0.95)
    return [
        _TITLES[endpoint],
        state,
        *(milliseconds(load.percentile(share)) for share in (0.5, 0.95, 0.99)),
        number(load.requests_per_second),
        milliseconds(load.cpu_per_request),
        ratio(p95 / baseline.percentile(0.95)),
        f"< {goal} ms" if goal else "",
        below(p95, goal) if goal else "",
    ]
