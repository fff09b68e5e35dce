"""A server behind PgBouncer in transaction mode, set up as docs/operations.md says; doctor says what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests import pgbouncer
from tests.conftest import make_definitions, passwords
from tests.postgres import postgres_server
from tests.server import RunningServer, prepare_server, start, stop


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, str]]:
    """A server whose many connections share four, and the URL of its database without the pooler."""
    if not pgbouncer.program():
        pytest.skip("PgBouncer is not installed.")
    definitions = make_definitions(tmp_path_factory.mktemp("definitions"))
    with postgres_server() as url, pgbouncer.pooler(url, pool_size=4) as pooled_url:
        # The tests' PostgreSQL has it off, which a connection without a pooler overrides.
        env = {"REPORTSERVER_DATABASE_URL": pooled_url, **passwords()}
        server = prepare_server(tmp_path_factory.mktemp("pooled"), definitions, **env)
        start(server)
        yield server, url
        stop(server)


def test_jobs_run_and_everything_is_audited(pooled: tuple[RunningServer, str]) -> None:
    server, _ = pooled
    bob = server.client("bob")
    jobs = [bob.generate("sales-by-region") for _ in range(12)]
    assert {bob.wait(job)["status"] for job in jobs} == {"Succeeded"}
    assert bob.get(f"/jobs/{jobs[0]}/result").status_code == 200
    assert "Verified up to #" in server.manage("verify_audit").stdout
    assert not [line for line in server.logs("jobs") if line["level"] in ("ERROR", "CRITICAL")]


def test_doctor_says_what_the_role_must_have(pooled: tuple[RunningServer, str]) -> None:
    server, url = pooled
    output = server.manage("doctor", check=False).stdout
    remedies = [line.split("Run ")[1].rstrip(".") for line in output.splitlines() if "connection:" in line]
    assert sorted(remedy.split(" SET ")[1] for remedy in remedies) == [
        "idle_in_transaction_session_timeout = '20s'", "lock_timeout = '20s'", "synchronous_commit = 'on'",
    ]  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        for remedy in remedies:
            connection.execute(remedy.encode())
        # New connections have it; the pooler keeps its own open.
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    server.manage("doctor", check=False)
    assert "connection:" not in server.manage("doctor", check=False).stdout
