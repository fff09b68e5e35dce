"""Whole servers: from zero on PostgreSQL, and what they do when they are stopped. For harm there is tests/faults."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.conftest import make_definitions, passwords
from tests.postgres import postgres_server
from tests.server import RunningServer, running_server


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, str]]:
    """A server whose rows are in PostgreSQL, migrated from zero; and the database's address."""
    definitions = make_definitions(tmp_path_factory.mktemp("definitions"))
    with postgres_server() as url:
        env = {"REPORTSERVER_DATABASE_URL": url, **passwords()}
        with running_server(tmp_path_factory.mktemp("server"), definitions, **env) as running:
            yield running, url


def test_the_whole_flow_works_on_postgresql(on_postgresql: tuple[RunningServer, str]) -> None:
    server, _ = on_postgresql
    bob, alice = server.client("bob"), server.client("alice")
    done = bob.wait(bob.generate("sales-by-region"))
    assert bob.get(done["resultUrl"]).text.splitlines()[0].replace('"', "") == "region,sales,total"
    failed = bob.wait(bob.generate("broken"))
    again = alice.post(f"/jobs/{failed['jobId']}/retry")
    assert (again.status_code, again.json()["retryOf"]) == (202, failed["jobId"])
    assert server.manage("verify_audit").stdout.startswith("Verified up to #")


def test_postgresql_refuses_to_change_audit_entries_and_report_versions(
    on_postgresql: tuple[RunningServer, str],
) -> None:
    _, url = on_postgresql
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            "update audit_auditlog set actor = 'nobody'",
            "delete from audit_auditlog",
            "truncate audit_auditlog",
            "update reports_reportversion set query = 'select 2'",
        ):
            with pytest.raises(psycopg.errors.RaiseException):
                connection.execute(statement)


def test_a_stop_puts_running_jobs_back_without_charging_the_attempt(tmp_path: Path, prepared: Path) -> None:
    with _running(tmp_path, prepared, REPORTSERVER_DRAIN_SECONDS="1") as server:
        bob = server.client("bob")
        job = bob.generate("slow")
        bob.wait(job, "Running")
    with sqlite3.connect(server.database()) as database:
        rows = database.execute("select status, attempt, fence from jobs_jobexecutionlog").fetchall()
    database.close()
    assert rows == [("Queued", 0, 2)]


def test_without_workers_readyz_says_so(tmp_path: Path, prepared: Path) -> None:
    with _running(tmp_path, prepared) as server:
        for pid in _descendants(server.process.pid, "jobserver")[:1]:
            os.kill(pid, signal.SIGSTOP)
        try:
            _until(lambda: httpx.get(f"{server.url}/readyz").status_code == 503, seconds=40)
            assert httpx.get(f"{server.url}/readyz").json()["workers"] == "failing"
        finally:
            os.kill(pid, signal.SIGCONT)


def _running(folder: Path, prepared: Path, **env: str):  # type: ignore[no-untyped-def]
    return running_server(folder, prepared=prepared, **env)


def _descendants(pid: int, command: str = "") -> list[int]:
    """Process ids under this one, parents first; with `command`, those whose command line has the word."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    found = [one for child in children for one in (child, *_descendants(child))]
    return [one for one in found if command.encode() in Path(f"/proc/{one}/cmdline").read_bytes()]


def _until(condition, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)
