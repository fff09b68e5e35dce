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
_SHORT_POLL_SECONDS = 0.02
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
    return _section(taken, steps, runs)  # type: ignore[arg-type]


def _run(site: Site, wait: Callable[[Site, str], None]) -> tuple[float, dict[str, float]]:
    start = time.perf_counter()
    job = site.analyst.generate("busiest-routes", {"top": 10}, "csv")
    wait(site, job)
    total = (time.perf_counter() - start) * 1000
    at = {event["kind"]: datetime.fromisoformat(event["at"]) for event in site.events(job)}
    queue = (at["claimed"] - at["queued"]).total_seconds() * 1000
    run = (at["succeeded"] - at["claimed"]).total_seconds() * 1000
    return total, dict(zip(_STEPS, (queue, run, total - queue - run), strict=True))


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
