"""A report's own process does harm: it crashes, hangs, hears no signal, leaves others behind, or wants too much."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pymysql
import pytest

from tests import mariadb
from tests.faults.cluster import ROUND, Cluster, children, gone, kill, until
from tests.faults.rows import Row, moment

LAST_WORDS = "the driver's own last words"


def took(row: Row) -> float:
    """Seconds of the job's last attempt."""
    return (moment(row["ended_at"]) - moment(row["started_at"])).total_seconds()


def test_a_process_that_dies_on_every_attempt_is_tried_as_often_as_allowed_and_no_more(cluster: Cluster) -> None:
    harms = ["exit:3", "segfault", "kill", f"speaks-and-crashes:{LAST_WORDS}"]
    jobs = [cluster.submit(harm) for harm in harms]
    unavailable = cluster.submit("unavailable")
    neighbour = cluster.submit("sleep:1")
    words = ["exit status 3", "signal 11", "signal 9", "signal"]
    for row, word in zip(cluster.ended(*jobs), words, strict=True):
        assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "worker_lost")
        assert word in row["error_message"]
    told_to_administrators_only(row, cluster)
    (row,) = cluster.ended(unavailable)
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 3, "source_unavailable")
    (row,) = cluster.ended(neighbour)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)


def told_to_administrators_only(row: Row, cluster: Cluster) -> None:
    """What the process wrote before it crashed."""
    assert LAST_WORDS in row["error_trace"]
    assert "in _speaks_and_crashes" in row["error_trace"], "where it crashed is not told"
    assert LAST_WORDS not in row["error_message"]
    assert len(row["error_trace"]) < 20_000
    logged = (cluster.server.folder / "logs" / "jobs.log").read_text()
    assert logged.count(LAST_WORDS) >= 3 * 5_000


@pytest.mark.chaos
def test_a_child_whose_worker_is_stopped_cannot_burn_processor_time_for_ever(cluster: Cluster) -> None:
    job = cluster.submit("burns", "harmful-short")
    worker, child = cluster.worker(job), cluster.child(job)
    kill(worker, signal.SIGSTOP)
    try:
        assert gone([child]), "it is in nobody's hands and still runs"
    finally:
        kill(worker, signal.SIGCONT)
    (row,) = cluster.ended(job)
    assert row["status"] == "Failed"


@pytest.mark.parametrize(("harm", "code"), [("memory", "out_of_memory"), ("big-file", "result_too_large")])
def test_a_report_that_wants_too_much_memory_or_disk_fails_with_a_sentence(
    cluster: Cluster, harm: str, code: str
) -> None:
    (row,) = cluster.ended(cluster.submit(harm))
    assert (row["status"], row["attempt"], row["error_code"]) == ("Failed", 1, code), row["error_trace"]


def test_what_runs_too_long_is_ended_whatever_it_does(cluster: Cluster) -> None:
    jobs = [cluster.submit(harm, "harmful-short") for harm in ("grandchild:60", "deaf", "hangs-in-c")]
    family = [cluster.child(job) for job in jobs]
    until(lambda: children(family[0]) or not family[0].is_running())
    family += children(family[0])
    for row in cluster.ended(*jobs):
        assert (row["status"], row["error_code"], row["attempt"]) == ("Failed", "timeout", 1)
        assert took(row) < 3 + 10
    assert gone(family, 1)
    assert gone(cluster.strangers(), 1)


@pytest.mark.chaos
def test_what_hangs_in_c_is_ended_however_the_guard_of_the_queue_counts(cluster: Cluster) -> None:
    cluster.no_hosts()
    cluster.start_host(FAULTS_GUARD_CYCLE="0.3")
    job = cluster.submit("hangs-in-c", "harmful-short")
    child = cluster.child(job)
    (row,) = cluster.ended(job)
    assert (row["status"], row["error_code"]) == ("Failed", "timeout")
    assert took(row) < 3 + 10
    assert gone([child], 1)


def test_a_process_left_behind_ends_with_its_job_although_it_holds_the_pipe_open(cluster: Cluster) -> None:
    (row,) = cluster.ended(cluster.submit("leaves-one-behind"))
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)
    assert took(row) < 30, "the worker waited for a process that nobody waits for"
    until(lambda: not cluster.strangers())


def test_a_process_left_behind_ends_when_worker_and_child_are_killed(cluster: Cluster) -> None:
    job = cluster.submit("grandchild:3")
    worker, child = cluster.worker(job), cluster.child(job)
    programs = cluster.programs(job)
    worker.kill()
    assert gone([child], 1)
    assert gone(programs, ROUND + 2)
    cluster.ended(job)
    until(lambda: not cluster.strangers())


COMPUTING = """
data_sources: [{slug: mariadb, tenant: acme, kind: sql, url_env: FAULTS_MARIADB_URL}]
reports:
  - slug: computing
    tenant: acme
    name: Computes for minutes without a word
    data_source: mariadb
    query: select count(*) as n from seq_1_to_1000000 a cross join seq_1_to_1000000 b where a.seq + b.seq = 7
    formats: [csv]
    delivery: [{kind: api_response, mode: asynchronous}]
    grants: {generate: [analysts], view: [analysts]}
"""


@pytest.mark.skipif(mariadb.missing() is not None, reason=str(mariadb.missing()))
def test_a_cancelled_query_that_computes_is_ended_in_mariadb(sqlite_hosts: Cluster, tmp_path: Path) -> None:
    definitions = tmp_path / "computing.yaml"
    definitions.write_text(COMPUTING)
    with mariadb.mariadb_server() as url:
        sqlite_hosts.server.manage("apply", str(definitions), FAULTS_MARIADB_URL=url)
        with pymysql.connect(host="127.0.0.1", port=urlsplit(url).port, user="root") as root, root.cursor() as cursor:
            listed = "select id from information_schema.processlist where info like 'select count(*) as n from seq%'"
            job = sqlite_hosts.submit("", "computing")
            until(lambda: cursor.execute(listed) == 1)
            sqlite_hosts.cancel(job)
            (row,) = sqlite_hosts.ended(job)
            assert row["error_code"] == "cancelled"
            until(lambda: cursor.execute(listed) == 0)


def test_a_job_shares_no_connection_with_its_worker(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("sleep:2")
    postgresql_hosts.running(job)
    kept = sockets(postgresql_hosts.worker(job))
    assert kept, "the worker has no connection to the database"
    child = postgresql_hosts.child(job)
    until(lambda: not kept & sockets(child))
    (row,) = postgresql_hosts.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 1)


def sockets(process: psutil.Process) -> set[str]:
    """The sockets that it holds open, by their numbers in the kernel."""
    files = [str(entry.readlink()) for entry in Path(f"/proc/{process.pid}/fd").iterdir()]
    return {file for file in files if file.startswith("socket:")}


def test_a_query_that_the_server_ended_for_a_passing_reason_is_run_again(postgresql_hosts: Cluster) -> None:
    job = postgresql_hosts.submit("", "short-query")
    asleep = "pg_stat_activity where application_name = 'reportserver' and query like '%pg_sleep%'"
    until(lambda: postgresql_hosts.database(f"select pid from {asleep}"))
    postgresql_hosts.database(f"select pg_terminate_backend(pid) from {asleep}")
    (row,) = postgresql_hosts.ended(job)
    assert (row["status"], row["attempt"]) == ("Succeeded", 2)
