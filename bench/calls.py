"""How fast generate, status and retry answer eight clients, while two exports run and while those two stand still."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil

from bench.document import table
from bench.load import Call, Load, closed_loop
from bench.site import Site
from bench.stats import milliseconds, number, times, verdict

CLIENTS = 8
#: Milliseconds that 95 of 100 calls must stay under while two exports run.
GOALS = {"generate": 100, "status": 50, "retry": 500}
_NAMES = {
    "livez": "GET /livez (baseline)",
    "status": "GET /jobs/{id}",
    "generate": "POST /reports/{id}/generate",
    "retry": "POST /jobs/{id}/retry",
}
_ROUNDS = 2
_RUNNING, _STILL = "two exports running", "exports standing still"


def measure(site: Site, calls: int) -> str:
    """The section of the document. `calls`: of each kind, in each of the two states."""
    failed = _failed_jobs(site, 2 * calls)
    loads: dict[tuple[str, str], Load] = defaultdict(Load)
    with _two_exports(site) as exports:
        kinds = _Kinds(site, failed, [*exports, *failed[: calls // 2]])
        for _ in range(_ROUNDS):
            for state in (_RUNNING, _STILL):
                _set_running(exports.values(), state == _RUNNING)
                for kind in _NAMES:
                    asked = kinds.calls(kind, calls // _ROUNDS)
                    loads[kind, state] += _loaded(site, asked)
    return _section(loads, calls)


def _loaded(site: Site, calls: list[Call]) -> Load:
    before = _processor(site)
    load = closed_loop(site.server.url, calls, CLIENTS)
    return replace(load, processor_seconds=_processor(site) - before)


def _processor(site: Site) -> float:
    """Seconds of processor that the web processes have used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in site.web_processes())


class _Kinds:
    """Makes the calls of each kind; a failed job can be retried once only."""

    def __init__(self, site: Site, failed: list[str], polled: list[str]) -> None:
        self._analyst, self._admin = site.analyst.token, site.admin.token
        self._retried, self._polled = iter(failed), polled

    def calls(self, kind: str, count: int) -> list[Call]:
        return [getattr(self, f"_{kind}")() for _ in range(count)]

    def _livez(self) -> Call:
        return Call("GET", "/livez", 200)

    def _status(self) -> Call:
        return Call("GET", f"/api/v1/jobs/{random.choice(self._polled)}", 200, self._analyst)

    def _generate(self) -> Call:
        body = {"parameters": {"top": 10}, "format": "csv"}
        return Call("POST", "/api/v1/reports/busiest-routes/generate", 202, self._analyst, body)

    def _retry(self) -> Call:
        return Call("POST", f"/api/v1/jobs/{next(self._retried)}/retry", 202, self._admin)


def _failed_jobs(site: Site, count: int) -> list[str]:
    jobs = [site.analyst.generate("runway-slots", {"runways": 0}, "csv") for _ in range(count)]
    for job in jobs:
        assert site.analyst.wait(job, seconds=300)["status"] == "Failed"
    return jobs


@contextmanager
def _two_exports(site: Site) -> Iterator[dict[str, psutil.Process]]:
    """Two exports that outlast the measurement, each with the process that makes it. They take both workers, so that
    what the calls queue meanwhile stays queued in both states."""
    jobs = [site.analyst.generate("flights-export", {"copies": 100}, "csv") for _ in range(2)]
    for job in jobs:
        site.analyst.wait(job, "Running")
    exports: dict[str, psutil.Process] = {}
    try:
        exports |= {job: site.job_process(job) for job in jobs}
        time.sleep(2)
        yield exports
    finally:
        _set_running(exports.values(), True)
        for job in jobs:
            site.analyst.ask("POST", f"/jobs/{job}/cancel", 202)
        for job in jobs:
            site.analyst.wait(job)


def _set_running(processes: Iterable[psutil.Process], running: bool) -> None:
    for process in processes:
        process.resume() if running else process.suspend()
    time.sleep(0.5)


def _section(loads: dict[tuple[str, str], Load], calls: int) -> str:
    head = [
        "call, 8 clients",
        "state",
        "p50",
        "p95",
        "p99",
        "calls/s",
        "CPU of a call",
        "p95 against baseline",
        "goal for p95",
        "",
    ]
    rows = [_row(loads, kind, state) for kind in _NAMES for state in (_RUNNING, _STILL)]
    return f"""
Eight clients, each a process with one kept connection that asks again as soon as it is answered; {calls} calls of each
kind in each state, the two states in turn. The clients run on the same cores as the server, so their own work is part
of every figure. The exports are two runs of `flights-export` (100 copies, CSV) that take both workers; for the second
state their two processes are stopped with SIGSTOP, so that nothing else differs. The baseline is an answer that touches
neither database nor user.

{table(head, rows)}

How to read it: p95 of 100 ms means that 95 of 100 calls were answered within 100 ms. The goals are for the rows in
which the exports run. The column “against baseline” is the same p95 as a multiple of the baseline's in the same state,
and “CPU” is what the web processes worked for one call: both stay comparable when the machine is busy with other
things. A retry is an accepted job, as generate is, with one more event and audit entry. generate and retry write to the
disk before they answer: a job accepted with 202 survives a power cut.
"""


def _row(loads: dict[tuple[str, str], Load], kind: str, state: str) -> list[str]:
    load, base = loads[kind, state], loads["livez", state]
    goal = GOALS.get(kind) if state == _RUNNING else None
    p95 = load.at(0.95)
    return [
        _NAMES[kind],
        state,
        *(milliseconds(load.at(share)) for share in (0.5, 0.95, 0.99)),
        number(load.rate),
        milliseconds(load.processor),
        times(p95 / base.at(0.95)),
        f"< {goal} ms" if goal else "",
        verdict(p95, goal) if goal else "",
    ]
