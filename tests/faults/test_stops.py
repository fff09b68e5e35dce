"""Hosts are stopped and started: all of their processes are told to, as systemd does, while others take over."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.faults.cluster import DRAIN, PATIENCE, Cluster, gone, kill, until
from tests.faults.sinks import Sinks

#: Seconds beyond the drain limit: a round that is under way, and the last rows that a host writes.
STOP_ALLOWANCE = 3


@pytest.mark.parametrize("round", [1, *(pytest.param(n, marks=pytest.mark.chaos) for n in range(2, 21))])
def test_a_host_whose_processes_are_all_told_to_end_does_so_and_charges_no_attempt(
    cluster: Cluster, round: int
) -> None:
    jobs = [cluster.submit("sleep:2") for _ in range(6)]
    old = cluster.host_of(jobs[0])
    new = cluster.start_host()
    tell_all_to_end(cluster, old)
    assert old.wait(DRAIN + STOP_ALLOWANCE) in (0, 1)
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
    assert old.wait(DRAIN + STOP_ALLOWANCE) == 0
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 1)}


@pytest.mark.parametrize("told", ["host", pytest.param("all", marks=pytest.mark.chaos)])
def test_a_host_ends_at_its_limit_and_puts_back_what_takes_longer_without_charging_it(
    cluster: Cluster, told: str
) -> None:
    """Nothing of it is left, not even a program that a report has started in a session of its own."""
    cluster.no_hosts()
    old = cluster.start_host(REPORTSERVER_DRAIN_SECONDS="2")
    jobs = [cluster.submit(harm) for harm in ("sleep:6", "grandchild:6")]
    for job in jobs:
        cluster.running(job)
    family = [*cluster.family(old), *cluster.programs(jobs[1])]
    cluster.start_host()
    if told == "all":
        tell_all_to_end(cluster, old)
    else:
        old.terminate()
    assert old.wait(2 + STOP_ALLOWANCE) in (0, 1)
    assert gone(family, 1)
    cluster.hosts.remove(old)
    rows = cluster.ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    assert {cluster.kinds(job).count("claimed") for job in jobs} == {2}


@pytest.mark.chaos
def test_a_host_that_ends_while_its_results_are_on_their_way_sends_each_once(sinks: Sinks) -> None:
    cluster = sinks.cluster
    jobs = [cluster.submit(harm, "delivered") for harm in ("", "sleep:1", "sleep:2") * 4]
    old = cluster.host_of(jobs[2])
    tell_all_to_end(cluster, old)
    assert old.wait(DRAIN + STOP_ALLOWANCE) in (0, 1)
    cluster.hosts.remove(old)
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 1)}
    assert sinks.took_effect_once(*jobs)


def tell_all_to_end(cluster: Cluster, host: subprocess.Popen[bytes]) -> None:
    """As a service manager does."""
    for process in cluster.family(host):
        kill(process, signal.SIGTERM)
