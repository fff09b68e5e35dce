"""Processes are killed: a job's child, its worker, idle workers, the parts of a cluster, whole hosts."""

from __future__ import annotations

import signal

import pytest

from tests.faults.cluster import Cluster, gone, kill, until


def test_a_job_whose_child_is_killed_is_run_again(cluster: Cluster) -> None:
    job = cluster.submit("sleep:1.5")
    kill(cluster.child(job))
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)


def test_a_child_dies_with_its_worker_and_the_job_is_run_again_before_its_lease_ends(cluster: Cluster) -> None:
    job = cluster.submit("sleep:1.5")
    worker, child = cluster.worker(job), cluster.child(job)
    kill(worker)
    assert gone([child])
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)


def test_idle_workers_that_are_killed_do_not_stop_the_others(cluster: Cluster) -> None:
    for _ in range(3):
        for host in cluster.hosts:
            for process in cluster.idle(host):
                kill(process)
        cluster.submit()
    jobs = [cluster.submit() for _ in range(10)]
    assert {row["status"] for row in cluster.ended(*jobs)} == {"Succeeded"}


@pytest.mark.parametrize("victim", [pytest.param("sentinel", marks=pytest.mark.chaos), "main"])
def test_a_cluster_that_loses_a_part_leaves_no_orphan_and_is_started_again(cluster: Cluster, victim: str) -> None:
    job = cluster.submit("sleep:1.5")
    host = cluster.host_of(job)
    family = [cluster.sentinel(host), *cluster.sentinel(host).children(recursive=True)]
    kill(getattr(cluster, victim)(host))
    assert gone(family)
    until(lambda: cluster.is_whole(host))
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    assert host.poll() is None


def test_a_host_that_is_killed_leaves_no_process_and_another_takes_its_jobs(cluster: Cluster) -> None:
    jobs = [cluster.submit("sleep:1.5") for _ in range(5)]
    host = cluster.host_of(jobs[0])
    others = {other.pid for other in cluster.hosts if other is not host}
    host.send_signal(signal.SIGKILL)
    assert host.wait(10) == -signal.SIGKILL
    until(lambda: not [p for p in cluster.processes() if not {p.pid, *(q.pid for q in p.parents())} & others])
    ended = cluster.ended(*jobs)
    assert {row["status"] for row in ended} == {"Succeeded"}
    assert max(row["attempt"] for row in ended) == 2
