"""The time from POST to Succeeded for a report of ten rows, and what takes it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bench.harness.formatting import below, milliseconds
from bench.harness.markdown import table
from bench.harness.statistics import percentile
from bench.web.server import Server

#: Milliseconds from POST to Succeeded.
GOAL = 500
#: Milliseconds from claim to Succeeded for a query that takes almost no time.
OVERHEAD_GOAL = 100
_POLL_SECONDS = 0.02
_TEN_AIRPORTS = {
    "slug": "ten-airports",
    "tenant": "demo",
    "name": "Ten airports",
    "data_source": "airports",
    "query": "select faa, name, lat, lon from airports limit 10",
    "formats": ["csv"],
    "delivery": [{"kind": "api_response", "mode": "asynchronous"}],
    "grants": {"generate": ["analysts"]},
}
#: The steps of a job, with what happens in each.
_STEPS = {
    "queued → claimed": "a worker is notified and claims the job",
    "claimed → succeeded": "fork, query, file, sync, commit",
    "the rest": "the request, and the time until the client knows",
}


def measure(server: Server, runs: int) -> str:
    """Return the section of the document. `runs`: for each way to wait; the two alternate."""
    ways_to_wait: dict[str, Callable[[Server, str], None]] = {
        "Prefer: wait=10": _long_poll,
        "polling every 20 ms": _poll,
    }
    totals: dict[str, list[float]] = defaultdict(list)
    steps: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(runs):
        for way, wait in ways_to_wait.items():
            total, durations = _run(server, wait)
            totals[way].append(total)
            for step, duration in durations.items():
                steps[step, way].append(duration)
    return _section(totals, steps, runs) + _overhead(server, runs)


def _run(server: Server, wait: Callable[[Server, str], None]) -> tuple[float, dict[str, float]]:
    """Return the milliseconds of one run, in total and by step."""
    start = time.perf_counter()
    job = server.analyst.generate("busiest-routes", {"top": 10}, "csv")
    wait(server, job)
    total = (time.perf_counter() - start) * 1000
    queued, running = _queued_and_running(server, job)
    return total, dict(zip(_STEPS, (queued, running, total - queued - running), strict=True))


def _queued_and_running(server: Server, job: str) -> tuple[float, float]:
    """Return the milliseconds from queued to claimed, and from claimed to succeeded."""
    times = {event["kind"]: datetime.fromisoformat(event["at"]) for event in server.events(job)}
    queued = (times["claimed"] - times["queued"]).total_seconds() * 1000
    running = (times["succeeded"] - times["claimed"]).total_seconds() * 1000
    return queued, running


def _long_poll(server: Server, job: str) -> None:
    """Wait with requests that the server answers when the status changes."""
    while not _has_succeeded(server.analyst.job(job, Prefer="wait=10")):
        pass


def _poll(server: Server, job: str) -> None:
    while not _has_succeeded(server.analyst.job(job)):
        time.sleep(_POLL_SECONDS)


def _has_succeeded(job: dict[str, Any]) -> bool:
    assert job["status"] != "Failed", job
    return bool(job["status"] == "Succeeded")


def _section(totals: dict[str, list[float]], steps: dict[tuple[str, str], list[float]], runs: int) -> str:
    head = ["POST → Succeeded, 10 rows", "p50", "p95", "goal for p95", ""]
    rows = [
        [way, *_p50_and_p95(values), f"< {GOAL} ms", below(percentile(values, 0.95), GOAL)]
        for way, values in totals.items()
    ]
    step_head = ["step", *(f"{way}, {share}" for way in totals for share in ("p50", "p95"))]
    step_rows = [
        [f"{step}: {meaning}", *(cell for way in totals for cell in _p50_and_p95(steps[step, way]))]
        for step, meaning in _STEPS.items()
    ]
    return f"""
`busiest-routes`, ten rows as CSV, run {runs} times for each way to wait, one job at a time on an otherwise idle server.

{table(head, rows)}

{table(step_head, step_rows)}

This is the shortest time in which a user can get a report. It includes the query, which joins and groups 336,776
flights. The times of the steps come from the job's events, by the database's clock.
"""


def _overhead(server: Server, runs: int) -> str:
    """Return the part about the overhead of a run: everything but the query."""
    server.admin.request("POST", "/reports", 201, _TEN_AIRPORTS)
    durations = []
    for _ in range(runs):
        job = server.analyst.generate("ten-airports", {}, "csv")
        _long_poll(server, job)
        durations.append(_queued_and_running(server, job)[1])
    cells = [
        cell
        for share in (0.5, 0.95)
        for cell in (milliseconds(percentile(durations, share)), below(percentile(durations, share), OVERHEAD_GOAL))
    ]
    head = ["claimed → Succeeded", "p50", "", "p95", "", "goal"]
    return f"""
The overhead of a run, with a query that takes almost no time, {runs} runs:

{table(head, [["ten rows of an SQLite table", *cells, f"< {OVERHEAD_GOAL} ms"]])}
"""


def _p50_and_p95(values: list[float]) -> list[str]:
    return [milliseconds(percentile(values, share)) for share in (0.5, 0.95)]
