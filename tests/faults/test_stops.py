"""Hosts are stopped and started: all of their processes are told to, as systemd does, while others take over."""

from __future__ import annotations

import signal

import pytest

from tests.faults.cluster import PATIENCE, Cluster, kill, until


@pytest.mark.parametrize("round", [1, *(pytest.param(n, marks=pytest.mark.chaos) for n in range(2, 21))])
def test_a_host_whose_processes_are_all_told_to_end_does_so_and_charges_no_attempt(
    cluster: Cluster, round: int
) -> None:
    jobs = [cluster.submit("sleep:2") for _ in range(6)]
    old = cluster.host_of(jobs[0])
    new = cluster.start_host()
    for process in cluster.family(old):
        kill(process, signal.SIGTERM)
    assert old.wait(PATIENCE) in (0, 1)
    until(lambda: cluster.is_whole(new))
    ended = cluster.ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in ended} == {("Succeeded", 1)}
    cluster.hosts.remove(old)
    cluster.hosts.remove(new)
    new.terminate()
    assert new.wait(PATIENCE) == 0


def test_a_host_that_is_stopped_lets_its_jobs_end(cluster: Cluster) -> None:
    jobs = [cluster.submit("sleep:2") for _ in range(2)]
    old = cluster.host_of(jobs[0])
    old.terminate()
    assert old.wait(PATIENCE) == 0
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 1)}
