"""Status calls per second, beside those of the smallest application that checks a token and reads the job."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace

import jwt
import psutil

from bench.harness.formatting import milliseconds, number, ratio
from bench.harness.markdown import table
from bench.web.gunicorn import gunicorn
from bench.web.load import Load, Request, closed_loop
from bench.web.server import Server

#: Of the calls per second of the smallest application.
GOAL = 0.5
_CLIENTS = 8
_ROUNDS = 4


def measure(server: Server, requests: int) -> str:
    """Return the section of the document. `requests`: of each server in each round, which alternate."""
    job = server.analyst.generate("busiest-routes", {"top": 10}, "csv")
    assert server.analyst.wait(job)["status"] == "Succeeded"
    path, key = f"/api/v1/jobs/{job}", secrets.token_hex(32)
    token = jwt.encode({"user_id": 1, "exp": int(time.time()) + 3600}, key, algorithm="HS256")
    smallest, ours = Load(), Load()
    database = server.running.folder / "reportserver.sqlite3"
    with gunicorn("bench.web.status_server", BENCH_KEY=key, BENCH_DATABASE=str(database)) as url:
        children = [child for child in psutil.Process().children() if "bench.web.status_server" in str(child.cmdline())]
        for _ in range(_ROUNDS):
            smallest += _load(url, Request("GET", path, 200, f"Bearer {token}"), requests, children[0].children())
            ours += _load(server.url, Request("GET", path, 200, server.analyst.token), requests, server.web_processes())
    return _section({"The smallest application": smallest, "`GET /jobs/{id}`": ours}, smallest)


def _load(url: str, request: Request, requests: int, processes: list[psutil.Process]) -> Load:
    before = _cpu_seconds(processes)
    load = closed_loop(url, [request] * requests, _CLIENTS)
    return replace(load, cpu_seconds=_cpu_seconds(processes) - before)


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _section(loads: Mapping[str, Load], smallest: Load) -> str:
    rows = [
        [
            name,
            f"{number(load.requests_per_second)}/s",
            ratio(load.requests_per_second / smallest.requests_per_second),
            milliseconds(load.percentile(0.5)),
            milliseconds(load.percentile(0.95)),
            milliseconds(load.cpu_per_request),
        ]
        for name, load in loads.items()
    ]
    return f"""
Eight clients, each a process with one persistent connection, send the next request as soon as they have a response.
Both servers are gunicorn with two processes of 16 threads, on the same cores as the clients; they are measured in turn.
The smallest application verifies a signature and reads the job's row from SQLite. It knows no sessions, rights, rate
limits, log or ETag. Goal: at least {ratio(GOAL)} of its calls per second.

{table(["server", "calls/s", "ratio", "p50", "p95", "CPU per call"], rows)}
"""
