"""Processes are killed: a job's child, its worker, idle workers, parts of a cluster, whole hosts."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from tests.faults.cluster import ROUND, WORKERS, Cluster, all_end, file_stem, job_files, kill, wait_for
from tests.faults.database import parse_time
from tests.faults.test_cancel import CANCEL_SECONDS, seconds_to_cancel


@pytest.mark.parametrize(
    "gate", [pytest.param("row-5", marks=pytest.mark.chaos), "row-25", "before-publish", "after-publish"]
)
def test_a_job_whose_child_is_killed_anywhere_is_run_again_and_leaves_one_file(cluster: Cluster, gate: str) -> None:
    """At 10% and at 50% of its rows, before its file gets its name, and between that and the commit."""
    with cluster.hold_at(gate):
        job = cluster.submit("steps")
        cluster.wait_at(gate)
        kill(cluster.child(job))
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"], row["rows"]) == ("Succeeded", 2, 50)
    assert cluster.event_kinds(job) == ["queued", "claimed", "requeued", "claimed", "succeeded"]
    assert [path.name for path in job_files(cluster, job, "*")] == [f"{file_stem(row)}.csv"]


def test_a_child_dies_with_its_worker_and_the_job_is_run_again_before_its_lease_ends(cluster: Cluster) -> None:
    with cluster.hold_at("row-25"):
        job = cluster.submit("steps")
        cluster.wait_at("row-25")
        worker, child = cluster.worker(job), cluster.child(job)
        kill(worker)
        assert all_end([child], 1)
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)


def test_a_child_dies_with_its_fork_server_and_its_worker_reports_the_lost_attempt(cluster: Cluster) -> None:
    with cluster.hold_at("row-25"):
        job = cluster.submit("steps")
        cluster.wait_at("row-25")
        worker, child = cluster.worker(job), cluster.child(job)
        kill(cluster.fork_server(job))
        assert all_end([child], 1)
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
    assert cluster.event_kinds(job) == ["queued", "claimed", "requeued", "claimed", "succeeded"]
    assert worker.is_running(), "the worker should lose only its fork server"


def test_programs_of_a_job_end_soon_after_its_fork_server(cluster: Cluster) -> None:
    """Of all workers at once: whether a program or its fork server ends first depends on chance.

    They end although their workers have nothing else to do.
    """
    with cluster.hold_at("before-publish"):
        jobs, programs = occupy_all_workers(cluster)
        child_processes = [cluster.child(job) for job in jobs]
        for server in [cluster.fork_server(job) for job in jobs]:
            kill(server)
        assert all_end(child_processes, 1)
        assert all_end(programs, 4)
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 2)}


def test_a_job_whose_fork_server_is_stopped_is_cancelled_as_soon_as_any_other(cluster: Cluster) -> None:
    job = cluster.submit("sleep:60")
    worker, child = cluster.worker(job), cluster.child(job)
    server = cluster.fork_server(job)
    kill(server, signal.SIGSTOP)
    cluster.cancel(job)
    assert all_end([child], CANCEL_SECONDS)
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "cancelled", 1)
    assert seconds_to_cancel(row) < CANCEL_SECONDS
    assert all_end([server], 10), "the fork server was not ended"
    jobs = [cluster.submit("sleep:0.5") for _ in range(8)]
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 1)}
    assert worker.pid in cluster.claimers(jobs), "the worker claims no more jobs"


def test_a_fork_server_that_is_lost_between_two_jobs_costs_no_attempt(cluster: Cluster) -> None:
    cluster.wait_ended(*[cluster.submit("sleep:0.5") for _ in range(8)])
    servers = [server for host in cluster.hosts for server in cluster.fork_servers(host)]
    assert len(servers) > 1
    for server in servers:
        kill(server)
    assert all_end(servers)
    rows = cluster.wait_ended(*[cluster.submit("sleep:0.5") for _ in range(8)])
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}


def test_a_fork_server_that_does_not_answer_costs_neither_an_attempt_nor_a_worker(cluster: Cluster) -> None:
    cluster.wait_ended(*[cluster.submit("sleep:0.5") for _ in range(8)])
    servers = [server for host in cluster.hosts for server in cluster.fork_servers(host)]
    for server in servers:
        kill(server, signal.SIGSTOP)
    jobs = [cluster.submit() for _ in range(8)]
    assert {(row["status"], row["attempt"]) for row in cluster.wait_ended(*jobs)} == {("Succeeded", 1)}
    assert all_end(servers)
    requeued = "select details from jobs_jobevent where kind = 'requeued' and job_id = ?"
    failures = [
        str(row["details"]) for job in jobs for row in cluster.database(requeued, cluster.database.stored_id(job))
    ]
    assert len(failures) == len(servers)
    assert all("could not be started" in details for details in failures)


def test_idle_workers_that_are_killed_do_not_stop_the_others(cluster: Cluster) -> None:
    for _ in range(3):
        for host in cluster.hosts:
            for process in cluster.idle(host):
                kill(process)
        cluster.submit()
    jobs = [cluster.submit() for _ in range(10)]
    assert {row["status"] for row in cluster.wait_ended(*jobs)} == {"Succeeded"}


@pytest.mark.chaos
@pytest.mark.parametrize("repaired", [True, False], ids=["repaired", "watched"])
def test_idle_workers_may_be_killed_again_and_again(cluster: Cluster, repaired: bool) -> None:
    """All of them, twenty times: with the repaired lock of their queue, and with only the supervisor to notice."""
    cluster.stop_all_hosts()
    for _ in range(2):
        cluster.start_host(**({} if repaired else {"FAULTS_WITHOUT_REPAIR": "1"}))
    cluster.ensure_two_hosts()
    for _ in range(20):
        for process in [process for host in cluster.hosts for process in cluster.idle(host)]:
            kill(process)
        time.sleep(0.5)
    jobs = [cluster.submit() for _ in range(50)]
    rows = cluster.wait_ended(*jobs)
    assert {(row["status"], row["attempt"]) for row in rows} == {("Succeeded", 1)}
    first = min(parse_time(row["queued_at"]) for row in rows)
    last = max(parse_time(row["ended_at"]) for row in rows)
    seconds = (last - first).total_seconds()
    print(f"50 jobs after 20 kills of all idle workers: {seconds:.1f} s")  # noqa: T201
    assert seconds <= 30
    cluster.stop_all_hosts()


@pytest.mark.parametrize("victim", [pytest.param("sentinel", marks=pytest.mark.chaos), "main"])
def test_a_cluster_that_loses_a_part_leaves_no_orphan_and_is_restarted(cluster: Cluster, victim: str) -> None:
    """While all of its workers have jobs, and each job has started programs in sessions of their own."""
    with cluster.hold_at("before-publish"):
        jobs, programs = occupy_all_workers(cluster)
        host = cluster.host_of(jobs[0])
        main, descendants = cluster.main(host), cluster.main(host).children(recursive=True)
        assert set(programs) & set(descendants)
        kill(getattr(cluster, victim)(host))
        assert all_end([main, *descendants], 2)
    wait_for(lambda: cluster.is_complete(host))
    rows = cluster.wait_ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert sorted(row["attempt"] for row in rows) == [1, 1, 2, 2]
    assert host.poll() is None


def test_a_host_that_is_killed_leaves_no_process_and_another_takes_its_jobs(cluster: Cluster) -> None:
    """Its own processes die with it. Programs that its jobs started in sessions of their own have no parent left.

    The next round of another jobserver ends them.
    """
    with cluster.hold_at("before-publish"):
        jobs, programs = occupy_all_workers(cluster)
        host = cluster.host_of(jobs[0])
        processes = cluster.process_tree(host)
        host.send_signal(signal.SIGKILL)
        round_ends_at = time.monotonic() + ROUND + 2
        assert all_end(set(processes) - set(programs), 2)
        assert all_end(set(processes) & set(programs), round_ends_at - time.monotonic())
        assert host.wait(0) == -signal.SIGKILL
    others = [other for other in cluster.hosts if other is not host]
    wait_for(
        lambda: set(cluster.all_processes()) <= {process for other in others for process in cluster.process_tree(other)}
    )
    rows = cluster.wait_ended(*jobs)
    assert {row["status"] for row in rows} == {"Succeeded"}
    assert sorted(row["attempt"] for row in rows) == [1, 1, 2, 2]


def occupy_all_workers(cluster: Cluster) -> tuple[list[str], list[psutil.Process]]:
    """Submit a job for each worker. Return them, and the programs that they have started in sessions of their own."""
    jobs = [cluster.submit("starts-programs:0") for _ in range(2 * WORKERS)]
    cluster.wait_all_busy()
    programs = [program for job in jobs for program in cluster.programs(job)]
    return jobs, programs
