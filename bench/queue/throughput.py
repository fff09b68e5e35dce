"""Throughput of trivial jobs: this server, which gives each job all its guarantees, and plain django-q2, RQ and Celery.

Jobs per second depend on what else the machine does; CPU time per job, of the workers and all their children, hardly
does. RQ and Celery are installed into an environment of their own. Without redis-server they are left out.
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

from bench.harness.formatting import number, ratio
from bench.harness.markdown import table
from bench.harness.statistics import median
from tests.faults.database import Database
from tests.postgres import postgres_server
from tests.redis import redis_server
from tests.server import ROOT, prepare_server

_WORKERS = 2
_ROUNDS = 3
#: Seconds after which a queue's finished jobs are counted. Reports have a low priority, so all of them might take very
#: long on a busy machine.
_MAX_SECONDS = 20
_PACKAGES = ("django-q2==1.11.1", "django-environ", "redis", "rq", "celery", "packaging")
_DEFINITIONS = """
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
#: Programs that submit jobs.
_SUBMIT = """
from accounts.models import User
from jobs import actions
from reports.models import ReportConfiguration
report, bob = ReportConfiguration.objects.get(slug="trivial"), User.objects.get(username="bob")
for _ in range({jobs}):
    actions.submit(report=report, actor=bob, parameters={{}})
"""
_SUBMIT_DJANGO_Q2 = """
from django_q.tasks import async_task
for _ in range({jobs}): async_task("bench.queue.trivial_job.record_run")
"""
_SUBMIT_RQ = """
import os, redis, rq
from bench.queue.trivial_job import record_run
queue = rq.Queue(connection=redis.from_url(os.environ["BENCH_REDIS_URL"]))
for _ in range({jobs}): queue.enqueue(record_run)
"""
_SUBMIT_CELERY = "from bench.queue.celery_app import task\nfor _ in range({jobs}): task.delay()"


@dataclass(frozen=True)
class Throughput:
    """Jobs per second, and CPU milliseconds per job."""

    jobs_per_second: float
    cpu_per_job: float


def measure(quick: bool) -> str:
    """Return the section of the document."""
    jobs = 60 if quick else 300
    results: dict[str, list[Throughput]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-queue-")))
        postgresql = stack.enter_context(postgres_server())
        redis = stack.enter_context(redis_server()).url if shutil.which("redis-server") else ""
        python = _install_peers(folder) if redis else ""
        for round in range(1 if quick else _ROUNDS):
            round_folder = folder / str(round)
            round_folder.mkdir()
            for name, result in _measure_all(round_folder, jobs, python, redis, postgresql):
                print(f"  {name}: {result.jobs_per_second:.1f} jobs/s, {result.cpu_per_job:.1f} ms CPU", flush=True)
                results.setdefault(name, []).append(result)
    return _section({name: _median(each) for name, each in results.items()}, jobs)


def _median(results: Sequence[Throughput]) -> Throughput:
    rates, cpu_times = ([getattr(each, name) for each in results] for name in ("jobs_per_second", "cpu_per_job"))
    return Throughput(median(rates), median(cpu_times))


def _measure_all(folder: Path, jobs: int, python: str, redis: str, postgresql: str) -> Iterator[tuple[str, Throughput]]:
    """Measure every queue once, and those that are compared directly after each other."""
    env = {
        **os.environ,
        "BENCH_RUNS": str(folder / "runs"),
        "DJANGO_SETTINGS_MODULE": "bench.queue.django_q2_settings",
    }
    sqlite = f"sqlite:///{folder / 'plain.sqlite3'}"
    yield "SQLite: this server", _measure_server(folder / "server-sqlite", jobs, None)
    yield "SQLite: plain django-q2", _measure_django_q2({**env, "BENCH_DATABASE_URL": sqlite}, jobs, sys.executable)
    ours, plain = (create_database(postgresql, f"{name}_{folder.name}") for name in ("server", "plain"))
    yield "PostgreSQL: this server", _measure_server(folder / "server-postgresql", jobs, ours)
    yield "PostgreSQL: plain django-q2", _measure_django_q2({**env, "BENCH_DATABASE_URL": plain}, jobs, sys.executable)
    if not redis:
        return
    env["BENCH_REDIS_URL"] = redis
    with_redis = _measure_server(folder / "server-redis", jobs, None, REPORTSERVER_BROKER_URL=redis)
    yield "Redis, jobs in SQLite: this server", with_redis
    yield "Redis: plain django-q2", _measure_django_q2({**env, "BENCH_DATABASE_URL": sqlite}, jobs, python)
    # With this variable, Celery would look for a Django project.
    del env["DJANGO_SETTINGS_MODULE"]
    rq = [[str(Path(python).with_name("rq")), "worker", "--quiet", "--url", redis]] * _WORKERS
    yield "Redis: RQ", _measure_peer(env, jobs, [python, "-c", _SUBMIT_RQ.format(jobs=jobs)], rq)
    celery = [python, "-m", "celery", "-A", "bench.queue.celery_app", "worker", "-c", str(_WORKERS), "-l", "error"]
    yield "Redis: Celery", _measure_peer(env, jobs, [python, "-c", _SUBMIT_CELERY.format(jobs=jobs)], [celery])


def _measure_server(folder: Path, jobs: int, database_url: str | None, **settings: str) -> Throughput:
    folder.mkdir()
    definitions = folder / "trivial.yaml"
    definitions.write_text(_DEFINITIONS)
    (folder / "empty.db").touch()
    settings |= {"REPORTSERVER_DATABASE_URL": database_url} if database_url else {}
    limits = (f"MAX_{what}_PER_{owner}" for what in ("UNFINISHED", "RUNNING") for owner in ("USER", "TENANT"))
    settings |= {f"REPORTSERVER_{limit}": "1000000" for limit in limits}
    server = prepare_server(folder / "data", definitions, BOB_PASSWORD="bob-password-1", **settings)
    server.manage("shell", "--no-imports", "-c", _SUBMIT.format(jobs=jobs))
    database = Database(database_url or server.database())
    succeeded = "select count(*) as n from jobs_jobevent where kind = 'succeeded'"
    with running_commands([[sys.executable, "manage.py", "jobserver"]], server.env) as workers:
        return _watch(workers, lambda: int(database(succeeded)[0]["n"]), jobs)


def _measure_django_q2(env: Mapping[str, str], jobs: int, python: str) -> Throughput:
    django = [python, "-m", "django"]
    subprocess.run([*django, "migrate", "--verbosity", "0"], env=env, cwd=ROOT, check=True)
    submit = [*django, "shell", "-c", _SUBMIT_DJANGO_Q2.format(jobs=jobs)]
    return _measure_peer(env, jobs, submit, [[*django, "qcluster"]])


def _measure_peer(
    env: Mapping[str, str], jobs: int, submit: Sequence[str], workers: Sequence[Sequence[str]]
) -> Throughput:
    """Submit the jobs, then start the workers. A job is done when it has recorded its run."""
    runs = Path(env["BENCH_RUNS"])
    runs.write_text("")
    subprocess.run(submit, env=env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with running_commands(workers, env) as processes:
        return _watch(processes, lambda: runs.read_text().count("\n"), jobs)


def _watch(workers: Sequence[psutil.Process], jobs_done: Callable[[], int], jobs: int) -> Throughput:
    """Measure from the first finished job, when all processes have started, to the last one or for _MAX_SECONDS."""
    deadline = time.monotonic() + 3 * _MAX_SECONDS
    while not (first := jobs_done()):
        assert time.monotonic() < deadline, "The workers finished no job within a minute."
        time.sleep(0.02)
    start, cpu_start = time.monotonic(), cpu_seconds(workers)
    while (last := jobs_done()) < jobs and time.monotonic() < start + _MAX_SECONDS:
        time.sleep(0.02)
    count, seconds = max(1, last - first), time.monotonic() - start
    return Throughput(count / seconds, 1000 * (cpu_seconds(workers) - cpu_start) / count)


def cpu_seconds(workers: Sequence[psutil.Process]) -> float:
    """Return the CPU seconds of these processes and all their descendants, including those that have ended."""
    seconds = 0.0
    for process in [each for worker in workers for each in (worker, *worker.children(recursive=True))]:
        with suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:4])
    return seconds


@contextmanager
def running_commands(commands: Sequence[Sequence[str]], env: Mapping[str, str]) -> Iterator[list[psutil.Process]]:
    quiet = subprocess.DEVNULL
    processes = [psutil.Popen(command, env=env, cwd=ROOT, stdout=quiet, stderr=quiet) for command in commands]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


def _install_peers(folder: Path) -> str:
    """Create a virtual environment with the other queues. Returns the path of its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES]
    subprocess.run(install, check=True)
    return str(python)


def create_database(postgresql: str, name: str) -> str:
    Database(postgresql)(f"create database {name}")
    return postgresql.rpartition("/")[0] + f"/{name}"


def _section(results: Mapping[str, Throughput], jobs: int) -> str:
    head = [f"{jobs} trivial jobs, {_WORKERS} workers", "median", "time / django-q2", "CPU per job", "CPU / django-q2"]
    rows = []
    for name, result in results.items():
        baseline = results.get(f"{name.partition(':')[0]}: plain django-q2")
        comparison = [
            ratio(baseline.jobs_per_second / result.jobs_per_second) if baseline else "",
            ratio(result.cpu_per_job / baseline.cpu_per_job) if baseline else "",
        ]
        rate, cpu = f"{number(result.jobs_per_second)} jobs/s", f"{number(result.cpu_per_job)} ms"
        rows.append([name, rate, comparison[0], cpu, comparison[1]])
    return f"""
This server runs a report (`select 1` as CSV) with all its guarantees. The others call a function that appends a line to
a file. The queues take turns, and the median of {_ROUNDS} rounds counts. CPU is the CPU time of the workers and their
children.

{table(head, rows)}

Ratios compare with plain django-q2 on the same database or Redis; above 1x is slower. If Redis carries this server's
messages, its jobs are still in SQLite, so that row has no ratio.
"""
