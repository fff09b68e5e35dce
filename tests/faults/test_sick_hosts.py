"""One host is sick: no job is blamed for it, and none waits for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster, all_end, kill, wait_for
from tests.faults.sickness import SICKNESSES, Host, no_more_processes, share_of_results


@pytest.fixture
def host(cluster: Cluster) -> Iterator[Host]:
    """The only host, whose workers have all run a job. It has the results on a share of its own."""
    cluster.stop_all_hosts()
    with share_of_results(cluster) as settings:
        host = cluster.start_host(**settings)
        wait_for(lambda: cluster.is_complete(host))
        cluster.wait_ended(*[cluster.submit("sleep:0.5") for _ in range(6)])
        yield host
        cluster.wait_ended()
        cluster.stop_all_hosts()


FIRST, *OTHERS = SICKNESSES


@pytest.mark.parametrize("name", [FIRST, *[pytest.param(name, marks=pytest.mark.chaos) for name in OTHERS]])
def test_a_sick_host_costs_no_attempt_and_leaves_the_jobs_to_others(cluster: Cluster, host: Host, name: str) -> None:
    """It gets sick after it has claimed a job. Others are requested while it is sick, and one when it is well again."""
    sickness, sentence = SICKNESSES[name]
    with cluster.hold_at("after-claim"):
        job = cluster.submit()
        cluster.wait_at("after-claim")
        sick = sickness(cluster, host)
        sick.__enter__()
    try:
        wait_for(lambda: paused(cluster, host))
        assert re.search(sentence, str(paused(cluster, host)))
        doctor = cluster.server.manage("doctor", check=False)
        assert re.search(f"takes no jobs until .*({sentence})", doctor.stdout), doctor.stdout
        assert cluster.database.job(job)["status"] == "Queued"
        other = cluster.start_host()
        jobs = [job, *(cluster.submit() for _ in range(8))]
        cluster.blameless += jobs
        rows = cluster.wait_ended(*jobs)
    finally:
        sick.__exit__(None, None, None)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    assert requeues(cluster, job) == ["host_fault"]
    other.terminate()
    other.wait(60)
    cluster.hosts.remove(other)
    (row,) = cluster.wait_ended(cluster.submit())
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)
    wait_for(lambda: not paused(cluster, host))
    assert host.poll() is None


def test_a_host_on_which_nothing_can_be_forked_loses_neither_its_jobs_nor_itself(cluster: Cluster, host: Host) -> None:
    """While a job runs, its deliverer and its idle worker are killed and can't be replaced until it is well."""
    go = cluster.server.folder / "go-sick"
    go.unlink(missing_ok=True)
    job = cluster.submit(f"waits-for-file:{go}")
    child, sentinel = cluster.child(job), cluster.sentinel(host)
    with no_more_processes(cluster, host):
        victims = [cluster.deliverer(host), *cluster.idle(host)]
        for victim in victims:
            kill(victim)
        assert all_end(victims)
        before = cluster.database.job(job)["heartbeat_at"]
        wait_for(lambda: cluster.database.job(job)["heartbeat_at"] > before)
        assert host.poll() is None and sentinel.is_running() and child.is_running()
    wait_for(lambda: cluster.is_complete(host) and cluster.deliverer(host))
    go.touch()
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)


def paused(cluster: Cluster, host: Host) -> str:
    """Return why the host takes no jobs; empty if it does."""
    rows = cluster.database("select note from jobs_workerhost where pid = ? and paused_until is not null", host.pid)
    return rows[0]["note"] if rows else ""


def requeues(cluster: Cluster, job: str) -> list[str]:
    """Return the code of each failure after which the job was queued again."""
    sql = "select details from jobs_jobevent where kind = 'requeued' and job_id = ? order by id"
    details = [row["details"] for row in cluster.database(sql, cluster.database.stored_id(job))]
    return [(json.loads(each) if isinstance(each, str) else each)["code"] for each in details]
