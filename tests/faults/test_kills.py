"""Processes are killed: a job's child, its worker, idle workers, the parts of a cluster, whole hosts."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from tests.faults.cluster import ROUND, WORKERS, Cluster, files, gone, kill, until
from tests.faults.rows import moment
from tests.faults.test_cancel import MOST, waited


@pytest.mark.parametrize("place", [pytest.param("row-5", marks=pytest.mark.chaos), "row-25", "renames", "renamed"])
def test_a_job_whose_child_is_killed_anywhere_on_its_way_is_run_again_and_leaves_one_file(
    cluster: Cluster, place: str
) -> None:
    """At 10 % and at 50 % of its rows, before its file gets its name, and after that but before the commit."""
    with cluster.held(place):
        job = cluster.submit("steps")
        cluster.reached(place)
        kill(cluster.child(job))
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"], row["rows"]) == ("Succeeded", 2, 50)
    assert cluster.kinds(job) == ["queued", "claimed", "requeued", "claimed", "succeeded"]
    assert [path.name for path in files(cluster, job, "*")] == [f"{row['fence']}.csv"]


def test_a_child_dies_with_its_worker_and_the_job_is_run_again_before_its_lease_ends(cluster: Cluster) -> None:
    with cluster.held("row-25"):
        job = cluster.submit("steps")
        cluster.reached("row-25")
        worker, child = cluster.worker(job), cluster.child(job)
        kill(worker)
        assert gone([child], 1)
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)


def test_a_child_dies_with_its_fork_server_and_its_worker_runs_the_job_again(cluster: Cluster) -> None:
    with cluster.held("row-25"):
        job = cluster.submit("steps")
        cluster.reached("row-25")
        worker, child = cluster.worker(job), cluster.child(job)
        kill(cluster.fork_server(job))
        assert gone([child], 1)
    (row,) = cluster.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    assert cluster.kinds(job) == ["queued", "claimed", "requeued", "claimed", "succeeded"]
    assert worker.is_running(), "its fork server is all that a worker loses"


def test_what_a_job_started_ends_soon_after_its_fork_server_although_its_worker_has_nothing_else_to_do(
    cluster: Cluster,
) -> None:
    """Of all workers at once: whether the program or the fork server ends first is a matter of luck."""
    with cluster.held("renames"):
        jobs, programs = fill_with_jobs(cluster)
        family = [cluster.child(job) for job in jobs]
        for server in [cluster.fork_server(job) for job in jobs]:
            kill(server)
        assert gone(family, 1)
        assert gone(programs, 4)
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 2)}


def test_a_job_whose_fork_server_is_stopped_is_cancelled_as_soon_as_any_other(cluster: Cluster) -> None:
    job = cluster.submit("sleep:60")
    worker, child = cluster.worker(job), cluster.child(job)
    server = cluster.fork_server(job)
    kill(server, signal.SIGSTOP)
    cluster.cancel(job)
    assert gone([child], MOST)
    (row,) = cluster.ended(job)
    assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "cancelled", 1)
    assert waited(row) < MOST
    assert gone([server], 10), "nobody ends it"
    jobs = [cluster.submit("sleep:0.5") for _ in range(8)]
    assert {(row["status"], row["attempt"]) for row in cluster.ended(*jobs)} == {("Succeeded", 1)}
    assert worker.pid in cluster.claimers(jobs), "the worker takes no job any more"


def test_a_fork_server_that_is_lost_between_two_jobs_costs_no_attempt(cluster: Cluster) -> None:
    cluster.ended(*[cluster.submit("sleep:0.5") for _ in range(8)])
    servers = [server for host in cluster.hosts for server in cluster.fork_servers(host)]
    assert len(servers) > 1
    for server in servers:
        kill(server)
    assert gone(servers)
    rows = cluster.ended(*[cluster.submit("sleep:0.5") for _ in range(8)])
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}


def test_a_fork_server_that_does_not_answer_costs_an_attempt_and_no_worker(cluster: Cluster) -> None:
    cluster.ended(*[cluster.submit("sleep:0.5") for _ in range(8)])
    servers = [server for host in cluster.hosts for server in cluster.fork_servers(host)]
    for server in servers:
        kill(server, signal.SIGSTOP)
    jobs = [cluster.submit() for _ in range(8)]
    assert {row["status"] for row in cluster.ended(*jobs)} == {"Succeeded"}
    assert gone(servers)
    failures = "select details from jobs_jobevent where kind = 'requeued' and job_id = ?"
    told = [str(row["details"]) for job in jobs for row in cluster.database(failures, cluster.database.id(job))]
    assert len(told) == len(servers)
    assert all("could not be started" in details for details in told)


def test_idle_workers_that_are_killed_do_not_stop_the_others(cluster: Cluster) -> None:
    for _ in range(3):
        for host in cluster.hosts:
            for process in cluster.idle(host):
                kill(process)
        cluster.submit()
    jobs = [cluster.submit() for _ in range(10)]
    assert {row["status"] for row in cluster.ended(*jobs)} == {"Succeeded"}


@pytest.mark.chaos
@pytest.mark.parametrize("repaired", [True, False], ids=["repaired", "watched"])
def test_idle_workers_may_be_killed_again_and_again(cluster: Cluster, repaired: bool) -> None:
    """Twenty times all of them; with the lock of their queue repaired, and with nothing but the watchdog to help."""
    cluster.no_hosts()
    for _ in range(2):
        cluster.start_host(**({} if repaired else {"FAULTS_WITHOUT_REPAIR": "1"}))
    cluster.two_hosts()
    for _ in range(20):
        for process in [process for host in cluster.hosts for process in cluster.idle(host)]:
            kill(process)
        time.sleep(0.5)
    jobs = [cluster.submit() for _ in range(50)]
    ended = cluster.ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in ended} == {("Succeeded", 1)}
    begun, last = (choose(moment(row[at]) for row in ended) for choose, at in ((min, "queued_at"), (max, "ended_at")))
    seconds = (last - begun).total_seconds()
    print(f"50 jobs after 20 kills of all idle workers: {seconds:.1f} s")  # noqa: T201
    assert seconds <= 30
    cluster.no_hosts()


@pytest.mark.parametrize("victim", [pytest.param("sentinel", marks=pytest.mark.chaos), "main"])
def test_a_cluster_that_loses_a_part_leaves_no_orphan_and_is_started_again(cluster: Cluster, victim: str) -> None:
    """While all of its workers have jobs, and each job has started a program in a session of its own."""
    with cluster.held("renames"):
        jobs, programs = fill_with_jobs(cluster)
        host = cluster.host_of(jobs[0])
        main, below = cluster.main(host), cluster.main(host).children(recursive=True)
        assert set(programs) & set(below)
        kill(getattr(cluster, victim)(host))
        assert gone([main, *below], 2)
    until(lambda: cluster.is_whole(host))
    rows = cluster.ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert sorted(row["attempt"] for row in rows) == [1, 1, 2, 2]
    assert host.poll() is None


def test_a_host_that_is_killed_leaves_no_process_and_another_takes_its_jobs(cluster: Cluster) -> None:
    """Its own processes die with it. What a report started in a session of its own has no parent any more that could
    end it: that is left to the next round of another jobserver.
    """
    with cluster.held("renames"):
        jobs, programs = fill_with_jobs(cluster)
        host = cluster.host_of(jobs[0])
        family = cluster.family(host)
        host.send_signal(signal.SIGKILL)
        until_round = time.monotonic() + ROUND + 2
        assert gone(set(family) - set(programs), 2)
        assert gone(set(family) & set(programs), until_round - time.monotonic())
        assert host.wait(0) == -signal.SIGKILL
    others = [other for other in cluster.hosts if other is not host]
    until(lambda: set(cluster.processes()) <= {process for other in others for process in cluster.family(other)})
    rows = cluster.ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert sorted(row["attempt"] for row in rows) == [1, 1, 2, 2]


def fill_with_jobs(cluster: Cluster) -> tuple[list[str], list[psutil.Process]]:
    """A job for each worker, and the programs that the jobs have started in sessions of their own."""
    jobs = [cluster.submit("grandchild:0") for _ in range(2 * WORKERS)]
    cluster.fully_busy()
    programs = [program for job in jobs for program in cluster.programs(job)]
    return jobs, programs
