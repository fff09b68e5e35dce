"""Whole servers: a new one on PostgreSQL, and what happens when hosts stop. For harm, see tests/faults."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from tests.conftest import passwords
from tests.postgres import postgres_server
from tests.server import RunningServer, running_server


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, prepared_on_postgresql: Path
) -> Iterator[tuple[RunningServer, str]]:
    """A server on a new PostgreSQL database, and the database's URL."""
    with postgres_server() as url:
        env = {"REPORTSERVER_DATABASE_URL": url, **passwords()}
        folder = tmp_path_factory.mktemp("server")
        with running_server(folder, prepared=prepared_on_postgresql, **env) as server:
            yield server, url


def test_request_result_retry_and_audit_work_on_postgresql(on_postgresql: tuple[RunningServer, str]) -> None:
    server, _ = on_postgresql
    bob, alice = server.client("bob"), server.client("alice")
    succeeded = bob.wait(bob.generate("sales-by-region"))
    assert bob.get(succeeded["resultUrl"]).text.splitlines()[0].replace('"', "") == "region,sales,total"
    failed = bob.wait(bob.generate("broken"))
    retry = alice.post(f"/jobs/{failed['jobId']}/retry")
    assert (retry.status_code, retry.json()["retryOf"]) == (202, failed["jobId"])
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


def test_a_stop_releases_running_jobs_without_counting_the_attempt(tmp_path: Path, prepared: Path) -> None:
    with running_server(tmp_path, prepared=prepared, REPORTSERVER_DRAIN_SECONDS="1") as server:
        bob = server.client("bob")
        bob.wait(bob.generate("slow"), "Running")
    with sqlite3.connect(server.database()) as database:
        rows = database.execute("select status, attempt, fence from jobs_jobexecutionlog").fetchall()
    database.close()
    assert rows == [("Queued", 0, 2)]


def test_readyz_fails_without_workers(tmp_path: Path, prepared: Path) -> None:
    with running_server(tmp_path, prepared=prepared) as server:
        descendants = psutil.Process(server.process.pid).children(recursive=True)
        jobserver = next(process for process in descendants if "jobserver" in process.cmdline())
        os.kill(jobserver.pid, signal.SIGSTOP)
        try:
            until = time.monotonic() + 40
            while httpx.get(f"{server.url}/readyz").status_code != 503:
                assert time.monotonic() < until, "readyz still says that workers are alive"
                time.sleep(0.2)
            assert server.probe().json()["workers"] == "failing"
        finally:
            os.kill(jobserver.pid, signal.SIGCONT)
