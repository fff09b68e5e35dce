"""A report harms its own process: it crashes, hangs, ignores signals, leaves programs behind, or uses too much."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pymysql
import pytest

from tests import mariadb
from tests.faults.cluster import ROUND, Cluster, all_end, children, kill, wait_for
from tests.faults.database import Row, parse_time

LAST_WORDS = "the driver's own last words"


def run_seconds(row: Row) -> float:
    """Return the seconds of the job's last attempt."""
    return (parse_time(row["ended_at"]) - parse_time(row["started_at"])).total_seconds()


def test_a_job_whose_child_dies_on_every_attempt_is_tried_as_often_as_allowed(cluster: Cluster) -> None:
    harms = ["exit:3", "segfault", "kill", f"writes-and-crashes:{LAST_WORDS}"]
    jobs = [cluster.submit(harm) for harm in harms]
    unavailable = cluster.submit("unavailable")
    neighbor = cluster.submit("sleep:1")
    reasons = ["exit status 3", "signal 11", "signal 9", "signal"]
    for row, reason in zip(cluster.wait_ended(*jobs), reasons, strict=True):
        assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "worker_lost")
        assert reason in row["error_message"]
    check_that_only_administrators_see_the_output(row, cluster)
    (row,) = cluster.wait_ended(unavailable)
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "source_unavailable")
    (row,) = cluster.wait_ended(neighbor)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)


def check_that_only_administrators_see_the_output(row: Row, cluster: Cluster) -> None:
    """What the child printed before it crashed is in the trace and in the log, but not in the message."""
    assert LAST_WORDS in row["error_trace"]
    assert "in _write_and_crash" in row["error_trace"], "the trace lacks the function that crashed"
    assert LAST_WORDS not in row["error_message"]
    assert len(row["error_trace"]) < 20_000
    log = (cluster.server.folder / "logs" / "jobs.log").read_text()
    assert log.count(LAST_WORDS) >= 3 * 5_000


@pytest.mark.chaos
def test_a_child_whose_worker_is_stopped_cannot_use_the_processor_forever(cluster: Cluster) -> None:
    job = cluster.submit("burns-cpu", "harmful-short")
    worker, child = cluster.worker(job), cluster.child(job)
    kill(worker, signal.SIGSTOP)
    try:
        assert all_end([child]), "its worker is paused, and it still runs"
    finally:
        kill(worker, signal.SIGCONT)
    (row,) = cluster.wait_ended(job)
    assert row["status"] == "Failed"


@pytest.mark.parametrize(("harm", "code"), [("memory", "out_of_memory"), ("big-file", "result_too_large")])
def test_a_report_that_uses_too_much_memory_or_disk_fails_with_a_clear_error(
    cluster: Cluster, harm: str, code: str
) -> None:
    (row,) = cluster.wait_ended(cluster.submit(harm))
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 1, code), row["error_trace"]


def test_a_child_that_runs_too_long_is_ended_whatever_it_does(cluster: Cluster) -> None:
    harms = ("starts-programs:60", "ignores-signals", "hangs-in-c")
    jobs = [cluster.submit(harm, "harmful-short") for harm in harms]
    processes = [cluster.child(job) for job in jobs]
    wait_for(lambda: children(processes[0]) or not processes[0].is_running())
    processes += children(processes[0])
    for row in cluster.wait_ended(*jobs):
        assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "timeout", 1)
        assert run_seconds(row) < 3 + 10
    assert all_end(processes, 1)
    assert all_end(cluster.leftover_programs(), 1)


@pytest.mark.chaos
def test_a_child_that_hangs_in_c_is_ended_whatever_the_cycle_of_the_queues_guard(cluster: Cluster) -> None:
    cluster.stop_all_hosts()
    cluster.start_host(FAULTS_GUARD_CYCLE="0.3")
    job = cluster.submit("hangs-in-c", "harmful-short")
    child = cluster.child(job)
    (row,) = cluster.wait_ended(job)
    assert (row["status"], row["error_code"]) == ("Failed", "timeout")
    assert run_seconds(row) < 3 + 10
    assert all_end([child], 1)


def test_a_program_that_a_job_leaves_behind_ends_with_it_although_it_holds_the_pipe_open(cluster: Cluster) -> None:
    (row,) = cluster.wait_ended(cluster.submit("leaves-programs"))
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)
    assert run_seconds(row) < 30, "the worker waited for the program"
    wait_for(lambda: not cluster.leftover_programs())


def test_a_program_that_a_job_started_ends_when_worker_and_child_are_killed(cluster: Cluster) -> None:
    job = cluster.submit("starts-programs:3")
    worker, child = cluster.worker(job), cluster.child(job)
    programs = cluster.programs(job)
    worker.kill()
    assert all_end([child], 1)
    assert all_end(programs, ROUND + 2)
    cluster.wait_ended(job)
    wait_for(lambda: not cluster.leftover_programs())


COMPUTING = """
data_sources: [{slug: mariadb, tenant: acme, kind: sql, url_env: FAULTS_MARIADB_URL}]
reports:
  - slug: computing
    tenant: acme
    name: Computes for minutes before its first row
    data_source: mariadb
    query: select count(*) as n from seq_1_to_1000000 a cross join seq_1_to_1000000 b where a.seq + b.seq = 7
    formats: [csv]
    delivery: [{kind: api_response, mode: asynchronous}]
    grants: {generate: [analysts], view: [analysts]}
"""


@pytest.mark.skipif(mariadb.missing() is not None, reason=str(mariadb.missing()))
def test_a_cancelled_query_that_computes_is_ended_on_mariadb(sqlite_hosts: Cluster, tmp_path: Path) -> None:
    definitions = tmp_path / "computing.yaml"
    definitions.write_text(COMPUTING)
    with mariadb.mariadb_server() as url:
        sqlite_hosts.server.manage("apply", str(definitions), FAULTS_MARIADB_URL=url)
        with pymysql.connect(host="127.0.0.1", port=urlsplit(url).port, user="root") as root, root.cursor() as cursor:
            queries = "select id from information_schema.processlist where info like 'select count(*) as n from seq%'"
            job = sqlite_hosts.submit("", "computing")
            wait_for(lambda: cursor.execute(queries) == 1)
            sqlite_hosts.cancel(job)
            (row,) = sqlite_hosts.wait_ended(job)
            assert row["error_code"] == "cancelled"
            wait_for(lambda: cursor.execute(queries) == 0)


def test_a_child_shares_no_connection_with_its_worker(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("sleep:2")
    postgresql_hosts.wait_running(job)
    of_worker = sockets(postgresql_hosts.worker(job))
    assert of_worker, "the worker has no connection to the database"
    child = postgresql_hosts.child(job)
    wait_for(lambda: not of_worker & sockets(child))
    (row,) = postgresql_hosts.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)


def sockets(process: psutil.Process) -> set[str]:
    """Return the sockets that a process holds open, by their inode numbers."""
    files = [str(entry.readlink()) for entry in Path(f"/proc/{process.pid}/fd").iterdir()]
    return {file for file in files if file.startswith("socket:")}


def test_a_query_that_the_server_ended_for_a_temporary_reason_is_run_again(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("", "short-query")
    queries = "pg_stat_activity where application_name = 'reportserver' and query like '%pg_sleep%'"
    wait_for(lambda: postgresql_hosts.database(f"select pid from {queries}"))
    postgresql_hosts.database(f"select pg_terminate_backend(pid) from {queries}")
    (row,) = postgresql_hosts.wait_ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
