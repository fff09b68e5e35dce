"""What idle hosts cost the database they share: processor time of PostgreSQL, by number of hosts."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg

from bench.harness.formatting import number
from bench.harness.markdown import table
from bench.queue.throughput import cpu_seconds, create_database
from tests.postgres import postgres_server
from tests.server import ROOT, prepare_server

#: Of a core, with this many hosts.
GOAL, GOAL_HOSTS = 0.5, 100


def measure(quick: bool) -> str:
    """Return the section of the document."""
    seconds, counts = (5, (10, 100)) if quick else (20, (10, 25, 50, 100))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-hosts-")))
        url = create_database(stack.enter_context(postgres_server()), "hosts")
        server = prepare_server(folder / "server", REPORTSERVER_DATABASE_URL=url)
        rows = [_measure(url, server.env, hosts, seconds) for hosts in counts]
    headings = ["idle hosts with 8 slots", "statements/s", "of a core", "per host", "goal"]
    cells = [
        [str(hosts), number(statements), f"{100 * cores:.1f}%", f"{100 * cores / hosts:.2f}%", _verdict(hosts, cores)]
        for hosts, statements, cores in rows
    ]
    return f"{_INTRODUCTION}\n\n{table(headings, cells)}\n"


_INTRODUCTION = (
    "The statements that the processes of idle hosts send, at their pace, from one program: it looks for messages ten\n"
    "times a second, for lost jobs and deliveries each second, reports and reconciles every five. Processor time of\n"
    "PostgreSQL, without fsync. Real hosts have about twelve connections each, so many of them need PgBouncer."
)


def _verdict(hosts: int, cores: float) -> str:
    return ("met" if cores < GOAL else "missed") if hosts == GOAL_HOSTS else ""


def _measure(url: str, env: dict[str, str], hosts: int, seconds: int) -> tuple[int, float, float]:
    """Return the number of hosts, their statements per second, and the cores of PostgreSQL that they occupy."""
    command = [sys.executable, "-m", "bench.queue.idle_hosts", str(hosts), str(seconds)]
    with (
        psycopg.connect(url, autocommit=True) as connection,
        subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as program,
    ):
        assert program.stdin and program.stdout
        program.stdout.readline()
        postmaster, statements = _postmaster(connection), _statements(connection)
        before = cpu_seconds([postmaster])
        program.stdin.write("go\n")
        program.stdin.flush()
        # Its connections' processes end with it, and are counted by the postmaster then.
        assert program.wait() == 0
        used, sent = cpu_seconds([postmaster]) - before, _statements(connection) - statements
        connection.execute("delete from jobs_workerhost")
    return hosts, sent / seconds, used / seconds


def _postmaster(connection: psycopg.Connection) -> psutil.Process:
    (folder,) = connection.execute("show data_directory").fetchone() or ("",)
    return psutil.Process(int((Path(folder) / "postmaster.pid").read_text().split()[0]))


def _statements(connection: psycopg.Connection) -> int:
    connection.execute("select pg_stat_clear_snapshot()")
    sql = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    (count,) = connection.execute(sql).fetchone() or (0,)
    return int(count)
