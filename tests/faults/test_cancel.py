"""A job is cancelled at every stage of its life, once and twice. It ends once, soon, and leaves nothing behind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.faults.cluster import Cluster, all_end, job_files, wait_for
from tests.faults.database import Row, parse_time

#: Seconds from the request until a running job and all its processes have ended: 5 after its worker's next heartbeat.
CANCEL_SECONDS = 5 + 2


def seconds_to_cancel(row: Row) -> float:
    """Return the seconds from the request until the end of the job, by the database's clock."""
    return (parse_time(row["ended_at"]) - parse_time(row["cancel_requested_at"])).total_seconds()


def test_a_queued_job_is_cancelled_at_once_and_never_runs(cluster: Cluster) -> None:
    with cluster.hold_at("before-claim"):
        job = cluster.submit()
        assert (cluster.cancel(job), cluster.cancel(job)) == (202, 409)
        (row,) = cluster.wait_ended(job)
        assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "cancelled", 0)
    cluster.wait_ended(cluster.submit())
    assert cluster.event_kinds(job) == ["queued", "failed"]


def test_a_cancelled_job_ends_within_seconds_even_if_it_resists(cluster: Cluster) -> None:
    """With all its processes: the child, programs that it started, and those in sessions of their own."""
    jobs = [cluster.submit(harm) for harm in ("sleep:60", "ignores-signals", "starts-programs:60")]
    processes = [*(cluster.child(job) for job in jobs), *cluster.programs(jobs[-1])]
    requested_at = time.monotonic()
    for job in jobs:
        assert {cluster.cancel(job), cluster.cancel(job)} <= {202, 409}
    assert all_end(processes, requested_at + CANCEL_SECONDS - time.monotonic())
    for row in cluster.wait_ended(*jobs):
        assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "cancelled", 1)
        assert seconds_to_cancel(row) < CANCEL_SECONDS


@pytest.mark.parametrize("gate", ["after-claim", "after-publish", "before-commit"])
def test_a_job_that_is_cancelled_while_its_worker_is_busy_ends_once(cluster: Cluster, gate: str) -> None:
    """Between claim and fork, between rename and commit, and during the commit, which is kept."""
    with cluster.hold_at(gate):
        job = cluster.submit("sleep:3" if gate == "after-claim" else "")
        cluster.wait_at(gate)
        assert cluster.cancel(job) == cluster.cancel(job) == 202
        if gate == "after-publish":
            cluster.wait_ended(job)
    (row,) = cluster.wait_ended(job)
    assert row["attempt"] == 1
    assert row["status"] == ("Succeeded" if gate == "before-commit" else "Failed"), row["error_code"]
    assert cluster.event_kinds(job)[:3] == ["queued", "claimed", "cancel_requested"]
    assert len(cluster.event_kinds(job)) == 4
    wait_for(lambda: len(job_files(cluster, job, "*")) == (row["status"] == "Succeeded"))


def test_a_temporary_failure_is_not_retried_once_cancellation_was_requested(cluster: Cluster) -> None:
    """Requested before the failure, and between two attempts."""
    with cluster.hold_at("after-claim"):
        before = cluster.submit("unavailable")
        cluster.wait_at("after-claim")
        assert cluster.cancel(before) == 202
    between = cluster.submit("unavailable")
    wait_for(lambda: "requeued" in cluster.event_kinds(between))
    cluster.cancel(between)
    assert [(row["status"], row["error_code"]) for row in cluster.wait_ended(before, between)] == [
        ("Failed", "cancelled")
    ] * 2


def test_a_cancelled_query_ends_on_the_database_server(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("", "long-query")
    queries = "select pid from pg_stat_activity where application_name = 'reportserver' and query like '%pg_sleep%'"
    wait_for(lambda: postgresql_hosts.database(queries))
    postgresql_hosts.cancel(job)
    (row,) = postgresql_hosts.wait_ended(job)
    assert row["error_code"] == "cancelled"
    wait_for(lambda: not postgresql_hosts.database(queries))


def test_a_job_that_is_released_while_it_is_cancelled_is_cancelled(postgresql_hosts: Cluster) -> None:
    """The release is committed after the cancellation has found the job Running."""
    cluster = postgresql_hosts
    job = cluster.submit("sleep:60")
    cluster.wait_running(job)
    release = (
        "update jobs_jobexecutionlog set status = 'Queued', fence = fence + 1, owner = '', pid = null, "
        "lease_expires_at = null, deadline_at = null where id = %s"
    )
    with ThreadPoolExecutor(1) as pool, psycopg.connect(str(cluster.database.location)) as connection:
        connection.execute(release, [job])
        answer = pool.submit(cluster.cancel, job)
        # The other one that waits is the worker, with its heartbeat.
        wait_for(lambda: len(cluster.database("select 1 from pg_locks where not granted")) >= 2)
        connection.execute(
            "insert into jobs_jobevent (job_id, at, kind, attempt, fence, details) "
            "values (%s, now(), 'requeued', 1, 1, '{}')",
            [job],
        )
        connection.commit()
        assert answer.result() == 202
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["error_code"]) == ("Failed", "cancelled")
