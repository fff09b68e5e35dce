"""How fast the pages answer over a history of that many jobs: in the process itself, without HTTP."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.document import table
from bench.stats import milliseconds, percentile, times, verdict
from tests.postgres import postgres_server
from tests.server import ROOT, environment

#: Milliseconds, and times the same page's p95 at 1,000 jobs.
GOAL = 100
GROWTH = 1.5
SMALL, LARGE = 1_000, 1_000_000
_PAGES = {
    "overview": "/",
    "jobs": "/jobs",
    "jobs, Failed": "/jobs?status=Failed",
    "jobs, Queued": "/jobs?status=Queued",
    "jobs, one report": "/jobs?report=report-04",
    "jobs, rare report": "/jobs?report=report-39",
    "jobs, one person": "/jobs?q=user:person03",
    "jobs, text": "/jobs?q=limit",
    "jobs, text nowhere": "/jobs?q=nowhere-to-be-found",
    "jobs, error and parameter": "/jobs?q=error:the+param.carrier:A",
    "jobs, page of long ago": "/jobs?until=2026-10-20T00:00:00Z",
    "job": "/jobs/{job}",
    "reports": "/reports",
    "report": "/reports/report-04",
    "audit": "/audit",
    "audit, one action": "/audit?action=Job+Retry",
    "audit, rare action": "/audit?action=Sign+In",
    "audit, one actor": "/audit?actor=person03",
    "audit, nobody": "/audit?actor=nobody",
    "audit, one target": "/audit?target={job}",
    "audit, long ago": "/audit?until=2026-10-20T00:00:00Z",
    "audit entry": "/audit/17",
}
#: p95 of a page: milliseconds on the clock, and of the processor.
Measured = dict[str, tuple[float, float]]
_PEOPLE = ("root", "admin", "analyst", "rare")


def measure(quick: bool) -> str:
    """The section of the document."""
    large = 50_000 if quick else LARGE
    with TemporaryDirectory(prefix="bench-") as folder, postgres_server() as url:
        places = {
            "SQLite": lambda jobs: {},
            "PostgreSQL": lambda jobs: {"REPORTSERVER_DATABASE_URL": _new_database(url, f"jobs{jobs}")},
        }
        tables = [
            table_of(name, *(_measured(Path(folder) / name / str(jobs), jobs, place(jobs)) for jobs in (SMALL, large)))
            for name, place in places.items()
        ]
    return section(tables, large)


def section(tables: list[str], large: int) -> str:
    return f"""
The pages over a history of {SMALL:,} and of {large:,} jobs (60 days, 40 reports, five events and an audit entry each),
made by `python -m bench.seed_jobs`; 20 calls of each page, in the process itself. `root` is a superuser, `admin` an
Administrator, `analyst` sees the jobs of ten reports and the own ones of ten others, `rare` one report that is seldom
run.

{"".join(tables)}
How to read it: a page may take no longer because the history is long, so the goal is {GOAL} ms, and {GROWTH} times the
figure for {SMALL:,} jobs. The two are measured one after the other, so the processor's time (of this process and of the
one that serves it in PostgreSQL), which hardly changes when the machine is busy with other things, is what is compared.
The searches are such that lists are about as long with few jobs as with many; `analyst` and `rare` see so few of few
jobs that some lists are shorter than a page all the same, and quicker for that reason. The overview's charts are
counted anew every half minute: one call in twenty counts them.
"""


def table_of(database: str, few: Measured, many: Measured) -> str:
    goals = [f"goal: < {GOAL} ms", "CPU against few", f"goal: < {GROWTH}x"]
    head = [f"{database}, who: page, p95", "few jobs", "CPU", "many jobs", "CPU", *goals]
    rows = []
    for name, (wall, cpu) in few.items():
        wall_many, cpu_many = many[name]
        cells = [milliseconds(value) for value in (wall, cpu, wall_many, cpu_many)]
        growth = cpu_many / cpu
        rows.append([name, *cells, verdict(wall_many, GOAL), times(growth), verdict(growth, GROWTH)])
    return f"{table(head, rows)}\n\n"


def _new_database(url: str, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"{url.rsplit('/', 1)[0]}/{name}"


def _measured(folder: Path, jobs: int, extra: dict[str, str]) -> Measured:
    env = environment(folder, 1, **extra)
    for command in (["manage.py", "prepare"], ["-m", "bench.seed_jobs", str(jobs)]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-m", "bench.monitor", "--json"], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    found: Measured = json.loads(done.stdout)
    shutil.rmtree(folder)
    return found


def main() -> None:
    """Measure the configured database, which bench.seed_jobs filled."""
    parser = argparse.ArgumentParser(prog="python -m bench.monitor", description=main.__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--page", default="")
    options = parser.parse_args()
    os.environ.setdefault("REPORTSERVER_LOG_LEVEL", "WARNING")
    import django

    django.setup()
    found = dict(_pages(options.runs, options.page))
    high = {
        name: tuple(percentile(values, 0.95) for values in zip(*taken, strict=True)) for name, taken in found.items()
    }
    if options.json:
        print(json.dumps(high))
        return
    for name, (wall, cpu) in high.items():
        print(f"{name:45} p95 {milliseconds(wall):>9}  CPU {milliseconds(cpu):>9}")


def _pages(runs: int, only: str):  # type: ignore[no-untyped-def]
    from django.test import Client

    from accounts.models import User
    from jobs.models import JobExecutionLog

    for name in _PEOPLE:
        user = User.objects.get(username=name)
        client = Client(headers={"host": "localhost"}, raise_request_exception=True)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        job = JobExecutionLog.objects.visible_to(user).filter(status__in=["Failed", "Succeeded"]).latest("queued_at")
        for label, path in _PAGES.items():
            if only and only not in f"{name} {label}":
                continue
            address = path.format(job=job.pk)
            if client.get(address).status_code == 200:
                yield f"{name}: {label}", [_timed(client, address) for _ in range(runs)]


def _timed(client, address: str) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    wall, cpu = time.perf_counter(), _processor_seconds()
    client.get(address)
    return (time.perf_counter() - wall) * 1000, (_processor_seconds() - cpu) * 1000


def _processor_seconds() -> float:
    """Of this process, and of PostgreSQL's that serves it: the kernel counts each in nanoseconds."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return time.process_time()
    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    return time.process_time() + int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
