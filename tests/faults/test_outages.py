"""The database is away for some seconds, or a worker is: stopped beyond its lease, and then it wakes up."""

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
from tests.faults.cluster import LEASE, PATIENCE, ROUND, WORKERS, Cluster, files, gone, kill, until
from tests.faults.proxy import network
from tests.faults.report import worked_on_again

#: Seconds beyond a lease and a round: what a job waits before its second attempt, and the claim.
ALLOWANCE = 2 + 1


@pytest.mark.parametrize("held", [False, pytest.param(True, marks=pytest.mark.chaos)], ids=["goes-on", "is-held"])
def test_a_worker_that_wakes_up_after_its_lease_changes_nothing(cluster: Cluster, held: bool) -> None:
    """Stopped are the worker, its fork server and the job's process, which then goes on, or has to be killed."""
    with cluster.held("row-25"):
        job = cluster.submit("steps")
        cluster.reached("row-25")
        worker, child = cluster.worker(job), cluster.child(job)
        asleep = [worker, *worker.children(recursive=True)]
        assert len(asleep) == 3
        for process in asleep:
            kill(process, signal.SIGSTOP)
    try:
        (row,) = cluster.ended(job)
        before = result(cluster, job)
    finally:
        with cluster.held("row-25") if held else nullcontext():
            for process in asleep:
                kill(process, signal.SIGCONT)
            assert gone([child], 5)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    until(lambda: not list(files(cluster, job, "1.*")))
    assert result(cluster, job) == before
    assert cluster.kinds(job) == ["queued", "claimed", "requeued", "claimed", "succeeded"]


def test_a_worker_killed_between_the_rename_of_its_file_and_the_commit_loses_nothing(cluster: Cluster) -> None:
    go = cluster.server.folder / "go"
    go.unlink(missing_ok=True)
    job = cluster.submit(f"until-there:{go}")
    worker = cluster.worker(job)
    with locked(cluster):
        go.touch()
        until(lambda: list(files(cluster, job, "1.csv")))
        kill(worker)
        assert gone([worker])
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    assert [path.name for path in files(cluster, job, "*")] == [f"{row['fence']}.csv"]


@pytest.mark.chaos
@pytest.mark.parametrize("seconds", [10, 60])
def test_jobs_survive_a_database_that_cannot_be_written_for_longer_than_a_lease(cluster: Cluster, seconds: int) -> None:
    jobs = [cluster.submit(f"sleep:{seconds}") for seconds in (1, 3, 12, 0.1, 0.1)]
    cluster.running(jobs[2])
    with locked(cluster):
        time.sleep(seconds)
        back = datetime.now(UTC)
    rows = cluster.ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert max(row["attempt"] for row in rows) <= 2
    assert slowest(cluster, jobs, back) < LEASE + ROUND + ALLOWANCE


@pytest.mark.chaos
def test_no_worker_has_another_job_before_the_end_of_its_own_is_written(cluster: Cluster) -> None:
    """Deadlines pass while the database cannot be written, and other jobs wait."""
    first = [cluster.submit("sleep:60", "harmful-short") for _ in range(2 * WORKERS)]
    for job in first:
        cluster.running(job)
    then = [cluster.submit("sleep:1") for _ in range(2 * WORKERS)]
    with locked(cluster):
        time.sleep(LEASE + 3)
    assert {row["error_code"] for row in cluster.ended(*first)} == {"timeout"}
    cluster.ended(*then)
    for claim, end in (cluster.database.events(job)[1:] for job in first):
        others = [cluster.database.events(job)[1] for job in then]
        assert all(other.at >= end.at for other in others if other.pid == claim.pid)


def test_jobs_survive_a_crash_of_the_database_server(postgresql_hosts: Cluster) -> None:
    jobs = [postgresql_hosts.submit(f"sleep:{seconds}") for seconds in (0.5, 1, 2, 3, 0.1, 0.1)]
    postgresql_hosts.running(jobs[3])
    for _ in range(2):
        postgres.restart(str(postgresql_hosts.database.where))
        back = datetime.now(UTC)
        time.sleep(1)
    rows = postgresql_hosts.ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert slowest(postgresql_hosts, jobs, back) < LEASE + ROUND + ALLOWANCE


@pytest.mark.chaos
@pytest.mark.parametrize("place", ["claims", "renews", "commits", "notes-succeeded"])
def test_a_network_that_swallows_packets_costs_one_attempt_and_the_host_works_again_after_it(
    postgresql_hosts: Cluster, place: str
) -> None:
    """Before a claim, before a heartbeat, before the commit, and in the middle of its transaction."""
    cluster = postgresql_hosts
    cluster.no_hosts()
    with network(str(cluster.database.where)) as proxy:
        cut_off = cluster.start_host(REPORTSERVER_DATABASE_URL=proxy.url)
        until(lambda: cluster.is_whole(cut_off))
        with cluster.held(place):
            job = cluster.submit("sleep:3")
            cluster.reached(place)
            proxy.forwards = False
        other = cluster.start_host()
        (row,) = cluster.ended(job)
        assert (row["status"], row["attempt"]) == ("Succeeded", 1 if place == "claims" else 2)
        proxy.forwards = True
        cluster.hosts.remove(other)
        other.terminate()
        assert other.wait(PATIENCE) == 0
        assert [row["status"] for row in cluster.ended(cluster.submit(), cluster.submit())] == ["Succeeded"] * 2
        cluster.no_hosts()


def slowest(cluster: Cluster, jobs: list[str], back: datetime) -> float:
    """Seconds from when the database was back until the last of the jobs was claimed again, or had ended."""
    found = [worked_on_again(cluster, job, back) for job in jobs]
    seconds = [one for one in found if one is not None]
    assert seconds, "all of them had ended before"
    return max(seconds)


@contextmanager
def locked(cluster: Cluster) -> Iterator[None]:
    """Nobody else can write jobs meanwhile."""
    where = cluster.database.where
    if isinstance(where, Path):
        with closing(sqlite3.connect(where, isolation_level=None, timeout=60)) as connection:
            connection.execute("pragma wal_autocheckpoint = 0")
            connection.execute("begin exclusive")
            yield
            connection.rollback()
    else:
        with psycopg.connect(where) as connection:
            connection.execute("lock table jobs_jobexecutionlog in share row exclusive mode")
            yield


def result(cluster: Cluster, job: str) -> bytes:
    return cluster.bob.get(f"/jobs/{job}/result").content
