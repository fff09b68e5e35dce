"""Response times of the pages over a long job history and over a short one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.harness.formatting import below, milliseconds, ratio
from bench.harness.markdown import table
from bench.harness.statistics import percentile
from bench.monitor.page_timer import NAMES, Timing
from tests.postgres import postgres_server
from tests.server import ROOT, environment

#: Milliseconds, and how many times the CPU time of the same page over the short history.
GOAL = 100
GROWTH_GOAL = 1.5
SHORT, LONG = 1_000, 1_000_000
_REQUESTS = 40
#: For each page, its timings over the short and over the long history.
Timings = dict[str, tuple[list[Timing], list[Timing]]]


def measure(quick: bool) -> str:
    """Return the section of the document."""
    jobs = 50_000 if quick else LONG
    with _one_core(), TemporaryDirectory(prefix="bench-") as name, postgres_server() as url:
        folder = Path(name)
        sqlite = _table("SQLite", _compare(folder / "sqlite", "", "", jobs))
        databases = [_create_database(url, name) for name in ("short", "long")]
        postgresql = _table("PostgreSQL", _compare(folder / "postgresql", *databases, jobs))
    return f"""
The pages over a history of {SHORT:,} jobs and one of {jobs:,} jobs. `python -m bench.monitor.seed_jobs` makes both: 60
days, 40 reports, up to five events and one audit entry per job. Each page is requested {_REQUESTS} times over each
history, in turn, without HTTP; everything runs on one core. `root` is a superuser and `admin` an administrator.
`analyst` sees all jobs of ten reports, and only their own jobs of ten others. `viewer` sees one rarely run report.

{sqlite}

{postgresql}

A page must not become slower because the history is long. So the goals are {GOAL} ms, and {GROWTH_GOAL} times the CPU
time over the short history. CPU time, of the process and of the PostgreSQL process that serves it, hardly changes when
the machine is busy with other work. The searches are chosen so that the lists are about as long in both histories.
`analyst` and `viewer` see so few jobs of the short one that some of their lists don't fill a page, and are faster for
that reason. The overview's charts are recounted every 30 seconds.
"""


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process and those it starts on one core. While other work runs, two cores can differ by half."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)


def _compare(folder: Path, short_url: str, long_url: str, jobs: int) -> Timings:
    """Time each page over both histories. Each has a database of its own: this URL's, or SQLite if it is empty."""
    timings: Timings = {}
    with _page_timer(folder / "short", SHORT, short_url) as short, _page_timer(folder / "long", jobs, long_url) as long:
        for name in NAMES:
            # Not measured: the first request of a page compiles its template.
            if short.time(name) and long.time(name):
                pairs = [(short.time(name), long.time(name)) for _ in range(_REQUESTS)]
                timings[name] = tuple(list(timings) for timings in zip(*pairs, strict=True))  # type: ignore[assignment]
    return timings


class _PageTimer:
    """A process that requests pages over one database (bench.monitor.page_timer)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def time(self, name: str) -> Timing | None:
        """Time one request. Returns None if the user can't see the page."""
        assert self._process.stdin and self._process.stdout
        print(name, file=self._process.stdin, flush=True)
        timing = json.loads(self._process.stdout.readline())
        return Timing(*timing) if timing else None


@contextmanager
def _page_timer(folder: Path, jobs: int, database_url: str) -> Iterator[_PageTimer]:
    """Prepare a server, fill its history with this many jobs, and run a timer over it."""
    database = {"REPORTSERVER_DATABASE_URL": database_url} if database_url else {}
    env = environment(folder, 1, **database)
    for command in (["manage.py", "prepare"], ["-m", "bench.monitor.seed_jobs", str(jobs)]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=True, capture_output=True)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "bench.monitor.page_timer"], cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield _PageTimer(process)
        process.terminate()


def _create_database(url: str, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"{url.rsplit('/', 1)[0]}/{name}"


def _table(database: str, timings: Timings) -> str:
    goals = [f"goal: < {GOAL} ms", "CPU, long / short", f"goal: < {GROWTH_GOAL}x"]
    head = [f"{database}: p95 per user and page", "short", "CPU", "long", "CPU", *goals]
    rows = []
    for name, (short_timings, long_timings) in timings.items():
        short, long = _p95(short_timings), _p95(long_timings)
        cells = [milliseconds(value) for value in (*short, *long)]
        growth = long.cpu / short.cpu
        rows.append([name, *cells, below(long.elapsed, GOAL), ratio(growth), below(growth, GROWTH_GOAL)])
    return table(head, rows)


def _p95(timings: list[Timing]) -> Timing:
    return Timing(*(percentile(values, 0.95) for values in zip(*timings, strict=True)))
