"""From POST to Succeeded for a report of ten rows, and where that time goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bench.document import table
from bench.site import Site
from bench.stats import milliseconds, percentile, verdict

#: Milliseconds from POST to Succeeded.
GOAL = 500
#: Milliseconds from claim to Succeeded, where the query takes next to nothing.
OVERHEAD_GOAL = 100
_SHORT_POLL_SECONDS = 0.02
_TEN_ROWS = {
    "slug": "ten-airports",
    "tenant": "demo",
    "name": "Ten airports",
    "data_source": "airports",
    "query": "select faa, name, lat, lon from airports limit 10",
    "formats": ["csv"],
    "delivery": [{"kind": "api_response", "mode": "asynchronous"}],
    "grants": {"generate": ["analysts"]},
}
_STEPS = {
    "queued → claimed": "the queue: a worker hears of the job and takes it",
    "claimed → succeeded": "the run: fork, query, file, sync, commit",
    "the rest": "the call itself, and the time until the client asks and hears",
}


def measure(site: Site, runs: int) -> str:
    """The section of the document. `runs`: of each way to wait, in turn."""
    ways: dict[str, Callable[[Site, str], None]] = {"Prefer: wait=10": _held, "polling every 20 ms": _polled}
    taken: dict[str, list[float]] = defaultdict(list)
    steps: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs):
        for name, wait in ways.items():
            total, parts = _run(site, wait)
            taken[name].append(total)
            for step, value in parts.items():
                steps[step, name].append(value)  # type: ignore[index]
    return _section(taken, steps, runs) + _overhead(site, runs)  # type: ignore[arg-type]


def _overhead(site: Site, runs: int) -> str:
    """What a run costs besides its query: ten rows straight from a table."""
    site.admin.ask("POST", "/reports", 201, _TEN_ROWS)
    taken = []
    for _ in range(runs):
        job = site.analyst.generate("ten-airports", {}, "csv")
        _held(site, job)
        taken.append(_steps(site, job)[1])
    cells = [
        cell
        for share in (0.5, 0.95)
        for cell in (milliseconds(percentile(taken, share)), verdict(percentile(taken, share), OVERHEAD_GOAL))
    ]
    head = ["claimed → Succeeded", "p50", "", "p95", "", "goal"]
    return f"""
What a run costs besides its query, {runs} runs:

{table(head, [["ten rows of an SQLite table", *cells, f"< {OVERHEAD_GOAL} ms"]])}
"""


def _run(site: Site, wait: Callable[[Site, str], None]) -> tuple[float, dict[str, float]]:
    start = time.perf_counter()
    job = site.analyst.generate("busiest-routes", {"top": 10}, "csv")
    wait(site, job)
    total = (time.perf_counter() - start) * 1000
    queue, run = _steps(site, job)
    return total, dict(zip(_STEPS, (queue, run, total - queue - run), strict=True))


def _steps(site: Site, job: str) -> tuple[float, float]:
    """Milliseconds in the queue, and from claim to Succeeded."""
    at = {event["kind"]: datetime.fromisoformat(event["at"]) for event in site.events(job)}
    queue = (at["claimed"] - at["queued"]).total_seconds() * 1000
    run = (at["succeeded"] - at["claimed"]).total_seconds() * 1000
    return queue, run


def _held(site: Site, job: str) -> None:
    """Ask the server to answer only when the status has changed."""
    while not _succeeded(site.analyst.status(job, Prefer="wait=10")):
        pass


def _polled(site: Site, job: str) -> None:
    while not _succeeded(site.analyst.status(job)):
        time.sleep(_SHORT_POLL_SECONDS)


def _succeeded(found: dict[str, Any]) -> bool:
    assert found["status"] != "Failed", found
    return bool(found["status"] == "Succeeded")


def _section(taken: dict[str, list[float]], steps: dict[tuple[str, str], list[float]], runs: int) -> str:
    head = ["POST → Succeeded, 10 rows", "p50", "p95", "goal", ""]
    rows = [
        [name, *_both(values), f"< {GOAL} ms", verdict(percentile(values, 0.95), GOAL)]
        for name, values in taken.items()
    ]
    step_head = ["where it goes", *(f"{name}, {share}" for name in taken for share in ("p50", "p95"))]
    step_rows = [
        [f"{step}: {meaning}", *(cell for name in taken for cell in _both(steps[step, name]))]
        for step, meaning in _STEPS.items()
    ]
    return f"""
`busiest-routes`, ten rows as CSV, one after the other on an otherwise idle server, {runs} runs of each way to wait.

{table(head, rows)}

{table(step_head, step_rows)}

How to read it: this is the shortest time in which anybody gets a report. The query itself (a join and grouping of
336,776 flights) is part of it. The times of the steps are those of the job's events, by the database's clock.
"""


def _both(values: list[float]) -> list[str]:
    return [milliseconds(percentile(values, share)) for share in (0.5, 0.95)]
