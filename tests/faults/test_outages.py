"""The database is unavailable for some seconds, or a worker is paused beyond its lease and then continues."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests import postgres
from tests.faults.cluster import LEASE, PATIENCE, ROUND, WORKERS, Cluster, all_end, file_stem, job_files, kill, wait_for
from tests.faults.proxy import network
from tests.faults.summary import recovery_seconds

#: Seconds beyond a lease and a round: the wait before a second attempt, and the claim.
ALLOWANCE = 2 + 1


@pytest.mark.parametrize("held", [False, pytest.param(True, marks=pytest.mark.chaos)], ids=["goes-on", "is-held"])
def test_a_worker_that_continues_after_its_lease_changes_nothing(cluster: Cluster, held: bool) -> None:
    """Worker, fork server and child are paused. Then the child either continues or has to be killed."""
    with cluster.hold_at("row-25"):
        job = cluster.submit("steps")
        cluster.wait_at("row-25")
        worker, child = cluster.worker(job), cluster.child(job)
        stopped = [worker, *worker.children(recursive=True)]
        assert len(stopped) == 3
        for process in stopped:
            kill(process, signal.SIGSTOP)
    try:
        (row,) = cluster.wait_ended(job)
        before = result(cluster, job)
    finally:
        with cluster.hold_at("row-25") if held else nullcontext():
            for process in stopped:
                kill(process, signal.SIGCONT)
            assert all_end([child], 5)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    wait_for(lambda: not job_files(cluster, job, "1-*"))
    assert result(cluster, job) == before
    assert cluster.event_kinds(job) == ["queued", "claimed", "requeued", "claimed", "succeeded"]


def test_a_worker_killed_between_the_rename_of_its_file_and_the_commit_loses_nothing(cluster: Cluster) -> None:
    go = cluster.server.folder / "go"
    go.unlink(missing_ok=True)
    job = cluster.submit(f"waits-for-file:{go}")
    worker = cluster.worker(job)
    with locked(cluster):
        go.touch()
        wait_for(lambda: job_files(cluster, job, "1-*.csv"))
        kill(worker)
        assert all_end([worker])
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    assert [path.name for path in job_files(cluster, job, "*")] == [f"{file_stem(row)}.csv"]


@pytest.mark.chaos
@pytest.mark.parametrize("seconds", [10, 60])
def test_jobs_survive_a_database_that_cannot_be_written_for_longer_than_a_lease(cluster: Cluster, seconds: int) -> None:
    jobs = [cluster.submit(f"sleep:{run_seconds}") for run_seconds in (1, 3, 12, 0.1, 0.1)]
    cluster.wait_running(jobs[2])
    with locked(cluster):
        time.sleep(seconds)
        back_at = datetime.now(UTC)
    rows = cluster.wait_ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert max(row["attempt"] for row in rows) <= 2
    assert slowest_recovery(cluster, jobs, back_at) < LEASE + ROUND + ALLOWANCE


@pytest.mark.chaos
def test_no_worker_claims_another_job_before_the_end_of_its_own_is_written(cluster: Cluster) -> None:
    """Deadlines pass while the database cannot be written, and other jobs wait."""
    overdue = [cluster.submit("sleep:60", "harmful-short") for _ in range(2 * WORKERS)]
    for job in overdue:
        cluster.wait_running(job)
    waiting = [cluster.submit("sleep:1") for _ in range(2 * WORKERS)]
    with locked(cluster):
        time.sleep(LEASE + 3)
    assert {row["error_code"] for row in cluster.wait_ended(*overdue)} == {"timeout"}
    cluster.wait_ended(*waiting)
    for claim, end in (cluster.database.events(job)[1:] for job in overdue):
        later_claims = [cluster.database.events(job)[1] for job in waiting]
        assert all(later.at >= end.at for later in later_claims if later.pid == claim.pid)


def test_jobs_survive_a_crash_of_the_database_server(postgresql_hosts: Cluster) -> None:
    jobs = [postgresql_hosts.submit(f"sleep:{seconds}") for seconds in (0.5, 1, 2, 3, 0.1, 0.1)]
    postgresql_hosts.wait_running(jobs[3])
    for _ in range(2):
        postgres.restart(str(postgresql_hosts.database.location))
        back_at = datetime.now(UTC)
        time.sleep(1)
    rows = postgresql_hosts.wait_ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert slowest_recovery(postgresql_hosts, jobs, back_at) < LEASE + ROUND + ALLOWANCE


@pytest.mark.chaos
@pytest.mark.parametrize("gate", ["before-claim", "before-renew", "before-commit", "before-event-succeeded"])
def test_a_network_that_drops_packets_costs_one_attempt_and_the_host_recovers(
    postgresql_hosts: Cluster, gate: str
) -> None:
    """Before a claim, before a heartbeat, before the commit, and within its transaction."""
    cluster = postgresql_hosts
    cluster.stop_all_hosts()
    with network(str(cluster.database.location)) as proxy:
        cut_off = cluster.start_host(REPORTSERVER_DATABASE_URL=proxy.url)
        wait_for(lambda: cluster.is_complete(cut_off))
        with cluster.hold_at(gate):
            job = cluster.submit("sleep:3")
            cluster.wait_at(gate)
            proxy.forwards = False
        other = cluster.start_host()
        (row,) = cluster.wait_ended(job)
        assert (row["status"], row["attempt"]) == ("Succeeded", 1 if gate == "before-claim" else 2)
        proxy.forwards = True
        cluster.hosts.remove(other)
        other.terminate()
        assert other.wait(PATIENCE) == 0
        assert [row["status"] for row in cluster.wait_ended(cluster.submit(), cluster.submit())] == ["Succeeded"] * 2
        cluster.stop_all_hosts()


def slowest_recovery(cluster: Cluster, jobs: list[str], back_at: datetime) -> float:
    """Return the seconds from when the database was back until the last job was claimed again or had ended."""
    recoveries = [recovery_seconds(cluster, job, back_at) for job in jobs]
    seconds = [recovery for recovery in recoveries if recovery is not None]
    assert seconds, "all jobs had ended before"
    return max(seconds)


@contextmanager
def locked(cluster: Cluster) -> Iterator[None]:
    """Keep others from writing jobs until the end of the block."""
    location = cluster.database.location
    if isinstance(location, Path):
        with closing(sqlite3.connect(location, isolation_level=None, timeout=60)) as connection:
            connection.execute("pragma wal_autocheckpoint = 0")
            connection.execute("begin exclusive")
            yield
            connection.rollback()
    else:
        with psycopg.connect(location) as connection:
            connection.execute("lock table jobs_jobexecutionlog in share row exclusive mode")
            yield


def result(cluster: Cluster, job: str) -> bytes:
    return cluster.bob.get(f"/jobs/{job}/result").content
