"""How fast the pages answer over a history of many jobs, and over one of few: the same calls in turn."""

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

from bench.document import table
from bench.pages import NAMES
from bench.stats import milliseconds, percentile, times, verdict
from tests.postgres import postgres_server
from tests.server import ROOT, environment

#: Milliseconds, and times the same page's p95 at 1,000 jobs.
GOAL = 100
GROWTH = 1.5
SMALL, LARGE = 1_000, 1_000_000
_CALLS = 40
#: Milliseconds on the clock and of the processor.
Taken = tuple[float, float]


def measure(quick: bool) -> str:
    """The section of the document."""
    large = 50_000 if quick else LARGE
    with _one_core(), TemporaryDirectory(prefix="bench-") as folder, postgres_server() as url:
        tables = [_table("SQLite", _compared(Path(folder) / "sqlite", {"few": {}, "many": {}}, large))]
        databases = {name: {"REPORTSERVER_DATABASE_URL": _new_database(url, name)} for name in ("few", "many")}
        tables.append(_table("PostgreSQL", _compared(Path(folder) / "postgresql", databases, large)))
    return f"""
The pages over a history of {SMALL:,} and of {large:,} jobs (60 days, 40 reports, five events and an audit entry each),
made by `python -m bench.seed_jobs`; {_CALLS} calls of each page over each, in turn, in a process itself, all on one
core. `root` is a superuser, `admin` an Administrator, `analyst` sees the jobs of ten reports and the own ones of ten
others, `rare` one report that is seldom run.

{"".join(tables)}
How to read it: a page may take no longer because the history is long, so the goal is {GOAL} ms, and {GROWTH} times the
figure for {SMALL:,} jobs. What is compared is the time of the processor (of the process and of the one that serves it
in PostgreSQL), which hardly changes when the machine is busy with other things.
The searches are such that lists are about as long with few jobs as with many; `analyst` and `rare` see so few of few
jobs that some lists are shorter than a page all the same, and quicker for that reason. The overview's charts are
counted anew every half minute.
"""


@contextmanager
def _one_core() -> Iterator[None]:
    """For this process and all that it starts: what is compared must run on the same core. Two differ by half while a
    neighbour is busy."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)


def _compared(folder: Path, databases: dict[str, dict[str, str]], large: int) -> dict[str, tuple[list[Taken], ...]]:
    """What each page took over few jobs and over many."""
    found: dict[str, tuple[list[Taken], ...]] = {}
    few, many = databases.values()
    with _pages(folder / "few", SMALL, few) as first, _pages(folder / "many", large, many) as second:
        for name in NAMES:
            if first.call(name) and second.call(name):
                pairs = [(first.call(name), second.call(name)) for _ in range(_CALLS)]
                found[name] = tuple(list(side) for side in zip(*pairs, strict=True))  # type: ignore[arg-type]
    return found


class _Pages:
    """A process that calls pages over one database."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, name: str) -> Taken | None:
        assert self._process.stdin and self._process.stdout
        print(name, file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return (answer[0], answer[1]) if answer else None


@contextmanager
def _pages(folder: Path, jobs: int, extra: dict[str, str]) -> Iterator[_Pages]:
    env = environment(folder, 1, **extra)
    for command in (["manage.py", "prepare"], ["-m", "bench.seed_jobs", str(jobs)]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=True, capture_output=True)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "bench.pages"], cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield _Pages(process)
        process.terminate()


def _table(database: str, found: dict[str, tuple[list[Taken], ...]]) -> str:
    goals = [f"goal: < {GOAL} ms", "CPU against few", f"goal: < {GROWTH}x"]
    head = [f"{database}, who: page, p95", "few jobs", "CPU", "many jobs", "CPU", *goals]
    rows = []
    for name, (few, many) in found.items():
        (wall, cpu), (wall_many, cpu_many) = _high(few), _high(many)
        cells = [milliseconds(value) for value in (wall, cpu, wall_many, cpu_many)]
        growth = cpu_many / cpu
        rows.append([name, *cells, verdict(wall_many, GOAL), times(growth), verdict(growth, GROWTH)])
    return f"{table(head, rows)}\n\n"


def _high(taken: list[Taken]) -> Taken:
    wall, cpu = (percentile(list(values), 0.95) for values in zip(*taken, strict=True))
    return wall, cpu


def _new_database(url: str, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"{url.rsplit('/', 1)[0]}/{name}"
