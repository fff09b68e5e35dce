"""A job is cancelled at every moment of its life, once and twice: it ends once, soon, and leaves nothing."""

from __future__ import annotations

import time

import pytest

from tests.faults.cluster import Cluster, files, gone, until
from tests.faults.rows import Row, moment

#: Seconds from the wish until a running job and its whole tree have ended: 5 after its worker's next heartbeat.
MOST = 5 + 2


def waited(row: Row) -> float:
    """Seconds from the wish until the end, by the database's clock."""
    return (moment(row["ended_at"]) - moment(row["cancel_requested_at"])).total_seconds()


def test_a_job_that_waits_is_cancelled_at_once_and_never_run(cluster: Cluster) -> None:
    with cluster.held("claims"):
        job = cluster.submit()
        assert (cluster.cancel(job), cluster.cancel(job)) == (202, 409)
        (row,) = cluster.ended(job)
        assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "cancelled", 0)
    cluster.ended(cluster.submit())
    assert cluster.kinds(job) == ["queued", "failed"]


def test_a_job_that_is_cancelled_ends_within_seconds_even_if_it_resists(cluster: Cluster) -> None:
    """Its whole tree: the process, what that has started, and what is in a session of its own."""
    jobs = [cluster.submit(harm) for harm in ("sleep:60", "deaf", "grandchild:60")]
    family = [*(cluster.child(job) for job in jobs), *cluster.programs(jobs[-1])]
    begun = time.monotonic()
    for job in jobs:
        assert {cluster.cancel(job), cluster.cancel(job)} <= {202, 409}
    assert gone(family, begun + MOST - time.monotonic())
    for row in cluster.ended(*jobs):
        assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "cancelled", 1)
        assert waited(row) < MOST


@pytest.mark.parametrize("place", ["claimed", "renamed", "commits"])
def test_a_job_that_is_cancelled_at_a_moment_when_nobody_listens_ends_once(cluster: Cluster, place: str) -> None:
    """Between claim and fork, between rename and commit, and when the commit is on its way: that one is kept."""
    with cluster.held(place):
        job = cluster.submit("sleep:3" if place == "claimed" else "")
        cluster.reached(place)
        assert cluster.cancel(job) == cluster.cancel(job) == 202
        if place == "renamed":
            cluster.ended(job)
    (row,) = cluster.ended(job)
    assert row["attempt"] == 1
    assert row["status"] == ("Succeeded" if place == "commits" else "Failed"), row["error_code"]
    assert cluster.kinds(job)[:3] == ["queued", "claimed", "cancel_requested"]
    assert len(cluster.kinds(job)) == 4
    until(lambda: len(list(files(cluster, job, "*"))) == (row["status"] == "Succeeded"))


def test_a_failure_that_may_pass_is_not_tried_again_once_a_cancel_is_wished(cluster: Cluster) -> None:
    """Before the failure, and between two attempts."""
    with cluster.held("claimed"):
        before = cluster.submit("unavailable")
        cluster.reached("claimed")
        assert cluster.cancel(before) == 202
    between = cluster.submit("unavailable")
    until(lambda: "requeued" in cluster.kinds(between))
    cluster.cancel(between)
    assert [(row["status"], row["error_code"]) for row in cluster.ended(before, between)] == [
        ("Failed", "cancelled")
    ] * 2


def test_a_cancelled_query_is_gone_from_the_database_server(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("", "long-query")
    asleep = "select pid from pg_stat_activity where application_name = 'reportserver' and query like '%pg_sleep%'"
    until(lambda: postgresql_hosts.database(asleep))
    postgresql_hosts.cancel(job)
    (row,) = postgresql_hosts.ended(job)
    assert row["error_code"] == "cancelled"
    until(lambda: not postgresql_hosts.database(asleep))
