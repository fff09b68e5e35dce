"""Hosts are stopped and started. All of their processes get SIGTERM, as from systemd, while others take over."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.faults.cluster import DRAIN, PATIENCE, Cluster, all_end, kill, wait_for
from tests.faults.sinks import Sinks

#: Seconds beyond the drain limit: a round in progress, and the last rows that a host writes.
STOP_ALLOWANCE = 3


@pytest.mark.parametrize("round", [1, *(pytest.param(n, marks=pytest.mark.chaos) for n in range(2, 21))])
def test_a_host_whose_processes_all_get_sigterm_stops_without_counting_an_attempt(cluster: Cluster, round: int) -> None:
    jobs = [cluster.submit("sleep:2") for _ in range(6)]
    old = cluster.host_of(jobs[0])
    new = cluster.start_host()
    terminate_all_processes(cluster, old)
    assert old.wait(DRAIN + STOP_ALLOWANCE) in (0, 1)
    wait_for(lambda: cluster.is_complete(new))
    rows = cluster.wait_ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    cluster.hosts.remove(old)
    cluster.hosts.remove(new)
    new.terminate()
    assert new.wait(PATIENCE) == 0


def test_a_host_that_is_stopped_lets_its_jobs_end(cluster: Cluster) -> None:
    jobs = [cluster.submit("sleep:2") for _ in range(2)]
    old = cluster.host_of(jobs[0])
    old.terminate()
    assert old.wait(DRAIN + STOP_ALLOWANCE) == 0
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 1)}


@pytest.mark.parametrize("target", ["host", pytest.param("all", marks=pytest.mark.chaos)])
def test_a_host_stops_at_its_limit_and_releases_longer_jobs_without_counting_the_attempt(
    cluster: Cluster, target: str
) -> None:
    """Nothing of it is left, not even programs that a report has started in sessions of their own."""
    cluster.stop_all_hosts()
    old = cluster.start_host(REPORTSERVER_DRAIN_SECONDS="2")
    jobs = [cluster.submit(harm) for harm in ("sleep:6", "starts-programs:6")]
    for job in jobs:
        cluster.wait_running(job)
    processes = [*cluster.process_tree(old), *cluster.programs(jobs[1])]
    cluster.start_host()
    if target == "all":
        terminate_all_processes(cluster, old)
    else:
        old.terminate()
    assert old.wait(2 + STOP_ALLOWANCE) in (0, 1)
    assert all_end(processes, 1)
    cluster.hosts.remove(old)
    rows = cluster.wait_ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    assert {cluster.event_kinds(job).count("claimed") for job in jobs} == {2}


@pytest.mark.chaos
def test_a_host_that_stops_while_it_delivers_sends_each_result_once(sinks: Sinks) -> None:
    cluster = sinks.cluster
    jobs = [cluster.submit(harm, "delivered") for harm in ("", "sleep:1", "sleep:2") * 4]
    old = cluster.host_of(jobs[2])
    terminate_all_processes(cluster, old)
    assert old.wait(DRAIN + STOP_ALLOWANCE) in (0, 1)
    cluster.hosts.remove(old)
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 1)}
    assert sinks.took_effect_once(*jobs)


def terminate_all_processes(cluster: Cluster, host: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to every process of the host, as a service manager does."""
    for process in cluster.process_tree(host):
        kill(process, signal.SIGTERM)
