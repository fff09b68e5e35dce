"""Trivial jobs: this server's, each with all of its guarantees, beside plain django-q2, RQ and Celery.

Jobs per second say how long a queue takes on this machine now; processor time per job, of the workers and all that they
start, hardly depends on what else the machine does. RQ and Celery are installed into an environment of their own. Where
Redis' server is not installed, they are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.document import table
from bench.stats import median, number, times
from tests.faults.database import Database
from tests.postgres import postgres_server
from tests.server import ROOT, free_port, prepare_server

_WORKERS = 2
_ROUNDS = 3
#: Seconds after which a queue is judged by the jobs that it has done by then: a report stands back for everything else.
_MOST_SECONDS = 20
_PACKAGES = ("django-q2==1.11.1", "django-environ", "redis", "rq", "celery", "packaging")
_REPORT = """
tenants: [{slug: acme, name: Acme Inc.}]
users: [{username: bob, tenant: acme, roles: [analysts], password_env: BOB_PASSWORD}]
data_sources: [{slug: empty, tenant: acme, kind: sqlite, location: empty.db}]
reports:
  - slug: trivial
    tenant: acme
    name: Trivial
    data_source: empty
    query: select 1 as one
    formats: [csv]
    delivery: [{kind: api_response, mode: asynchronous}]
    grants: {generate: [analysts], view: [analysts]}
"""
_ASK = """
from accounts.models import User
from jobs import actions
from reports.models import ReportConfiguration
report, bob = ReportConfiguration.objects.get(slug="trivial"), User.objects.get(username="bob")
for _ in range({jobs}):
    actions.submit(report=report, actor=bob, parameters={{}})
"""
_DJANGO_Q2 = "from django_q.tasks import async_task\nfor _ in range({jobs}): async_task('bench.trivial.note')"
_RQ = """
import os, redis, rq
from bench.trivial import note
queue = rq.Queue(connection=redis.from_url(os.environ["BENCH_REDIS_URL"]))
for _ in range({jobs}): queue.enqueue(note)
"""
_CELERY = "from bench.trivial_celery import task\nfor _ in range({jobs}): task.delay()"


@dataclass(frozen=True)
class Speed:
    """Of one queue: jobs per second, and milliseconds of processor per job."""

    rate: float
    processor: float


def measure(quick: bool) -> str:
    jobs = 60 if quick else 300
    speeds: dict[str, list[Speed]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-queue-")))
        postgres = stack.enter_context(postgres_server())
        redis = stack.enter_context(_redis_server(folder)) if shutil.which("redis-server") else ""
        python = _environment(folder) if redis else ""
        for round in range(1 if quick else _ROUNDS):
            place = folder / str(round)
            place.mkdir()
            for name, speed in _all(place, jobs, python, redis, postgres):
                print(f"  {name}: {speed.rate:.1f} jobs/s, {speed.processor:.1f} ms of processor", flush=True)
                speeds.setdefault(name, []).append(speed)
    return _section({name: _median(many) for name, many in speeds.items()}, jobs)


def _median(speeds: Sequence[Speed]) -> Speed:
    return Speed(median([speed.rate for speed in speeds]), median([speed.processor for speed in speeds]))


def _all(folder: Path, jobs: int, python: str, redis: str, postgres: str) -> Iterator[tuple[str, Speed]]:
    """Every queue once, those to be compared one after the other."""
    env = {**os.environ, "BENCH_NOTES": str(folder / "notes"), "DJANGO_SETTINGS_MODULE": "bench.trivial_django"}
    sqlite = f"sqlite:///{folder / 'plain.sqlite3'}"
    yield "SQLite: this server", _ours(folder / "ours-sqlite", jobs, None)
    yield "SQLite: plain django-q2", _django_q2({**env, "BENCH_DATABASE_URL": sqlite}, jobs, sys.executable)
    yield "PostgreSQL: this server", _ours(folder / "ours-postgresql", jobs, _fresh(postgres, f"ours_{folder.name}"))
    plain = _fresh(postgres, f"plain_{folder.name}")
    yield "PostgreSQL: plain django-q2", _django_q2({**env, "BENCH_DATABASE_URL": plain}, jobs, sys.executable)
    if not redis:
        return
    env["BENCH_REDIS_URL"] = redis
    yield "Redis, jobs in SQLite: this server", _ours(folder / "ours-redis", jobs, None, REPORTSERVER_BROKER_URL=redis)
    yield "Redis: plain django-q2", _django_q2({**env, "BENCH_DATABASE_URL": sqlite}, jobs, python)
    bin_dir = Path(python).parent
    # With it, Celery takes itself for a part of Django.
    del env["DJANGO_SETTINGS_MODULE"]
    rq = [[str(bin_dir / "rq"), "worker", "--quiet", "--url", redis]] * _WORKERS
    yield "Redis: RQ", _speed(env, jobs, [python, "-c", _RQ.format(jobs=jobs)], rq)
    celery = [python, "-m", "celery", "-A", "bench.trivial_celery", "worker", "-c", str(_WORKERS), "-l", "error"]
    yield "Redis: Celery", _speed(env, jobs, [python, "-c", _CELERY.format(jobs=jobs)], [celery])


def _ours(folder: Path, jobs: int, database_url: str | None, **settings: str) -> Speed:
    folder.mkdir()
    definitions = folder / "trivial.yaml"
    definitions.write_text(_REPORT)
    (folder / "empty.db").touch()
    extra = {"REPORTSERVER_DATABASE_URL": database_url} if database_url else {}
    many = {"REPORTSERVER_MAX_UNFINISHED_PER_USER": "1000000", "REPORTSERVER_MAX_UNFINISHED_PER_TENANT": "1000000"}
    server = prepare_server(folder / "data", definitions, BOB_PASSWORD="bob-password-1", **many, **extra, **settings)
    server.manage("shell", "--no-imports", "-c", _ASK.format(jobs=jobs))
    database = Database(database_url or server.database())
    ended = "select count(*) as n from jobs_jobevent where kind = 'succeeded'"
    with _running([[sys.executable, "manage.py", "jobserver"]], server.env) as workers:
        return _watched(workers, lambda: int(database(ended)[0]["n"]), jobs)


def _django_q2(env: Mapping[str, str], jobs: int, python: str) -> Speed:
    django = [python, "-m", "django"]
    subprocess.run([*django, "migrate", "--verbosity", "0"], env=env, cwd=ROOT, check=True)
    ask = [*django, "shell", "-c", _DJANGO_Q2.format(jobs=jobs)]
    return _speed(env, jobs, ask, [[*django, "qcluster"]])


def _speed(env: Mapping[str, str], jobs: int, ask: Sequence[str], workers: Sequence[Sequence[str]]) -> Speed:
    """Ask for so many jobs, then start the workers; a job is done when it has left its note."""
    notes = Path(env["BENCH_NOTES"])
    notes.write_text("")
    subprocess.run(ask, env=env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with _running(workers, env) as running:
        return _watched(running, lambda: notes.read_text().count("\n"), jobs)


def _watched(workers: Sequence[psutil.Process], done: Callable[[], int], jobs: int) -> Speed:
    """From the first job that is done, when all has been started, to the last, or as far as it gets in time."""
    started = time.monotonic()
    while not (first := done()):
        assert time.monotonic() < started + _MOST_SECONDS * 3, "no job was done a minute after the workers were started"
        time.sleep(0.02)
    begun, used = time.monotonic(), _processor(workers)
    while (last := done()) < jobs and time.monotonic() < begun + _MOST_SECONDS:
        time.sleep(0.02)
    count, seconds = max(1, last - first), time.monotonic() - begun
    return Speed(count / seconds, 1000 * (_processor(workers) - used) / count)


def _processor(workers: Sequence[psutil.Process]) -> float:
    """Seconds of processor of these processes, of those below them, and of those that were below them and ended."""
    found = 0.0
    for process in [below for worker in workers for below in (worker, *worker.children(recursive=True))]:
        with suppress(psutil.NoSuchProcess):
            found += sum(process.cpu_times()[:4])
    return found


@contextmanager
def _running(commands: Sequence[Sequence[str]], env: Mapping[str, str]) -> Iterator[list[psutil.Process]]:
    quiet = subprocess.DEVNULL
    processes = [psutil.Popen(command, env=env, cwd=ROOT, stdout=quiet, stderr=quiet) for command in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


@contextmanager
def _redis_server(folder: Path) -> Iterator[str]:
    port = str(free_port())
    command = ["redis-server", "--port", port, "--save", "", "--dir", str(folder)]
    with _running([command], os.environ):
        yield f"redis://127.0.0.1:{port}/0"


def _environment(folder: Path) -> str:
    """A Python with the other queues."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES]
    subprocess.run(install, check=True)
    return str(python)


def _fresh(postgres: str, name: str) -> str:
    Database(postgres)(f"create database {name}")
    return postgres.rpartition("/")[0] + f"/{name}"


def _section(speeds: Mapping[str, Speed], jobs: int) -> str:
    rows = []
    for name, speed in speeds.items():
        base = speeds.get(f"{name.partition(':')[0]}: plain django-q2")
        longer, more = (times(base.rate / speed.rate), times(speed.processor / base.processor)) if base else ("", "")
        rows.append((name, f"{number(speed.rate)} jobs/s", longer, f"{number(speed.processor)} ms", more))
    head = (
        f"{jobs} trivial jobs, {_WORKERS} workers",
        "median",
        "of django-q2's time",
        "processor/job",
        "of django-q2's",
    )
    return table(head, rows)
